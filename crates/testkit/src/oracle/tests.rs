//! Every aggregate on a few records, with values worked out by hand from the definitions.

mod memories;
mod values;
mod windows;

use std::collections::BTreeSet;

use tillwatch_records::{Column, RecordKind};

use super::*;
use crate::stream::{START_MS, cuts};

use OracleAggregate as A;

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

const SETTINGS: OracleSettings = OracleSettings {
    allowed_lateness_ms: 60_000,
    max_future_skew_ms: 1_000,
    dedup_horizon_ms: 3_600_000,
    idle_ttl_ms: 100 * 86_400_000,
};

/// A transaction of one terminal at `seconds`, with an event id of its own.
fn at(seconds: i64) -> Event {
    Event::bare(
        RecordKind::Transaction,
        "t",
        &format!("at {seconds}"),
        START_MS + seconds * 1000,
    )
}

fn amount(seconds: i64, amount: i64) -> Event {
    Event {
        amount_minor: Some(amount),
        ..at(seconds)
    }
}

fn stan(seconds: i64, stan: i64) -> Event {
    Event {
        stan: Some(stan),
        ..at(seconds)
    }
}

fn card(seconds: i64, card: &str) -> Event {
    Event {
        card_token: Some(card.to_owned()),
        ..at(seconds)
    }
}

fn serial(seconds: i64, serial: &'static str) -> Event {
    Event {
        hardware_serial: Some(serial),
        ..at(seconds)
    }
}

fn place(seconds: i64, lat: f64, lon: f64) -> Event {
    Event {
        lat: Some(lat),
        lon: Some(lon),
        ..at(seconds)
    }
}

/// A label for the transaction at `seconds`, `later` seconds after it.
fn label(seconds: i64, later: i64, kind: &'static str) -> Event {
    Event {
        kind: RecordKind::Label,
        label_kind: Some(kind),
        event_time_ms: START_MS + (seconds + later) * 1000,
        ..at(seconds)
    }
}

/// `aggregate` of `column` over 100 seconds.
fn windowed(aggregate: A, columns: &[Column]) -> OracleFeature {
    OracleFeature {
        columns: columns.to_vec(),
        window_ms: 100_000,
        ..OracleFeature::new("f", aggregate)
    }
}

fn decayed(aggregate: A, columns: &[Column], half_life_s: i64) -> OracleFeature {
    OracleFeature {
        columns: columns.to_vec(),
        half_life_ms: Some(half_life_s * 1000),
        ..OracleFeature::new("f", aggregate)
    }
}

/// The values of one feature for each transaction, in order of arrival.
#[track_caller]
fn check(feature: &OracleFeature, events: &[Event], expected: &[Option<f64>]) {
    check_with(&SETTINGS, feature, events, expected);
}

#[track_caller]
fn check_with(
    settings: &OracleSettings,
    feature: &OracleFeature,
    events: &[Event],
    expected: &[Option<f64>],
) {
    let rows = evaluate(std::slice::from_ref(feature), settings, events);
    assert_eq!(rows.len(), expected.len());
    for (row, (computed, expected)) in rows.iter().zip(expected).enumerate() {
        let computed = &computed.values[0];
        assert!(
            computed.admits(*expected),
            "transaction {row}: computed {computed}, by hand {expected:?}"
        );
        // No other number may do.
        let other = expected.map_or(1.0, |value| value * 1.17 + 1e-5);
        assert!(!computed.admits(Some(other)), "{computed} admits {other}");
    }
}

const AMOUNT: &[Column] = &[Column::AmountMinor];
const STAN: &[Column] = &[Column::Stan];
const CARD: &[Column] = &[Column::CardToken];
const SERIAL: &[Column] = &[Column::HardwareSerial];

