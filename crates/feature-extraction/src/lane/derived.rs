//! What a key has that follows from its rows, made of them again.

use crate::plan::Plan;
use crate::state::{KeyParts, Span};

/// Fills the queues and totals of a key that has rows, and cursors that stand at its watermark, but nothing
/// else that follows from them. What large windows hold is made when they move next.
pub(super) fn derive(plan: &Plan, key: &mut KeyParts<'_>) {
    let history = &mut *key.history;
    for (spec, queue) in plan.extremes.iter().zip(&mut *key.queues) {
        let oldest_ms = history.watermark_ms.saturating_sub(spec.reach_ms);
        for row in history.count_until(plan, oldest_ms)..history.cursor(spec.end_bound) {
            if let Some(rank) = spec.rank_at(plan, history, row) {
                queue.push(history.time(plan, row), rank);
            }
        }
    }
    for (slot, spec) in plan.labelled.iter().enumerate() {
        let rows = Span {
            start: history.cursor(spec.start_bound),
            end: history.cursor(spec.end_bound),
        };
        let total = spec.scan(plan, history, rows);
        history.set_fixed_total(plan.labelled_at(slot), total);
    }
}
