//! Which records are refused.

use tillwatch_records::{Flags, RecordKind};

use super::OracleSettings;
use crate::stream::Event;

/// The marks of `event`: `LATE` against its key's watermark, `CLOCK_SKEW` against its own Kafka
/// timestamp, `DUPLICATE` against the accepted records of the `lane`.
pub(super) fn judge(
    settings: &OracleSettings,
    event: &Event,
    watermark_ms: Option<i64>,
    lane: &[&Event],
) -> Flags {
    let now_ms = event.event_time_ms;
    let mut flags = Flags::empty();
    flags.set(
        Flags::CLOCK_SKEW,
        now_ms > event.timestamp_ms + settings.max_future_skew_ms,
    );
    flags.set(
        Flags::LATE,
        watermark_ms.is_some_and(|time| now_ms < time - settings.allowed_lateness_ms),
    );
    flags.set(Flags::DUPLICATE, is_known(settings, event, lane));
    flags
}

/// Whether an accepted record of the same key, kind and event id lies within the horizon. A label
/// carries the id of the transaction it speaks of, and there may be several: its time counts too.
fn is_known(settings: &OracleSettings, event: &Event, lane: &[&Event]) -> bool {
    let times = lane.iter().map(|known| known.event_time_ms);
    let Some(lane_ms) = times.max() else {
        return false;
    };
    !event.event_id.is_empty()
        && lane.iter().any(|known| {
            known.kind == event.kind
                && known.terminal_id == event.terminal_id
                && known.event_id == event.event_id
                && (event.kind != RecordKind::Label || known.event_time_ms == event.event_time_ms)
                && known.event_time_ms >= lane_ms - settings.dedup_horizon_ms
        })
}