#[test]
fn refused_records_see_and_leave_nothing() {
    let count = windowed(A::Count, &[]);
    let mut skewed = at(20);
    skewed.timestamp_ms -= 5_000;
    skewed.event_id = "skewed".to_owned();
    let mut late = at(10);
    late.event_id = "late".to_owned();
    let events = [at(10), at(10), skewed, at(90), late, at(100)];
    // A duplicate does not see itself; the skewed and the late record do.
    let rows = evaluate(std::slice::from_ref(&count), &SETTINGS, &events);
    let flags: Vec<Flags> = rows.iter().map(|row| row.flags).collect();
    let expected_flags = [
        Flags::empty(),
        Flags::DUPLICATE,
        Flags::CLOCK_SKEW,
        Flags::empty(),
        Flags::LATE,
        Flags::empty(),
    ];
    assert_eq!(flags, expected_flags);
    check(&count, &events, &[1.0, 1.0, 2.0, 2.0, 2.0, 3.0].map(Some));
    // Memory is read by a refused record that is not behind, and never written.
    let gap = OracleFeature {
        columns: STAN.to_vec(),
        ..OracleFeature::new("f", A::SequenceGap)
    };
    let mut skewed = stan(20, 5);
    skewed.timestamp_ms -= 5_000;
    skewed.event_id = "skewed".to_owned();
    let mut refused = stan(10, 9);
    refused.event_id = "late".to_owned();
    let events = [stan(10, 1), skewed, stan(90, 3), refused, stan(91, 4)];
    check(
        &gap,
        &events,
        &[None, Some(3.0), Some(1.0), None, Some(0.0)],
    );
}

#[test]
fn what_is_forgotten_and_what_starts_afresh() {
    let settings = OracleSettings {
        idle_ttl_ms: 0,
        ..SETTINGS
    };
    let gap = OracleFeature {
        columns: STAN.to_vec(),
        ..OracleFeature::new("f", A::SequenceGap)
    };
    // Without a window a key may idle for the lateness, 60 s.
    let events = [stan(0, 1), stan(60, 3), stan(121, 5), stan(122, 6)];
    check_with(
        &settings,
        &gap,
        &events,
        &[None, Some(1.0), None, Some(0.0)],
    );
    check(&gap, &events, &[None, Some(1.0), Some(1.0), Some(0.0)]);
    // A late record does not see past watermark − (window + lateness) = −60 s.
    let count = windowed(A::Count, &[]);
    let mut late = at(35);
    late.event_id = "late".to_owned();
    let mut later = at(-60);
    later.event_id = "later".to_owned();
    check(
        &count,
        &[at(-60), at(0), at(100), late],
        &[1.0, 2.0, 1.0, 2.0].map(Some),
    );
    check(
        &count,
        &[at(-60), at(0), at(100), later],
        &[1.0, 2.0, 1.0, 1.0].map(Some),
    );
}

#[test]
fn random_cases_use_everything_and_have_values() {
    let mut values = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for seed in 0..300 {
        let case = Case::random(seed);
        let rows = evaluate(&case.features, &case.settings, &case.events);
        for (place, feature) in case.features.iter().enumerate() {
            let (some, none): &mut (usize, usize) =
                values.entry(feature.aggregate.as_str()).or_default();
            for row in &rows {
                let is_null = row.values[place].admits(None);
                *(if is_null { &mut *none } else { &mut *some }) += 1;
            }
        }
        let catalog = case.catalog();
        keys.extend(
            catalog
                .lines()
                .filter_map(|line| Some(line.split_once(" =")?.0.to_owned())),
        );
        assert!(cuts(seed, case.events.len()).is_sorted());
    }
    assert_eq!(values.len(), OracleAggregate::ALL.len());
    for (aggregate, (some, _)) in values {
        assert!(some > 20, "{aggregate} hardly ever has a value");
    }
    let all = [
        "aggregate",
        "base",
        "cohort",
        "columns",
        "delay",
        "exclude_current",
        "expression",
        "filter",
        "half_life",
        "label",
        "last",
        "name",
        "prior",
        "quantile",
        "record_type",
        "resolution",
        "scale",
        "strength",
        "window",
        "wrap",
    ];
    assert_eq!(keys.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
