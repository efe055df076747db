//! The smallest and largest values that a record sees.

use super::view::View;
use crate::plan::{End, ExtremeSpec, Extremes, Window};
use crate::structures::Walk;

impl View<'_> {
    /// The extremes of windows that share a queue.
    #[inline]
    pub(super) fn extremes(&self, extremes: &Extremes, limits_ms: &[i64], taken: &mut [u64]) {
        let spec = &self.plan.extremes[extremes.queue];
        let end = self.plan.ends[extremes.end];
        let own = self.own_rank(spec, end);
        let mut walk = self.queues[extremes.queue].walk();
        for (start, slot) in &extremes.starts {
            let others = if self.in_order() {
                walk.first_after(limits_ms[*start]).map(|entry| entry.rank)
            } else {
                self.extreme_at(spec, &mut walk, *start, end.bound)
            };
            let highest = others.max(own);
            let value = highest.map_or(f64::NAN, |rank| spec.value(rank));
            taken[*slot] = value.to_bits();
        }
    }

    /// Highest rank in a window of a record that is not in order. The queue tells where its answer is not
    /// newer than that window, and nothing of the window is forgotten.
    fn extreme_at(
        &self,
        spec: &ExtremeSpec,
        walk: &mut Walk<'_>,
        start: usize,
        end: usize,
    ) -> Option<i64> {
        let (plan, history, now_ms) = (self.plan, self.history, self.record.now_ms);
        let (start_ms, end_ms) = (
            plan.bounds[start].limit_ms(now_ms),
            plan.bounds[end].limit_ms(now_ms),
        );
        let rows = self.bounds[start]..self.bounds[end];
        let watermark_ms = history.watermark_ms;
        let is_kept = now_ms >= watermark_ms.saturating_sub(plan.lateness_ms());
        if is_kept && rows.end <= history.cursor(end) {
            // What the queue has given up already is looked at.
            let oldest_ms = watermark_ms.saturating_sub(spec.reach_ms).max(start_ms);
            let known = history.count_until(plan, oldest_ms);
            let older = spec.scan(plan, history, rows.start..known.min(rows.end));
            match walk.first_after(oldest_ms) {
                None => return older,
                Some(entry) if entry.time_ms <= end_ms => return older.max(Some(entry.rank)),
                Some(_) => {}
            }
        }
        spec.scan(plan, history, rows)
    }

    /// The extreme of a few newest records.
    #[inline]
    pub(super) fn extreme(&self, window: Window, queue: usize) -> f64 {
        let (spec, end) = (&self.plan.extremes[queue], self.plan.ends[window.end]);
        let rows = self.rows(window);
        let (plan, history) = (self.plan, self.history);
        let others = if window.is_sparse(rows.len()) {
            let counted = history.all_counted(plan, rows, window.counted);
            counted
                .filter_map(|row| spec.rank_at(plan, history, row))
                .max()
        } else {
            spec.scan(plan, history, rows.start..rows.end)
        };
        let highest = others.max(self.own_rank(spec, end));
        highest.map_or(f64::NAN, |rank| spec.value(rank))
    }

    #[inline]
    fn own_rank(&self, spec: &ExtremeSpec, end: End) -> Option<i64> {
        if self.has_current(end) {
            spec.rank_of(self.record.delta)
        } else {
            None
        }
    }
}
