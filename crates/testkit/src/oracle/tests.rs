//! Every aggregate on a few records, with values worked out by hand from the definitions.

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
fn moments_of_a_window() {
    // The window of the last is (0 s, 100 s]: without the first.
    let events = [amount(0, 7), amount(10, 2), at(50), amount(100, -6)];
    check(
        &windowed(A::Count, &[]),
        &events,
        &[Some(1.0), Some(2.0), Some(3.0), Some(3.0)],
    );
    check(
        &windowed(A::Count, AMOUNT),
        &events,
        &[Some(1.0), Some(2.0), Some(2.0), Some(2.0)],
    );
    check(
        &windowed(A::Sum, AMOUNT),
        &events,
        &[Some(7.0), Some(9.0), Some(9.0), Some(-4.0)],
    );
    check(
        &windowed(A::Mean, AMOUNT),
        &events,
        &[Some(7.0), Some(4.5), Some(4.5), Some(-2.0)],
    );
    check(
        &windowed(A::Stddev, AMOUNT),
        &events,
        &[Some(0.0), Some(2.5), Some(2.5), Some(4.0)],
    );
    check(
        &windowed(A::Min, AMOUNT),
        &events,
        &[Some(7.0), Some(2.0), Some(2.0), Some(-6.0)],
    );
    check(
        &windowed(A::Max, AMOUNT),
        &events,
        &[Some(7.0), Some(7.0), Some(7.0), Some(2.0)],
    );
    check(
        &windowed(A::First, AMOUNT),
        &events,
        &[Some(7.0), Some(7.0), Some(7.0), Some(2.0)],
    );
    check(
        &windowed(A::Last, AMOUNT),
        &events,
        &[Some(7.0), Some(2.0), Some(2.0), Some(-6.0)],
    );
    for aggregate in [A::Mean, A::Stddev, A::Min, A::Max, A::First, A::Last] {
        check(&windowed(aggregate, AMOUNT), &[at(0)], &[None]);
    }
    let value = OracleFeature {
        columns: AMOUNT.to_vec(),
        ..OracleFeature::new("f", A::Value)
    };
    check(&value, &events, &[Some(7.0), Some(2.0), None, Some(-6.0)]);
}

#[test]
fn delay_exclusion_and_filter_choose_records() {
    let events = [amount(0, 1), amount(10, 2), amount(20, 4), amount(105, 8)];
    let sum = windowed(A::Sum, AMOUNT);
    let delayed = OracleFeature {
        delay_ms: 10_000,
        ..sum.clone()
    };
    check(
        &delayed,
        &events,
        &[Some(0.0), Some(1.0), Some(3.0), Some(7.0)],
    );
    let others = OracleFeature {
        exclude_current: true,
        ..sum.clone()
    };
    check(
        &others,
        &events,
        &[Some(0.0), Some(1.0), Some(3.0), Some(6.0)],
    );
    let odd = OracleFeature {
        filter: Some(OracleFilter {
            sql: "amount_minor <> 4",
            holds: |event| event.amount_minor.is_some_and(|amount| amount != 4),
        }),
        ..sum
    };
    check(
        &odd,
        &events,
        &[Some(1.0), Some(3.0), Some(3.0), Some(10.0)],
    );
}

#[test]
fn last_takes_the_newest_counted_records() {
    let sum = OracleFeature {
        last: Some(2),
        ..windowed(A::Sum, AMOUNT)
    };
    let events = [
        amount(0, 1),
        amount(10, 2),
        at(15),
        amount(20, 4),
        amount(12, 16),
        amount(115, 8),
    ];
    // The fifth is late: its own window ends at 12 s. The sixth sees 16 s to 115 s.
    let expected = [1.0, 3.0, 3.0, 6.0, 18.0, 12.0].map(Some);
    check(&sum, &events, &expected);
    let earlier = OracleFeature {
        exclude_current: true,
        ..sum
    };
    check(&earlier, &events[..4], &[0.0, 1.0, 3.0, 3.0].map(Some));
}

#[test]
fn resolution_rounds_the_start_down() {
    let count = OracleFeature {
        resolution_ms: Some(60_000),
        ..windowed(A::Count, &[])
    };
    // The starts are 1 s, 20.001 s and 60.001 s past the minute before: panes from −120 s, −60 s, 0 s
    // and 60 s on. A record one millisecond before its pane is out.
    let start = Event {
        event_time_ms: START_MS + 59_999,
        timestamp_ms: START_MS + 59_999,
        ..at(59)
    };
    let events = [at(0), start, at(60), at(100), at(159), at(160)];
    check(&count, &events, &[1.0, 2.0, 3.0, 4.0, 5.0, 4.0].map(Some));
    // Panes outlive the retention of exact windows.
    let other = OracleFeature {
        window_ms: 1,
        ..OracleFeature::new("g", A::Count)
    };
    let rows = evaluate(&[count, other], &SETTINGS, &events);
    assert_eq!(rows[4].values[0], OracleValue::Exact(Some(5.0)));
}

