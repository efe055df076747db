//! Which records are refused, and which come under the id of another.

use tillwatch_records::{Flags, RecordKind};

use super::OracleSettings;
use super::window::Key;
use crate::stream::Event;

/// The marks of `event`, which nothing but its own `key` decides: `LATE` against the watermark of the key,
/// `CLOCK_SKEW` against the Kafka timestamp of the record, `DUPLICATE` and `ID_REUSED` against what the key
/// has accepted.
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
    let known = of_same_id(settings, event, key);
    let is_same = says_the_same(event, &known);
    flags.set(Flags::DUPLICATE, is_same);
    // Several labels speak of one transaction.
    let may_be_reused = event.kind != RecordKind::Label && !known.is_empty();
    flags.set(Flags::ID_REUSED, may_be_reused && !is_same);
    flags
}

/// The accepted records with the event id of `event` that lie within the horizon before the newest time of
/// the key, that of `event` included, in order of arrival. A label carries the id of the transaction it
/// speaks of, so labels are compared with labels alone.
fn of_same_id<'a>(settings: &OracleSettings, event: &Event, key: &Key<'a>) -> Vec<&'a Event> {
    let newest_ms = key.watermark_ms.max(Some(event.event_time_ms));
    let oldest_ms = newest_ms.map(|time| time - settings.dedup_horizon_ms);
    let is_label = |event: &Event| event.kind == RecordKind::Label;
    let accepted = key.accepted.iter().map(|record| record.event);
    let known = accepted.filter(|known| {
        !event.event_id.is_empty()
            && known.event_id == event.event_id
            && is_label(known) == is_label(event)
            && Some(known.event_time_ms) >= oldest_ms
    });
    known.collect()
}

/// Whether one of `known` has the content of `event` and its time, to the second. A message that says that it
/// repeats another may have a time of its own: then it is compared with the newest of them.
fn says_the_same(event: &Event, known: &[&Event]) -> bool {
    let second = |event: &Event| event.event_time_ms.div_euclid(1000);
    let mut at_its_time = known.iter().filter(|known| second(known) == second(event));
    // Of equal ones it is the last.
    let newest = known.iter().max_by_key(|known| known.event_time_ms);
    let is_repeat = event.mti.is_some_and(|mti| mti.ends_with(['1', '3', '5']));
    at_its_time.any(|known| content(known) == content(event))
        || (is_repeat && newest.is_some_and(|known| content(known) == content(event)))
}

/// What a record says besides its id and its time.
fn content(event: &Event) -> (RecordKind, Option<i64>, [Option<&str>; 2]) {
    match event.kind {
        RecordKind::Transaction => (
            event.kind,
            event.amount_minor,
            [event.currency, event.card_token.as_deref()],
        ),
        RecordKind::TerminalEvent => (event.kind, None, [event.event_type, None]),
        RecordKind::Label => (event.kind, None, [event.label_kind, None]),
    }
}
