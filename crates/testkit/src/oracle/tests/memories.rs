//! What is remembered from record to record.

use super::*;

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