#[test]
fn labels_join_by_id_or_time_and_the_latest_holds() {
    let fraud = OracleFilter {
        sql: "label_kind <> 'CLEARED'",
        holds: |label| label.label_kind.is_some_and(|kind| kind != "CLEARED"),
    };
    let count = OracleFeature {
        label: Some(fraud),
        ..windowed(A::Count, &[])
    };
    let by_time = Event {
        event_id: String::new(),
        occurred_time_ms: Some(START_MS + 10_000),
        ..label(10, 22, "TC40")
    };
    let events = [
        label(0, 0, "TC40"),
        at(0),
        at(10),
        label(0, 15, "TC40"),
        at(20),
        by_time,
        at(32),
        // A year ahead, yet neither late nor skewed, and no watermark moves.
        label(0, 31_536_000, "CLEARED"),
        at(33),
    ];
    let expected = [0.0, 0.0, 1.0, 2.0, 1.0];
    check(&count, &events, &expected.map(Some));
    let ratio = OracleFeature {
        aggregate: A::Ratio,
        ..count.clone()
    };
    let ratios = [0.0, 0.0, 1.0 / 3.0, 2.0 / 4.0, 1.0 / 5.0];
    check(&ratio, &events, &ratios.map(Some));
    // A transaction of another key is not meant.
    let mut foreign = label(0, 1, "TC40");
    foreign.terminal_id = "u".to_owned();
    check(&count, &[at(0), foreign, at(2)], &[Some(0.0), Some(0.0)]);
    // Of two at one time the newest-arrived is meant.
    let twin = |id: &str, amount| Event {
        event_id: id.to_owned(),
        amount_minor: Some(amount),
        ..at(10)
    };
    let sum = OracleFeature {
        label: Some(fraud),
        ..windowed(A::Sum, AMOUNT)
    };
    let by_time = Event {
        event_id: String::new(),
        occurred_time_ms: Some(START_MS + 10_000),
        ..label(10, 1, "TC40")
    };
    let events = [twin("a", 1), twin("b", 2), by_time, at(20)];
    check(&sum, &events, &[Some(0.0), Some(0.0), Some(2.0)]);
}

#[test]
fn a_ratio_is_shrunk_to_its_prior_or_cohort() {
    let large = OracleFilter {
        sql: "amount_minor > 10",
        holds: |event| event.amount_minor.is_some_and(|amount| amount > 10),
    };
    let known = OracleFilter {
        sql: "amount_minor IS NOT NULL",
        holds: |event| event.amount_minor.is_some(),
    };
    let ratio = OracleFeature {
        filter: Some(large),
        base: Some(known),
        ..windowed(A::Ratio, &[])
    };
    let events = [
        at(0),
        amount(1, 50),
        amount(2, 5),
        amount(3, 7),
        amount(4, 11),
    ];
    check(
        &ratio,
        &events,
        &[None, Some(1.0), Some(0.5), Some(1.0 / 3.0), Some(0.5)],
    );
    let shrunk = OracleFeature {
        shrink: Some(OracleShrink {
            strength: 2.0,
            prior: 0.25,
            cohort: Vec::new(),
        }),
        ..ratio.clone()
    };
    let expected = [0.5 / 2.0, 1.5 / 3.0, 1.5 / 4.0, 1.5 / 5.0, 2.5 / 6.0];
    check(&shrunk, &events, &expected.map(Some));

    let cohort = OracleFeature {
        shrink: Some(OracleShrink {
            strength: 2.0,
            prior: 0.25,
            cohort: vec![Column::Mcc],
        }),
        half_life_ms: Some(1000),
        window_ms: 1,
        ..ratio
    };
    let member = |seconds, value, terminal: &str, mcc| Event {
        terminal_id: terminal.to_owned(),
        mcc,
        ..amount(seconds, value)
    };
    let events = [
        member(0, 50, "a", Some("1")),
        member(1, 5, "b", Some("1")),
        member(2, 5, "c", Some("1")),
        member(2, 5, "d", Some("2")),
        member(2, 5, "e", None),
    ];
    // Nothing known; one large of one; one large that weighs 1 and one small that weighs 2.
    let expected = [
        (1.0 + 2.0 * 0.25) / 3.0,
        2.0 / 3.0,
        2.0 / 3.0 / 3.0,
        0.5 / 3.0,
        0.5 / 3.0,
    ];
    check(&cohort, &events, &expected.map(Some));
}

