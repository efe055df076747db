//! What may be missing of a key's records, and until when that shows.

use tillwatch_records::Flags;

use crate::plan::Plan;
use crate::times::NEVER_MS;
use crate::words::{push64, take, take64};

/// A part of a key's past that it may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// No record that is missing is newer.
    pub(crate) end_ms: i64,
    /// What the key remembers that may still tell of missing records, as bits of
    /// [`Wholeness`](crate::plan::Wholeness).
    pub(crate) unknown: u64,
    /// Records before this event time see windows that may lack some, or hold what was found wrongly.
    pub(crate) whole_at_ms: i64,
    /// Why it may lack them.
    pub(crate) cause: Flags,
}

/// `None` where a key lacks nothing, which is nearly always.
pub(crate) type GapSlot = Option<Box<Gap>>;

/// Bytes of a slot that is filled.
#[inline]
pub(crate) fn bytes(slot: &GapSlot) -> usize {
    slot.as_ref().map_or(0, |_| size_of::<Gap>())
}

impl Gap {
    /// Of a key that knows of no record.
    pub(crate) fn new(plan: &Plan, end_ms: i64, cause: Flags) -> Self {
        Self {
            end_ms,
            unknown: plan.whole.all(),
            whole_at_ms: end_ms.saturating_add(plan.whole.windows_ms),
            cause,
        }
    }

    /// The marks of a record at `now_ms`.
    #[inline]
    pub(crate) fn marks(&self, plan: &Plan, now_ms: i64) -> Flags {
        if self.unknown & plan.whole.needed != 0 || now_ms < self.whole_at_ms {
            return self.cause;
        }
        Flags::empty()
    }

    /// Whether no later record of a key with this watermark sees it: what is older than is kept sees nothing.
    pub(crate) fn is_past(&self, plan: &Plan, watermark_ms: i64) -> bool {
        let last_ms = self.whole_at_ms.saturating_add(plan.retention_ms());
        self.unknown == 0 && watermark_ms > last_ms
    }

    /// The gap of a key that was idle for so long that it started afresh at `now_ms`: none, where a key that
    /// lacks nothing would have as well.
    pub(crate) fn afresh(&self, plan: &Plan, watermark_ms: i64, now_ms: i64) -> GapSlot {
        let is_certain =
            watermark_ms > self.end_ms || now_ms > self.end_ms.saturating_add(plan.idle_ttl_ms());
        (!is_certain).then(|| Box::new(Self::new(plan, self.end_ms, self.cause)))
    }

    /// Lets the key lack what a record at `now_ms` should have said, beside what it lacks already.
    #[cold]
    pub(crate) fn widen(slot: &mut GapSlot, plan: &Plan, now_ms: i64, cause: Flags) {
        let known = slot.as_deref().copied();
        let own = Self::new(plan, now_ms, cause);
        let all = known.map_or(own, |known| Self {
            end_ms: own.end_ms.max(known.end_ms),
            unknown: own.unknown | known.unknown,
            whole_at_ms: own.whole_at_ms.max(known.whole_at_ms),
            cause: own.cause | known.cause,
        });
        *slot = Some(Box::new(all));
    }

    /// Appends the slot as words.
    pub(crate) fn write(slot: &GapSlot, out: &mut Vec<u32>) {
        let Some(gap) = slot else {
            return out.push(0);
        };
        let Self {
            end_ms,
            unknown,
            whole_at_ms,
            cause,
        } = &**gap;
        out.push(u32::from(cause.bits()));
        push64(out, end_ms.cast_unsigned());
        push64(out, *unknown);
        push64(out, whole_at_ms.cast_unsigned());
    }

    /// Takes what [`Gap::write`] appended from the front of `words`; nothing if it cannot have written it.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<GapSlot> {
        let cause = u16::try_from(take(words)?).ok()?;
        if cause == 0 {
            return Some(None);
        }
        let cause = Flags::from_bits(cause)?;
        (Flags::WARMING | Flags::STATE_EVICTED)
            .contains(cause)
            .then_some(())?;
        let end_ms = take64(words)?.cast_signed();
        let unknown = take64(words)?;
        let whole_at_ms = take64(words)?.cast_signed();
        (end_ms != NEVER_MS).then(|| {
            Some(Box::new(Self {
                end_ms,
                unknown,
                whole_at_ms,
                cause,
            }))
        })
    }
}
