//! Time since the last other record.
//!
//! Cost: O(1) in order, O(log n) late. Space: 16 bytes per key, so the answer outlives the windows,
//! and 4 per record for the running count of its filter, shared.

use crate::plan::{Plan, SinceSpec};
use crate::state::History;
use crate::times::NEVER_MS;

/// Milliseconds per second.
const MS: f64 = 1000.0;

impl SinceSpec {
    /// Seconds from the newest counted record to `now_ms`, not before the watermark; NaN if none.
    #[inline]
    pub(crate) fn in_order(plan: &Plan, slot: usize, history: &History, now_ms: i64) -> f64 {
        seconds(history.fixed_time(plan.since_at(slot)), now_ms)
    }

    /// Seconds from the last counted record at or before `now_ms` to it, where `rows` records are at
    /// or before it; NaN if there is none, and for a record older than everything kept.
    pub(crate) fn searched(
        &self,
        plan: &Plan,
        slot: usize,
        history: &History,
        now_ms: i64,
        rows: u32,
    ) -> f64 {
        let newest = history.fixed_time(plan.since_at(slot));
        if now_ms < history.forgotten_ms(plan) {
            f64::NAN
        } else if newest <= now_ms {
            seconds(newest, now_ms)
        } else {
            let rows = (history.compacted().min(rows), rows);
            let kept = history.last_counted(plan, rows, self.count);
            let dropped = || history.fixed_time(plan.since_at(slot) + 2);
            seconds(
                kept.map_or_else(dropped, |row| history.time(plan, row)),
                now_ms,
            )
        }
    }
}

#[inline]
fn seconds(last_ms: i64, now_ms: i64) -> f64 {
    if last_ms == NEVER_MS {
        return f64::NAN;
    }
    (now_ms - last_ms) as f64 / MS
}