#[test]
fn values_are_counted_and_compared() {
    let events = [
        card(0, "a"),
        card(1, "b"),
        at(2),
        card(3, "a"),
        card(4, "a"),
    ];
    check(
        &windowed(A::Distinct, CARD),
        &events,
        &[1.0, 2.0, 2.0, 2.0, 2.0].map(Some),
    );
    let entropy = 2.0 - 0.75 * 3.0_f64.log2();
    check(
        &windowed(A::Entropy, CARD),
        &[card(0, "a"), card(1, "b"), card(3, "a"), card(4, "a")],
        &[Some(0.0), Some(1.0), Some(0.918_295_834), Some(entropy)],
    );
    check(&windowed(A::Entropy, CARD), &[at(0)], &[None]);
    check(
        &windowed(A::Repeats, CARD),
        &events,
        &[Some(1.0), Some(1.0), None, Some(2.0), Some(3.0)],
    );
    let others = OracleFeature {
        exclude_current: true,
        last: Some(2),
        ..windowed(A::Repeats, CARD)
    };
    check(
        &others,
        &events,
        &[Some(0.0), Some(0.0), None, Some(1.0), Some(1.0)],
    );
    let zeros = [place(0, 0.0, 1.0), place(1, -0.0, 1.0)];
    check(
        &windowed(A::Distinct, &[Column::Lat]),
        &zeros,
        &[Some(1.0), Some(1.0)],
    );
}

#[test]
fn many_distinct_values_are_estimated() {
    let events: Vec<Event> = (0..2_100)
        .map(|n| Event {
            event_time_ms: START_MS + n,
            timestamp_ms: START_MS + n,
            event_id: String::new(),
            ..card(0, &format!("c{n}"))
        })
        .collect();
    let rows = evaluate(&[windowed(A::Distinct, CARD)], &SETTINGS, &events);
    let (at_most, beyond) = (&rows[2_047].values[0], &rows[2_099].values[0]);
    assert!(at_most.admits(Some(2_048.0)) && !at_most.admits(Some(2_047.0)));
    assert!(beyond.admits(Some(2_048.0)) && !beyond.admits(Some(1_700.0)));
}

#[test]
fn quantiles_are_of_buckets() {
    // 64 buckets from 128 to 256: 128 and 129 share one whose middle is 129; 130 is in the next.
    let values = [128, 129, 130, 0, -128];
    let events: Vec<Event> = (0..).zip(values).map(|(s, v)| amount(s, v)).collect();
    let q = |quantile| OracleFeature {
        quantile,
        ..windowed(A::Quantile, AMOUNT)
    };
    check(
        &q(0.5),
        &events,
        &[129.0, 129.0, 129.0, 129.0, 129.0].map(Some),
    );
    check(
        &q(0.0),
        &events,
        &[129.0, 129.0, 129.0, 0.0, -129.0].map(Some),
    );
    check(
        &q(1.0),
        &events,
        &[129.0, 129.0, 131.0, 131.0, 131.0].map(Some),
    );
    check(
        &q(0.41),
        &events,
        &[129.0, 129.0, 129.0, 129.0, 129.0].map(Some),
    );
    check(
        &q(0.4),
        &events,
        &[129.0, 129.0, 129.0, 129.0, 0.0].map(Some),
    );
    check(&q(0.5), &[at(0)], &[None]);
}

#[test]
fn a_decayed_quantile_weighs_earlier_records_by_age() {
    let q = |quantile| OracleFeature {
        quantile,
        ..decayed(A::Quantile, AMOUNT, 1)
    };
    // Before the fourth the weights of 129, 513 and 1032 are as 1 to 2 to 4.
    let events = [amount(0, 128), amount(1, 512), amount(2, 1024), at(50)];
    check(
        &q(0.5),
        &events,
        &[None, Some(129.0), Some(516.0), Some(1032.0)],
    );
    check(
        &q(0.42),
        &events,
        &[None, Some(129.0), Some(516.0), Some(516.0)],
    );
    check(
        &q(0.14),
        &events,
        &[None, Some(129.0), Some(129.0), Some(129.0)],
    );
    // Exactly at a step rounding decides.
    let rows = evaluate(&[q(3.0 / 7.0)], &SETTINGS, &events);
    let either = &rows[3].values[0];
    assert!(
        either.admits(Some(516.0)) && either.admits(Some(1032.0)),
        "{either}"
    );
    assert!(!either.admits(Some(129.0)));
}

