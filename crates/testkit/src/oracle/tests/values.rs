//! Which values a window holds, and how they are distributed.

use super::*;

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
        &windowed(A::TopShare, CARD),
        &events,
        &[1.0, 0.5, 0.5, 2.0 / 3.0, 0.75].map(Some),
    );
    check(&windowed(A::TopShare, CARD), &[at(0)], &[None]);
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
