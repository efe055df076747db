//! Seeded streams of records that are everything a feature engine must bear: out of order within and
//! beyond the allowed lateness, repeated, from the future, at equal times, with nulls, of several
//! kinds and keys.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::RecordKind;

mod event;

pub use event::{COLUMNS, Event, START_MS, batch};

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
    /// Share of records that repeat an earlier one, percent: half of them in full.
    pub duplicate_percent: u32,
    /// Share of records that are new and come under the event id of an earlier one, percent.
    pub reuse_percent: u32,
    /// Share of records from the future, percent.
    pub skew_percent: u32,
    /// Share of records that are terminal events or labels, percent.
    pub other_percent: u32,
}

impl StreamSettings {
    /// A small stream with a bit of everything, different for every seed: a third of them spread over
    /// weeks, so that hours of the week and panes matter.
    pub fn random(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let events = random.random_range(20..300);
        let is_slow = random.random_range(0..3) == 0;
        let steps_ms = if is_slow {
            [1_200_000, 14_400_000, 43_200_000]
        } else {
            [10, 2_000, 30_000]
        };
        let disorders_ms = if is_slow {
            [30_000, 3_600_000, 43_200_000]
        } else {
            [1_000, 30_000, 600_000]
        };
        Self {
            seed,
            events,
            keys: random.random_range(1..6),
            cards: [2, 12, 300][random.random_range(0..3)],
            step_ms_max: steps_ms[random.random_range(0..3)],
            disorder_ms_max: disorders_ms[random.random_range(0..3)],
            disorder_percent: random.random_range(0..40),
            duplicate_percent: random.random_range(0..10),
            reuse_percent: random.random_range(0..6),
            skew_percent: random.random_range(0..6),
            other_percent: [0, 20, 60][random.random_range(0..3)],
        }
    }

    /// Whether it goes on for days rather than minutes.
    pub fn is_slow(&self) -> bool {
        self.step_ms_max >= 600_000
    }

    /// Longest step of the clock when nothing comes for long.
    fn silence_ms_max(&self) -> i64 {
        20_000_000.max(self.step_ms_max * 40)
    }
}

/// The records of a stream in order of arrival.
pub fn events(settings: &StreamSettings) -> Vec<Event> {
    let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut clock_ms = START_MS;
    let mut runs = BTreeMap::new();
    let mut events: Vec<Event> = Vec::with_capacity(settings.events);
    for number in 0..settings.events {
        // A third of the records come at the time of the one before.
        if random.random_range(0..3) != 0 {
            clock_ms += random.random_range(0..=settings.step_ms_max);
        }
        // Seldom nothing comes for long, so that keys start afresh.
        if random.random_range(0..200) == 0 {
            clock_ms += random.random_range(0..settings.silence_ms_max());
        }
        let mut chance = |percent: u32| random.random_range(0..100) < percent;
        let is_repeat = chance(settings.duplicate_percent) && number > 0;
        let is_behind = chance(settings.disorder_percent);
        let is_ahead = chance(settings.skew_percent);
        let is_other = chance(settings.other_percent);
        let is_reuse = chance(settings.reuse_percent) && number > 0;
        if is_repeat {
            let repeat = events[random.random_range(0..number)].clone();
            events.push(sent_again(&mut random, repeat, clock_ms));
            continue;
        }
        let mut event = transaction(&mut random, settings, number, clock_ms);
        event.stan = stan(
            &mut random,
            runs.entry(event.terminal_id.clone()).or_default(),
        );
        if is_behind {
            event.event_time_ms -= random.random_range(0..=settings.disorder_ms_max);
        } else if is_ahead {
            event.event_time_ms += random.random_range(0..2_000_000);
        }
        if is_other && random.random_range(0..3) != 0 {
            make_label(&mut random, &mut event, &events);
        } else if is_other {
            event.kind = RecordKind::TerminalEvent;
            event.event_type = one_of(&mut random, &["BOOT", "BOOT", "TAMPER"]);
        }
        if is_reuse && !event.event_id.is_empty() {
            let recent = number.saturating_sub(20);
            let other = &events[random.random_range(recent..number)];
            event.event_id.clone_from(&other.event_id);
            event.terminal_id.clone_from(&other.terminal_id);
        }
        events.push(event);
    }
    events
}

