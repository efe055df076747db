//! Seeded streams of records that are everything a feature engine must bear: out of order within and
//! beyond the allowed lateness, repeated, from the future, at equal times, with nulls, of several
//! kinds and keys.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::{Column, EventBatch, Projection, RecordKind, TopicPartition};

/// Event time of the first record of every stream: 2024-01-01T00:00:00Z.
pub const START_MS: i64 = 1_704_067_200_000;

/// One record, with the columns that tests read.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Kind of record.
    pub kind: RecordKind,
    /// Entity key: its terminal id.
    pub terminal_id: String,
    /// Event id.
    pub event_id: String,
    /// Event time in milliseconds since 1970.
    pub event_time_ms: i64,
    /// Kafka timestamp in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Amount in minor units, sometimes null, sometimes negative or very large.
    pub amount_minor: Option<i64>,
    /// Response code, sometimes null.
    pub response_code: Option<&'static str>,
    /// Card, sometimes null.
    pub card_token: Option<String>,
    /// Latitude, sometimes null.
    pub lat: Option<f64>,
    /// Kind of a terminal event.
    pub event_type: Option<&'static str>,
}

/// The columns that [`Event`] has.
pub const COLUMNS: [Column; 8] = [
    Column::EventId,
    Column::EventTime,
    Column::TerminalId,
    Column::CardToken,
    Column::AmountMinor,
    Column::ResponseCode,
    Column::Lat,
    Column::EventType,
];

/// What a stream is made of.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// Same seed, same stream.
    pub seed: u64,
    /// Number of records.
    pub events: usize,
    /// Number of keys.
    pub keys: u32,
    /// Number of cards.
    pub cards: u32,
    /// Longest step of the clock from one record to the next, in milliseconds.
    pub step_ms_max: i64,
    /// Furthest that a record lies behind the clock, in milliseconds.
    pub disorder_ms_max: i64,
    /// Share of records that lie behind the clock, percent.
    pub disorder_percent: u32,
    /// Share of records that repeat an earlier one, percent.
    pub duplicate_percent: u32,
    /// Share of records from the future, percent.
    pub skew_percent: u32,
    /// Share of records that are terminal events or labels, percent.
    pub other_percent: u32,
}

impl StreamSettings {
    /// A small stream with a bit of everything, different for every seed.
    pub fn random(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        Self {
            seed,
            events: random.random_range(20..400),
            keys: random.random_range(1..6),
            cards: [2, 12, 300][random.random_range(0..3)],
            step_ms_max: [10, 2_000, 30_000][random.random_range(0..3)],
            disorder_ms_max: [1_000, 30_000, 600_000][random.random_range(0..3)],
            disorder_percent: random.random_range(0..40),
            duplicate_percent: random.random_range(0..10),
            skew_percent: random.random_range(0..6),
            other_percent: [0, 20][random.random_range(0..2)],
        }
    }
}

/// The records of a stream in order of arrival.
pub fn events(settings: &StreamSettings) -> Vec<Event> {
    let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut clock_ms = START_MS;
    let mut events: Vec<Event> = Vec::with_capacity(settings.events);
    for number in 0..settings.events {
        // A third of the records come at the time of the one before.
        if random.random_range(0..3) != 0 {
            clock_ms += random.random_range(0..=settings.step_ms_max);
        }
        // Seldom nothing comes for long, so that keys start afresh.
        if random.random_range(0..200) == 0 {
            clock_ms += random.random_range(0..20_000_000);
        }
        let mut chance = |percent: u32| random.random_range(0..100) < percent;
        let is_repeat = chance(settings.duplicate_percent) && number > 0;
        let is_behind = chance(settings.disorder_percent);
        let is_ahead = chance(settings.skew_percent);
        let is_other = chance(settings.other_percent);
        if is_repeat {
            let mut repeat = events[random.random_range(0..number)].clone();
            repeat.timestamp_ms = clock_ms;
            if random.random_range(0..4) == 0 {
                repeat.event_time_ms = clock_ms;
            }
            events.push(repeat);
            continue;
        }
        let mut event = event(&mut random, settings, number, clock_ms);
        if is_behind {
            event.event_time_ms -= random.random_range(0..=settings.disorder_ms_max);
        } else if is_ahead {
            event.event_time_ms += random.random_range(0..2_000_000);
        }
        if is_other {
            let is_label = random.random_range(0..2) == 0;
            event.kind = if is_label {
                RecordKind::Label
            } else {
                RecordKind::TerminalEvent
            };
            event.event_type = (!is_label).then_some("BOOT");
            if is_label && number > 0 {
                event.event_id = events[random.random_range(0..number)].event_id.clone();
            }
        }
        events.push(event);
    }
    events
}

