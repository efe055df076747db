//! Which old rows windows with a resolution still need.
//!
//! All windows that can still be asked for end after every row that is thinned out, so of a value only
//! the newest row matters, and of numbers only those that no later one beats. What is left gives every
//! window the same answer as all rows would.

use super::{History, NEVER_MS};
use crate::feature::table::distinct::Newest;
use crate::plan::{Lasting, Needed, Plan};

impl History {
    /// The rows before `expired` that windows with a resolution may still need, ascending.
    pub(super) fn needed(&self, plan: &Plan, expired: u32) -> Vec<u32> {
        if !plan.has_panes {
            return Vec::new();
        }
        let mut rows: Vec<u32> = (0..expired)
            .filter(|row| self.is_pane(plan, *row))
            .collect();
        for lasting in &plan.lasting {
            self.needed_by(plan, *lasting, expired, &mut rows);
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// Appends the rows before `expired` that `lasting` needs.
    fn needed_by(&self, plan: &Plan, lasting: Lasting, expired: u32, rows: &mut Vec<u32>) {
        let bound = &plan.bounds[lasting.bound];
        let oldest_ms = self.watermark_ms.saturating_sub(plan.lateness_ms());
        let first = self.count_until(plan, bound.limit_ms(oldest_ms));
        let newest_first = (first..expired).rev();
        match lasting.needed {
            Needed::Values { raw } => {
                let mut newest = Newest::default();
                rows.extend(newest_first.filter(|row| {
                    let hash = self.raw(plan, *row, raw, false);
                    newest.needs(hash)
                }));
            }
            Needed::Extreme { queue } => {
                let spec = &plan.extremes[queue];
                let mut highest: Option<Candidate> = None;
                for row in newest_first {
                    let Some(rank) = spec.rank_at(plan, self, row) else {
                        continue;
                    };
                    let pane = self.time(plan, row).div_euclid(bound.resolution_ms);
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
    fn is_pane(&self, plan: &Plan, row: u32) -> bool {
        if !plan.has_panes {
            return false;
        }
        let time = self.time(plan, row);
        let previous = match row {
            0 => NEVER_MS,
            _ => self.time(plan, row - 1),
        };
        let oldest = self.watermark_ms.saturating_sub(plan.lateness_ms());
        let mut sawtooth = plan.bounds.iter().filter(|bound| bound.resolution_ms > 0);
        sawtooth.any(|bound| {
            let pane = |time: i64| time.div_euclid(bound.resolution_ms);
            time > bound.limit_ms(oldest) && (previous == NEVER_MS || pane(previous) != pane(time))
        })
    }
}

/// The highest rank of the rows from one on.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    rank: i64,
    pane: i64,
    row: u32,
}