/// `event` as it comes once more: in full, at another time with or without saying that it is sent again, or
/// with something else in it.
fn sent_again(random: &mut ChaCha8Rng, mut event: Event, clock_ms: i64) -> Event {
    event.timestamp_ms = clock_ms;
    match random.random_range(0..10) {
        0 => event.event_time_ms = clock_ms,
        1 | 2 => {
            event.event_time_ms = clock_ms;
            event.mti = Some("0221");
        }
        3 => event.amount_minor = Some(777),
        4 => event.card_token = Some("c777".to_owned()),
        5 => event.currency = Some("JPY"),
        _ => {}
    }
    event
}

fn transaction(
    random: &mut ChaCha8Rng,
    settings: &StreamSettings,
    number: usize,
    clock_ms: i64,
) -> Event {
    let is_null = |random: &mut ChaCha8Rng| random.random_range(0..12) == 0;
    let amount_minor = match random.random_range(0..20) {
        0 => Some(999_999_999_999 - random.random_range(0..3)),
        1 => Some(-random.random_range(0..5_000)),
        2..8 => Some(random.random_range(0..4) * 500),
        _ => Some(random.random_range(0..20_000)),
    };
    let codes = ["00", "10", "05", "51", "91"];
    let latitudes = [-33.9, -0.0, 0.0, 48.1, 48.2, 59.0];
    let longitudes = [-122.4, -0.1, 0.0, 11.5, 11.6, 151.2];
    let serials = ["S1", "S1", "S1", "S2", "S3"];
    let categories = ["5411", "5411", "5812", "6011"];
    let terminal_id = format!("T{}", random.random_range(0..settings.keys));
    let event_id = format!("e{number}");
    Event {
        mti: one_of(random, &["0100", "0100", "0220", "0201"]).filter(|_| !is_null(random)),
        amount_minor: amount_minor.filter(|_| !is_null(random)),
        currency: one_of(random, &["EUR", "EUR", "USD"]).filter(|_| !is_null(random)),
        response_code: one_of(random, &codes).filter(|_| !is_null(random)),
        card_token: Some(format!("c{}", random.random_range(0..settings.cards)))
            .filter(|_| !is_null(random)),
        lat: one_of(random, &latitudes).filter(|_| !is_null(random)),
        lon: one_of(random, &longitudes).filter(|_| !is_null(random)),
        rrn: Some(format!("r{}", random.random_range(0..40))).filter(|_| !is_null(random)),
        hardware_serial: one_of(random, &serials).filter(|_| !is_null(random)),
        mcc: one_of(random, &categories).filter(|_| !is_null(random)),
        ..Event::bare(RecordKind::Transaction, &terminal_id, &event_id, clock_ms)
    }
}

fn one_of<T: Copy>(random: &mut ChaCha8Rng, values: &[T]) -> Option<T> {
    Some(values[random.random_range(0..values.len())])
}

/// Two counters of one terminal; the second is its clone.
#[derive(Debug, Default)]
struct Runs {
    last: [Option<i64>; 2],
    is_forked: bool,
}

/// The next sequence number: most often the one after the last, which is never far from where numbers
/// wrap; sometimes repeated, skipped, gone back or from the other run.
fn stan(random: &mut ChaCha8Rng, runs: &mut Runs) -> Option<i64> {
    if random.random_range(0..25) == 0 {
        runs.is_forked = !runs.is_forked;
    }
    let run = usize::from(runs.is_forked && random.random_range(0..2) == 0);
    let step = match random.random_range(0..20) {
        0 => 0,
        1 => random.random_range(2..200),
        2 => -random.random_range(1..100),
        3 => [64, 65, 500_000, 500_001][random.random_range(0..4)],
        4..6 => 2,
        _ => 1,
    };
    let start = [999_980, 5_000][run];
    let number = (runs.last[run].unwrap_or(start) + step).rem_euclid(1_000_000);
    runs.last[run] = Some(number);
    Some(number).filter(|_| random.random_range(0..30) != 0)
}

