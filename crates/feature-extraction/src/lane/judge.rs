//! Which records are taken in, and which are only looked at.

use tillwatch_records::{Flags, RecordKind};

use super::feature_lane::{FeatureLane, Warmth};
use crate::plan::Plan;

impl FeatureLane {
    /// The marks that refuse a record.
    #[inline]
    pub(super) fn judge(
        &self,
        plan: &Plan,
        id: u64,
        now_ms: i64,
        arrived_ms: i64,
        watermark_ms: i64,
    ) -> Flags {
        let time = &plan.settings.time;
        let mut marks = Flags::empty();
        let is_skewed = now_ms > arrived_ms.saturating_add(time.max_future_skew.as_ms());
        marks.set(Flags::CLOCK_SKEW, is_skewed);
        let oldest = watermark_ms.saturating_sub(time.allowed_lateness.as_ms());
        marks.set(Flags::LATE, now_ms < oldest);
        let is_known = id != 0 && self.dedup.is_known(id, self.watermark_ms);
        marks.set(Flags::DUPLICATE, is_known);
        marks
    }

    /// Counts a record by its first mark; gives whether it is refused.
    #[inline]
    pub(super) fn count(&mut self, kind: RecordKind, marks: Flags) -> bool {
        if marks.is_empty() {
            self.stats.accepted += u64::from(kind == RecordKind::Transaction);
            return false;
        }
        if marks.contains(Flags::CLOCK_SKEW) {
            self.stats.skewed += 1;
        } else if marks.contains(Flags::DUPLICATE) {
            self.stats.duplicate += 1;
        } else {
            self.stats.late += 1;
        }
        true
    }

    #[inline]
    pub(super) fn is_warming(&mut self, plan: &Plan, now_ms: i64, refused: bool) -> bool {
        if self.warm_at_ms == Warmth::Cold && !refused {
            self.warm_at_ms = Warmth::WarmAt(now_ms.saturating_add(plan.longest_window_ms()));
        }
        if let Warmth::WarmAt(warm_at_ms) = self.warm_at_ms
            && self.watermark_ms >= warm_at_ms
        {
            self.warm_at_ms = Warmth::Warm;
        }
        self.warm_at_ms != Warmth::Warm
    }
}
