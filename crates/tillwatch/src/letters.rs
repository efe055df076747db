//! Dead letters of what decode has refused.

use tillwatch_decode::{Refusal, RefusalReason};
use tillwatch_records::{RawBatch, RawRecord};
use tillwatch_sink::{DeadLetter, LetterMask, MaskedRecord};

/// A copy of `record`, which was refused so, with its card numbers hidden; `None` where there are none, or
/// nobody hides them.
pub fn masked(
    mask: Option<&LetterMask>,
    raw: &RawBatch,
    record: &RawRecord<'_>,
    refusal: &Refusal,
) -> Option<MaskedRecord> {
    let holds_one = refusal.reason == RefusalReason::PAN_IN_CLEAR;
    mask?.of(raw.source(), record, holds_one)
}

/// The letter of `record`, or of its `masked` copy.
pub fn letter<'a>(
    raw: &'a RawBatch,
    record: RawRecord<'a>,
    masked: Option<&'a MaskedRecord>,
    refusal: &'a Refusal,
) -> DeadLetter<'a> {
    DeadLetter {
        source: raw.source(),
        topic_id: raw.topic_id(),
        record: masked.map_or(record, MaskedRecord::record),
        mask: masked.map(MaskedRecord::mark),
        reason: refusal.reason.code(),
        detail: &refusal.detail,
    }
}
