//! What a window holds: its ends, its records, their labels and shares.

use super::*;

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
fn a_slope_is_that_of_the_line_through_the_window() {
    let slope = windowed(A::Slope, AMOUNT);
    // 7 to 2 in ten seconds; the last window is (0 s, 100 s]: without the first record.
    let events = [amount(0, 7), amount(10, 2), at(50), amount(100, -7)];
    check(
        &slope,
        &events,
        &[None, Some(-1800.0), Some(-1800.0), Some(-360.0)],
    );
    // Two records of one time are no line.
    let mut twin = amount(0, 9);
    twin.event_id = "twin".to_owned();
    check(&slope, &[amount(0, 7), twin.clone()], &[None, None]);
    // Of three points: covariance over variance.
    let three = [amount(0, 7), twin, amount(10, 8)];
    check(&slope, &three, &[None, None, Some(0.0)]);
    // A number that is no integer is rounded to a multiple of 2^-20, and must not be too large.
    let latitude = windowed(A::Slope, &[Column::Lat]);
    let places = [
        place(0, 1.0, 0.0),
        place(10, 1.5, 0.0),
        place(20, 1e13, 0.0),
    ];
    check(&latitude, &places, &[None, Some(180.0), Some(180.0)]);
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
fn a_label_finds_its_transaction_among_those_of_one_id() {
    let fraud = OracleFilter {
        sql: "label_kind = 'TC40'",
        holds: |label| label.label_kind == Some("TC40"),
    };
    let sum = OracleFeature {
        label: Some(fraud),
        ..windowed(A::Sum, AMOUNT)
    };
    let settings = OracleSettings {
        dedup_horizon_ms: 10_000,
        ..SETTINGS
    };
    let sold = |id: &str, seconds, minor| Event {
        event_id: id.to_owned(),
        ..amount(seconds, minor)
    };
    let told = |occurred_s: Option<i64>| Event {
        event_id: "x".to_owned(),
        occurred_time_ms: occurred_s.map(|seconds| START_MS + seconds * 1000),
        ..label(100, 0, "TC40")
    };
    // The last is late: the newest to arrive, but not the newest. Those between let the horizon pass.
    let sales = [
        sold("x", 0, 1),
        sold("y", 20, 2),
        sold("x", 30, 4),
        sold("z", 45, 8),
        sold("x", 15, 16),
    ];
    let cases = [
        (Some(0), 1.0),
        (Some(15), 16.0),
        (Some(30), 4.0),
        (Some(20), 4.0),
        (None, 4.0),
    ];
    for (occurred_s, expected) in cases {
        let mut events = sales.to_vec();
        events.extend([told(occurred_s), sold("end", 50, 0)]);
        let expected = [0.0, 0.0, 0.0, 0.0, 0.0, expected].map(Some);
        check_with(&settings, &sum, &events, &expected);
    }
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