fn event(
    random: &mut ChaCha8Rng,
    settings: &StreamSettings,
    number: usize,
    clock_ms: i64,
) -> Event {
    let is_null = |random: &mut ChaCha8Rng| random.random_range(0..12) == 0;
    let amount_minor = match random.random_range(0..20) {
        0 => Some(999_999_999_999 - random.random_range(0..3)),
        1 => Some(-random.random_range(0..5_000)),
        _ => Some(random.random_range(0..20_000)),
    };
    let codes = ["00", "10", "05", "51", "91"];
    let latitudes = [-33.9, -0.0, 0.0, 48.1, 48.2, 59.0];
    Event {
        kind: RecordKind::Transaction,
        terminal_id: format!("T{}", random.random_range(0..settings.keys)),
        event_id: format!("e{number}"),
        event_time_ms: clock_ms,
        timestamp_ms: clock_ms,
        amount_minor: amount_minor.filter(|_| !is_null(random)),
        response_code: Some(codes[random.random_range(0..codes.len())])
            .filter(|_| !is_null(random)),
        card_token: Some(format!("c{}", random.random_range(0..settings.cards)))
            .filter(|_| !is_null(random)),
        lat: Some(latitudes[random.random_range(0..latitudes.len())]).filter(|_| !is_null(random)),
        event_type: None,
    }
}

/// `events` as one batch, with offsets from `first_offset` on.
pub fn batch(events: &[Event], first_offset: i64) -> EventBatch {
    let projection = Projection::new(COLUMNS);
    let columns = projection
        .columns()
        .iter()
        .map(|c| array(events, *c))
        .collect();
    let columns = RecordBatch::try_new(Arc::clone(projection.schema()), columns);
    EventBatch {
        joined: None,
        source: TopicPartition::new("test", 0),
        offsets: (first_offset..).take(events.len()).collect(),
        record_timestamps_ms: events.iter().map(|event| event.timestamp_ms).collect(),
        kinds: events.iter().map(|event| event.kind).collect(),
        columns: columns.unwrap_or_else(|_| RecordBatch::new_empty(projection.schema().clone())),
        projection: Arc::new(projection),
    }
}

fn array(events: &[Event], column: Column) -> ArrayRef {
    fn text<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
        Arc::new(values.collect::<StringArray>())
    }
    match column {
        Column::EventId => text(events.iter().map(|e| Some(e.event_id.as_str()))),
        Column::TerminalId => text(events.iter().map(|e| Some(e.terminal_id.as_str()))),
        Column::CardToken => text(events.iter().map(|e| e.card_token.as_deref())),
        Column::ResponseCode => text(events.iter().map(|e| e.response_code)),
        Column::EventType => text(events.iter().map(|e| e.event_type)),
        Column::EventTime => {
            let times = events.iter().map(|e| e.event_time_ms);
            Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC"))
        }
        Column::Lat => Arc::new(events.iter().map(|e| e.lat).collect::<Float64Array>()),
        _ => Arc::new(
            events
                .iter()
                .map(|e| e.amount_minor)
                .collect::<Int64Array>(),
        ),
    }
}

/// Cuts `0..length` into random pieces, some empty.
pub fn split(seed: u64, length: usize) -> Vec<Range<usize>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5917);
    let longest = [1, 7, 300][random.random_range(0..3)];
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < length {
        let end = (start + random.random_range(0..=longest)).min(length);
        pieces.push(start..end);
        start = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_stream() {
        let settings = StreamSettings::random(7);
        assert_eq!(events(&settings), events(&settings));
        let other = StreamSettings {
            seed: 8,
            ..settings.clone()
        };
        assert_ne!(events(&settings), events(&other));
    }

    #[test]
    fn pieces_cover_everything_once() {
        for seed in 0..20 {
            let pieces = split(seed, 100);
            let covered: Vec<usize> = pieces.into_iter().flatten().collect();
            assert_eq!(covered, (0..100).collect::<Vec<_>>());
        }
    }
}
