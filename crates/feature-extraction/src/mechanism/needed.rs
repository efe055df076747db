//! Which old rows windows with a resolution still need.
//!
//! A row is compacted when it is older than every exact window. A window with a resolution that contains
//! such a row ends after it, and so contains all rows between the two. So of two rows with the same value
//! the older one is not needed, nor is a row with a number that a later one beats. With the rows that are
//! left, every window gives the answer that it would give with all of them.

use crate::plan::{Lasting, Needed, Plan};
use crate::state::History;
use crate::structures::table::distinct::Newest;
use crate::times::NEVER_MS;

/// The rows before `expired` that windows with a resolution may still need, ascending.
pub(super) fn needed(plan: &Plan, history: &History, expired: u32) -> Vec<u32> {
    if !plan.has_panes {
        return Vec::new();
    }
    let mut rows: Vec<u32> = (0..expired)
        .filter(|row| is_pane(plan, history, *row))
        .collect();
    for lasting in &plan.lasting {
        needed_by(plan, history, *lasting, expired, &mut rows);
    }
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Appends the rows before `expired` that `lasting` needs.
fn needed_by(plan: &Plan, history: &History, lasting: Lasting, expired: u32, rows: &mut Vec<u32>) {
    let bound = &plan.bounds[lasting.bound];
    let oldest_ms = history.watermark_ms.saturating_sub(plan.lateness_ms());
    let first = history.count_until(plan, bound.limit_ms(oldest_ms));
    let newest_first = (first..expired).rev();
    match lasting.needed {
        Needed::Values { raw } => {
            let mut newest = Newest::default();
            rows.extend(newest_first.filter(|row| {
                let hash = history.raw(plan, *row, raw, false);
                newest.needs(hash)
            }));
        }
        Needed::Extreme { queue } => {
            let spec = &plan.extremes[queue];
            let mut highest: Option<Candidate> = None;
            for row in newest_first {
                let Some(rank) = spec.rank_at(plan, history, row) else {
                    continue;
                };
                let pane = history.time(plan, row).div_euclid(bound.resolution_ms);
                match highest {
                    Some(known) if rank <= known.rank => continue,
                    // No window begins between the two.
                    Some(known) if pane == known.pane => {}
                    Some(known) => rows.push(known.row),
                    None => {}
                }
                highest = Some(Candidate { rank, pane, row });
            }
            rows.extend(highest.map(|known| known.row));
        }
    }
}

/// Whether the row is the first of a pane that a window may still begin with. Whether the row
/// before is, does not matter: dropping it leaves this one the first.
fn is_pane(plan: &Plan, history: &History, row: u32) -> bool {
    if !plan.has_panes {
        return false;
    }
    let time = history.time(plan, row);
    let previous = match row {
        0 => NEVER_MS,
        _ => history.time(plan, row - 1),
    };
    let oldest = history.watermark_ms.saturating_sub(plan.lateness_ms());
    let mut sawtooth = plan.bounds.iter().filter(|bound| bound.resolution_ms > 0);
    sawtooth.any(|bound| {
        let pane = |time: i64| time.div_euclid(bound.resolution_ms);
        time > bound.limit_ms(oldest) && (previous == NEVER_MS || pane(previous) != pane(time))
    })
}
/// The highest rank of the rows from one on.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    rank: i64,
    pane: i64,
    row: u32,
}