/// Turns `event` into a label: most often of a recent transaction of its key, by event id or by time;
/// sometimes of one that is still to come, of another key or of none.
fn make_label(random: &mut ChaCha8Rng, event: &mut Event, before: &[Event]) {
    let kinds = ["TC40", "CONFIRMED", "CLEARED", "CHARGEBACK"];
    event.kind = RecordKind::Label;
    event.label_kind = one_of(random, &kinds).filter(|_| random.random_range(0..12) != 0);
    let recent = &before[before.len().saturating_sub(25)..];
    let choice = random.random_range(0..20);
    if choice == 0 || recent.is_empty() {
        let ahead = before.len() + random.random_range(1..8);
        event.event_id = format!("e{ahead}");
        return;
    }
    let subject = &recent[random.random_range(0..recent.len())];
    event.event_id = subject.event_id.clone();
    if choice > 2 {
        event.terminal_id = subject.terminal_id.clone();
    }
    if random.random_range(0..4) != 0 {
        event.occurred_time_ms = Some(subject.event_time_ms);
    }
    if random.random_range(0..3) == 0 {
        event.event_id.clear();
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

/// Places in `0..=length` at which to interrupt and go on, in ascending order: none, one or several,
/// some at the ends and some repeated.
pub fn cuts(seed: u64, length: usize) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0xc075);
    let count = [0, 1, 1, 2, 5, 20][random.random_range(0..6)];
    let mut places: Vec<usize> = (0..count)
        .map(|_| random.random_range(0..=length))
        .collect();
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use tillwatch_records::Column;

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

    #[test]
    fn cuts_are_places_in_order() {
        let all: Vec<Vec<usize>> = (0..50).map(|seed| cuts(seed, 10)).collect();
        for places in &all {
            assert!(places.is_sorted() && places.iter().all(|place| *place <= 10));
        }
        assert!(all.iter().any(Vec::is_empty) && all.iter().any(|places| places.len() > 4));
    }

    #[test]
    fn streams_have_what_engines_must_bear() {
        let all: Vec<Event> = (0..60)
            .flat_map(|seed| events(&StreamSettings::random(seed)))
            .collect();
        let some = |holds: &dyn Fn(&[Event]) -> bool| all.windows(2).any(holds);
        let one = |holds: &dyn Fn(&Event) -> bool| all.iter().any(holds);
        assert!(some(&|e| e[0].event_time_ms == e[1].event_time_ms));
        assert!(some(
            &|e| e[0].event_time_ms > e[1].event_time_ms + 3_600_000
        ));
        assert!(some(
            &|e| e[0].event_time_ms + 86_400_000 < e[1].event_time_ms
        ));
        assert!(some(&|e| e[0].stan > Some(999_990) && e[1].stan < Some(10)));
        assert!(some(&|e| e[0].stan.is_some() && e[0].stan == e[1].stan));
        assert!(one(&|e| e.event_time_ms > e.timestamp_ms + 1_000_000));
        for column in COLUMNS {
            let always = matches!(column, Column::EventTime | Column::TerminalId);
            assert!(one(&|e| !e.is_null(column)), "{column:?}");
            assert!(always || one(&|e| e.is_null(column)), "{column:?}");
        }
        let labels: Vec<&Event> = all.iter().filter(|e| e.kind == RecordKind::Label).collect();
        assert!(
            labels
                .iter()
                .any(|e| e.event_id.is_empty() && e.occurred_time_ms.is_some())
        );
        assert!(labels.iter().any(|e| e.label_kind == Some("CLEARED")));
    }
}