#[test]
fn robust_z_is_from_the_median_in_deviations() {
    let z = OracleFeature {
        exclude_current: true,
        ..windowed(A::RobustZ, AMOUNT)
    };
    // Middles 129, 131, 133: median 131, deviations 2, 0, 2.
    let events = [
        amount(0, 128),
        amount(1, 130),
        amount(2, 132),
        amount(3, 161),
        at(4),
    ];
    check(
        &z,
        &events,
        // One record deviates by 0; of deviations 0 and 2 the lower is 0.
        &[None, None, None, Some(30.0 / (1.4826 * 2.0)), None],
    );
    let log = OracleFeature {
        is_log: true,
        ..z.clone()
    };
    // The middles of 1, 148 and 22,026 are 1 + 1/128, 149 and 22,144; −5 does not count.
    let events = [
        amount(0, 1),
        amount(1, 148),
        amount(2, 22_026),
        amount(3, -5),
        amount(4, 148),
    ];
    let middles = [1.0 + 1.0 / 128.0, 149.0, 22_144.0].map(libm::log);
    let mad = f64::min(middles[1] - middles[0], middles[2] - middles[1]);
    let value = (libm::log(148.0) - middles[1]) / (1.4826 * mad);
    check(&log, &events, &[None, None, None, None, Some(value)]);
    let weighted = OracleFeature {
        half_life_ms: Some(1_000_000_000),
        window_ms: 0,
        exclude_current: false,
        ..z
    };
    let events = [
        amount(0, 128),
        amount(1, 130),
        amount(2, 132),
        amount(3, 161),
    ];
    check(&weighted, &events[3..], &[None]);
    check(
        &weighted,
        &events,
        &[None, None, None, Some(30.0 / (1.4826 * 2.0))],
    );
}

#[test]
fn times_between_records() {
    let events = [at(0), at(10), at(10), at(40), at(25)];
    // Gaps of the fourth: 10, 0, 30; of the late fifth: 10, 0, 15.
    let mean = windowed(A::InterArrivalMean, &[]);
    // The id of the third repeats: another one is given.
    let mut events = events;
    events[2].event_id = "third".to_owned();
    check(
        &mean,
        &events,
        &[
            None,
            Some(10.0),
            Some(5.0),
            Some(40.0 / 3.0),
            Some(25.0 / 3.0),
        ]
        .map(|value| value.map(|seconds: f64| (seconds * 1000.0) / 1000.0)),
    );
    let cv = windowed(A::InterArrivalCv, &[]);
    check(&cv, &events[..3], &[None, None, Some(1.0)]);
    let mut equal = [at(0), at(0), at(0)];
    equal[1].event_id = "b".to_owned();
    equal[2].event_id = "c".to_owned();
    check(&cv, &equal, &[None, None, None]);
    let since = OracleFeature::new("f", A::TimeSinceLast);
    check(
        &since,
        &events,
        &[None, Some(10.0), Some(0.0), Some(30.0), Some(15.0)],
    );
}

#[test]
fn sequences_are_compared_with_the_record_before() {
    let gap = OracleFeature {
        columns: STAN.to_vec(),
        ..OracleFeature::new("f", A::SequenceGap)
    };
    let events = [
        stan(0, 999_998),
        stan(1, 0),
        stan(2, 0),
        stan(3, 100),
        stan(4, 99),
        at(5),
        // Late: nothing, and no trace.
        stan(2, 5_000),
        stan(6, 100),
        stan(7, 500_100),
        stan(8, 101),
    ];
    let mut events = events;
    events[6].event_id = "late".to_owned();
    check(
        &gap,
        &events,
        &[
            None,
            Some(1.0),
            None,
            Some(99.0),
            None,
            None,
            None,
            Some(0.0),
            Some(499_999.0),
            // 499,999 back is 500,001 ahead: back.
            None,
        ],
    );
    check(
        &windowed(A::SequenceDuplicates, STAN),
        &events,
        // The late record sees what was shown up to its own time, 2 s.
        &[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0].map(Some),
    );
    check(
        &windowed(A::SequenceRegressions, STAN),
        &events,
        &[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 2.0].map(Some),
    );
    let thousand = OracleFeature { wrap: 1000, ..gap };
    check(&thousand, &[stan(0, 998), stan(1, 1)], &[None, Some(2.0)]);
}

