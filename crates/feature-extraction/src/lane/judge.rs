//! Which records are taken in, and which are only looked at.

use tillwatch_records::{Flags, RecordKind};

use super::batch::{Batch, key_of};
use super::feature_lane::FeatureLane;
use crate::fold::Admission;
use crate::plan::Plan;
use crate::state::{KeyIndex, Named, Seen};
use crate::times::NEVER_MS;

/// What is decided about a record.
pub(super) struct Judged {
    /// Where its key is, if that has state.
    pub(super) index: Option<KeyIndex>,
    pub(super) admission: Admission,
    pub(super) marks: Flags,
    /// Its id and its times, and what its key knows of them, for the case that it is accepted.
    pub(super) named: Named,
    pub(super) seen: Seen,
}

impl Judged {
    /// Whether the record leaves no trace.
    #[inline]
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.admission, Admission::Refused { .. })
    }
}

impl FeatureLane {
    /// Decides about a record, and makes its key ready for it: one that is new is made, one that was idle
    /// for too long is emptied. `hint` is where the key was found before, if it was.
    #[inline]
    pub(super) fn admit(
        &mut self,
        plan: &Plan,
        batch: &Batch<'_>,
        row: usize,
        in_chunk: usize,
        hint: Option<KeyIndex>,
    ) -> Judged {
        let now_ms = batch.inputs.times_ms[row];
        let hash = self.chunk.key_hashes[in_chunk];
        let key = key_of(batch, row);
        let index = hint.or_else(|| self.keys.find(hash, key));
        let watermark_ms = index.map_or(NEVER_MS, |i| self.keys.history(i).watermark_ms);
        let newest_ms = now_ms.max(watermark_ms);
        let horizon_ms = plan.settings.time.dedup_horizon.as_ms();
        let kind = batch.events.kinds[row];
        let named = Named {
            id: self.chunk.ids[in_chunk],
            content: self.chunk.contents[in_chunk],
            is_repeat: batch.said.is_repeat(row),
            now_ms,
            newest_ms,
            oldest_ms: newest_ms.saturating_sub(horizon_ms),
        };
        let ids = index.map(|index| self.keys.ids(index));
        let seen = ids.map_or(Seen::Never, |ids| ids.find(&named, &plan.ids));
        let arrived_ms = batch.events.record_timestamps_ms[row];
        let mut marks = judge_times(plan, now_ms, arrived_ms, watermark_ms);
        marks.set(Flags::DUPLICATE, seen == Seen::Same);
        // Several labels speak of one transaction, so that is no reuse.
        let is_reused = seen == Seen::Other && kind != RecordKind::Label;
        marks.set(Flags::ID_REUSED, is_reused);
        // A type that no feature reads leaves no trace, also where it is scored.
        let is_read = plan.kinds.contains(&kind);
        let refused = !is_read || self.count(kind, marks);
        let index = match index {
            None if !refused => Some(self.keys.insert(plan, hash, key, now_ms)),
            other => other,
        };
        let admission = if refused {
            Admission::Refused {
                with_current: is_read && !marks.contains(Flags::DUPLICATE),
            }
        } else if now_ms < watermark_ms {
            Admission::Late
        } else {
            Admission::InOrder
        };
        if admission == Admission::InOrder
            && watermark_ms != NEVER_MS
            && now_ms - watermark_ms > plan.idle_ttl_ms()
            && let Some(index) = index
        {
            self.keys.reset(plan, index, now_ms);
        }
        if !refused {
            self.watermark_ms = self.watermark_ms.max(now_ms);
        }
        Judged {
            index,
            admission,
            marks,
            named,
            seen,
        }
    }

    /// Counts a record by its first mark; gives whether it is refused.
    #[inline]
    fn count(&mut self, kind: RecordKind, marks: Flags) -> bool {
        if marks.changes_state() {
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
}

/// The marks of a record by its times. `watermark_ms` is that of its key.
#[inline]
fn judge_times(plan: &Plan, now_ms: i64, arrived_ms: i64, watermark_ms: i64) -> Flags {
    let time = &plan.settings.time;
    let mut marks = Flags::empty();
    let is_skewed = now_ms > arrived_ms.saturating_add(time.max_future_skew.as_ms());
    marks.set(Flags::CLOCK_SKEW, is_skewed);
    let oldest = watermark_ms.saturating_sub(time.allowed_lateness.as_ms());
    marks.set(Flags::LATE, now_ms < oldest);
    marks
}
