//! Which records are refused.

use tillwatch_records::{Flags, RecordKind};

use super::OracleSettings;
use super::window::Key;
use crate::stream::Event;

/// The marks of `event`, which nothing but its own `key` decides: `LATE` against the watermark of the key,
/// `CLOCK_SKEW` against the Kafka timestamp of the record, `DUPLICATE` against what the key has accepted.
pub(super) fn judge(settings: &OracleSettings, event: &Event, key: &Key<'_>) -> Flags {
    let now_ms = event.event_time_ms;
    let mut flags = Flags::empty();
    flags.set(
        Flags::CLOCK_SKEW,
        now_ms > event.timestamp_ms + settings.max_future_skew_ms,
    );
    flags.set(
        Flags::LATE,
        key.watermark_ms
            .is_some_and(|time| now_ms < time - settings.allowed_lateness_ms),
    );
    flags.set(Flags::DUPLICATE, is_known(settings, event, key));
    flags
}

/// Whether an accepted record of the same key, kind and event id lies within the horizon before the newest
/// time of the key, that of `event` included. A label carries the id of the transaction it speaks of, and
/// there may be several: its time counts too.
fn is_known(settings: &OracleSettings, event: &Event, key: &Key<'_>) -> bool {
    let newest_ms = key.watermark_ms.max(Some(event.event_time_ms));
    let oldest_ms = newest_ms.map(|time| time - settings.dedup_horizon_ms);
    let mut accepted = key.accepted.iter().map(|record| record.event);
    !event.event_id.is_empty()
        && accepted.any(|known| {
            known.kind == event.kind
                && known.event_id == event.event_id
                && (event.kind != RecordKind::Label || known.event_time_ms == event.event_time_ms)
                && Some(known.event_time_ms) >= oldest_ms
        })
}