#[test]
fn forks_alternate_between_two_heads() {
    let forks = windowed(A::SequenceForks, STAN);
    let numbers = [10, 500, 11, 12, 501, 502, 502, 13, 77, 78, 142, 503];
    // 10; 500 takes the empty head; 11 continues the other (1); 12 the active; 501 the other (2); 502;
    // 502 again moves nothing; 13 continues the other (3); 77 is 64 ahead of 13; 78; 142 is 64 ahead; 503
    // continues the other (4).
    let expected = [0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4].map(|n| Some(f64::from(n)));
    let events: Vec<Event> = (0..).zip(numbers).map(|(s, n)| stan(s, n)).collect();
    check(&forks, &events, &expected);
    let too_far = [stan(0, 10), stan(1, 500), stan(2, 75)];
    check(&forks, &too_far, &[Some(0.0); 3]);
}

#[test]
fn changes_of_value_and_place() {
    let changed = OracleFeature {
        columns: SERIAL.to_vec(),
        ..OracleFeature::new("f", A::Changed)
    };
    let events = [
        serial(0, "a"),
        serial(1, "a"),
        at(2),
        serial(3, "b"),
        serial(4, "a"),
        serial(103, "b"),
    ];
    check(
        &changed,
        &events,
        &[None, Some(0.0), None, Some(1.0), Some(1.0), Some(1.0)],
    );
    let changes = windowed(A::Changes, SERIAL);
    check(&changes, &events, &[0.0, 0.0, 0.0, 1.0, 2.0, 2.0].map(Some));

    // A degree of longitude at the equator, and a quarter of a meridian.
    let degree = 6371.0088 * std::f64::consts::PI / 180.0;
    let events = [
        place(0, 0.0, 0.0),
        place(0, 0.0, 1.0),
        at(5),
        place(7200, 90.0, 50.0),
    ];
    let mut events = events;
    events[1].event_id = "second".to_owned();
    let distance = OracleFeature::new("f", A::DistanceKm);
    check(
        &distance,
        &events,
        &[None, Some(degree), None, Some(90.0 * degree)],
    );
    let speed = OracleFeature::new("f", A::SpeedKmh);
    check(
        &speed,
        &events,
        &[None, Some(3600.0 * degree), None, Some(45.0 * degree)],
    );
}

#[test]
fn exponentially_weighted_moments() {
    // Before the third, 8 weighs 1 and 2 weighs 2: mean 4, variance (16 + 2·4) / 3 = 8. Before the
    // fourth, the late 20 at 0 s joins with 1: mean 32/4 = 8, variance (0 + 2·36 + 144) / 4 = 54.
    let mut late = amount(0, 20);
    late.event_id = "late".to_owned();
    let events = [amount(0, 8), amount(1, 2), late, amount(9, 3), amount(9, 8)];
    let mut events = events;
    events[4].event_id = "last".to_owned();
    let of = |aggregate| decayed(aggregate, AMOUNT, 1);
    check(
        &of(A::EwmaMean),
        &events[..4],
        &[None, Some(8.0), Some(4.0), Some(8.0)],
    );
    let deviations = [None, Some(0.0), Some(8.0_f64.sqrt()), Some(54.0_f64.sqrt())];
    let rows = evaluate(&[of(A::EwmaStddev)], &SETTINGS, &events);
    for (row, expected) in rows.iter().zip(deviations) {
        assert!(row.values[0].admits(expected), "{}", row.values[0]);
    }
    let z = [
        None,
        None,
        Some(16.0 / 8.0_f64.sqrt()),
        Some(-5.0 / 54.0_f64.sqrt()),
    ];
    check(&of(A::EwmaZ), &events[..4], &z);
    let equal = [amount(0, 7), amount(1, 7), amount(2, 9)];
    check(&of(A::EwmaZ), &equal, &[None, None, None]);
}

#[test]
fn the_rate_of_an_hour_of_the_week() {
    let rate = decayed(A::HourOfWeekRate, &[], 7 * DAY_S);
    // Before the week is over nothing; then one record a half-life old in this hour, over
    // 1/ln 2 · (1 − 1/2) weeks; a minute earlier it is another hour.
    let week = 7 * DAY_S;
    let events = [at(0), at(week - 1), at(week)];
    let expected = 0.5 / (0.5 / std::f64::consts::LN_2);
    check(&rate, &events, &[None, None, Some(expected)]);
    let other_hour = [at(0), at(week + HOUR_S)];
    let rows = evaluate(&[rate], &SETTINGS, &other_hour);
    assert!(rows[1].values[0].admits(Some(0.0)));
}

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
