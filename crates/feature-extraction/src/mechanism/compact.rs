//! Compaction: rows that have expired go, but for those that windows with a resolution still need.

use super::needed::needed;
use crate::plan::Plan;
use crate::state::History;
use crate::structures::HeldSlot;

/// Makes room for one more row: by dropping what has expired when that is a sixth of the rows, so that
/// moving the rest is paid for by records already gone, else by growing. `holdings`, one per
/// [`Plan::holdings`], must hold what lies between the cursors.
#[inline]
pub(crate) fn make_room(plan: &Plan, history: &mut History, holdings: &mut [HeldSlot]) {
    if history.is_full() {
        compact_or_grow(plan, history, holdings);
    }
}

#[cold]
#[inline(never)]
fn compact_or_grow(plan: &Plan, history: &mut History, holdings: &mut [HeldSlot]) {
    let expired = history.count_until(plan, history.forgotten_ms(plan));
    let needed = needed(plan, history, expired);
    let dropped = expired - needed.len() as u32;
    if dropped == 0 || dropped * 6 < history.rows() {
        history.grow();
        return;
    }
    for (slot, since) in plan.sinces.iter().enumerate() {
        let fresh = (history.compacted(), expired);
        if let Some(row) = history.last_counted(plan, fresh, since.count) {
            let time = history.time(plan, row);
            history.set_fixed_time(plan.since_at(slot) + 2, time);
        }
    }
    for (spec, slot) in plan.holdings.iter().zip(holdings) {
        spec.compact(plan, history, slot, &needed, expired);
    }
    history.drop_expired(plan, expired, &needed);
    if plan.label_words.is_some() {
        let at = plan.label_hint_at();
        history.set_fixed(at, history.fixed(at).saturating_sub(dropped));
    }
}
