//! Sums that do not fit, against the definition.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::{Column, Flags};
use tillwatch_testkit::oracle::{self, Case, OracleAggregate, OracleFeature};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::{self, START_MS};

use super::cut_tests::Dump;
use super::feature_lane::FeatureLane;
use super::tests::{bits, engine, fold, fold_part, lane, sale};
use crate::settings::EngineSettings;
use crate::state::key_hash;

/// Amounts at the ends of what integers can be, and where sums and squares of a few leave their room.
const AMOUNTS: [i64; 8] = [
    i64::MIN,
    i64::MIN + 1,
    i64::MAX,
    i64::MAX / 2,
    -(1 << 62),
    1 << 52,
    -1,
    3,
];

const AGGREGATES: [OracleAggregate; 6] = [
    OracleAggregate::Sum,
    OracleAggregate::Mean,
    OracleAggregate::Stddev,
    OracleAggregate::Slope,
    OracleAggregate::Min,
    OracleAggregate::Max,
];

/// A random case whose features are made of sums, and some of whose amounts are huge.
fn case(seed: u64) -> Case {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x0f10);
    let mut case = Case::random(seed);
    for (number, feature) in case.features.iter_mut().enumerate() {
        // What has a window keeps it, with its panes, its filter and its label.
        let plain = OracleFeature::new(format!("f{number}"), AGGREGATES[number % 6]);
        let takes_label = matches!(
            plain.aggregate,
            OracleAggregate::Sum | OracleAggregate::Mean
        );
        *feature = OracleFeature {
            columns: vec![Column::AmountMinor],
            window_ms: feature.window_ms.max(60_000),
            delay_ms: feature.delay_ms,
            resolution_ms: feature.resolution_ms,
            last: feature.last,
            filter: feature.filter,
            record_type: feature.record_type,
            label: feature.label.filter(|_| takes_label),
            exclude_current: feature.exclude_current,
            ..plain
        };
    }
    let one_in = [2, 20, 100][random.random_range(0..3)];
    for event in &mut case.events {
        if random.random_range(0..one_in) == 0 {
            event.amount_minor = Some(AMOUNTS[random.random_range(0..AMOUNTS.len())]);
        }
    }
    case
}

fn objection(case: &Case) -> Option<String> {
    let expected = oracle::evaluate(&case.features, &case.settings, &case.events);
    let mut lane = lane(&case.catalog(), &engine(&case.settings), 0);
    let pieces = stream::split(case.seed, case.events.len());
    let got = fold(&mut lane, &case.events, &pieces);
    let mut rows = expected.iter().zip(&got).enumerate();
    rows.find_map(|(number, (expected, got))| {
        let objection = expected.objection(&case.features, got)?;
        Some(format!("transaction {number}: {objection}"))
    })
}

#[test]
fn what_does_not_fit_is_null_and_flagged() {
    let (mut overflown, mut others) = (0, 0);
    for seed in seeds(0..300) {
        let case = case(seed);
        if objection(&case).is_some() {
            let small = case.shrink(|case| objection(case).is_some());
            panic!("{:?}\n{}", objection(&small), small.describe());
        }
        let mut lane = lane(&case.catalog(), &engine(&case.settings), 0);
        for row in fold_part(&mut lane, &case.events, 0) {
            let is_overflown = row.flags.contains(Flags::OVERFLOW);
            *if is_overflown {
                &mut overflown
            } else {
                &mut others
            } += 1;
        }
    }
    assert!(overflown > 1_000 && others > 1_000, "{overflown}, {others}");
}

#[test]
fn values_are_exact_again_once_the_large_one_has_left() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"sum\"\naggregate = \"sum\"\n\
         column = \"amount_minor\"\nwindow = \"1h\"\n[[feature]]\nname = \"deviation\"\n\
         aggregate = \"stddev\"\ncolumn = \"amount_minor\"\nwindow = \"1h\"\ndivisor = 2\n";
    let mut lane = lane(catalog, &EngineSettings::default(), 0);
    let amounts = [
        9_000_000_000_000_000_000,
        9_000_000_000_000_000_000,
        i64::MIN,
        7,
        9,
    ];
    let minutes = [0, 1, 2, 61, 63];
    let events = amounts.iter().zip(minutes).enumerate();
    let events: Vec<_> = events
        .map(|(number, (amount, minute))| {
            let mut sale = sale("a", number, START_MS + minute * 60_000);
            sale.amount_minor = Some(*amount);
            sale
        })
        .collect();
    let rows = fold_part(&mut lane, &events, 0);
    let overflow = Flags::OVERFLOW;
    let of = |row: usize| (&rows[row].values[..], rows[row].flags);
    assert_eq!(of(0), (&[Some(9e18), Some(0.0)][..], Flags::empty()));
    assert_eq!(of(1), (&[None, None][..], overflow));
    // The sum fits again, n times the squares do not.
    assert_eq!(
        of(2),
        (&[Some(8_776_627_963_145_224_192.0), None][..], overflow)
    );
    assert_eq!(of(3).0[0], Some(-9_223_372_036_854_775_801.0));
    assert_eq!(of(4), (&[Some(16.0), Some(0.5)][..], Flags::empty()));
}

#[test]
fn only_keys_whose_totals_need_tops_have_them() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"sum\"\naggregate = \"sum\"\n\
         column = \"amount_minor\"\nwindow = \"1h\"\n[[feature]]\nname = \"deviation\"\n\
         aggregate = \"stddev\"\ncolumn = \"amount_minor\"\nwindow = \"1h\"\n";
    let new = || lane(catalog, &EngineSettings::default(), 0);
    let has_tops = |lane: &FeatureLane, key: &str| {
        let index = lane.keys.find(key_hash(key.as_bytes()), key.as_bytes());
        lane.keys.history(index.unwrap()).has_tops(&lane.plan)
    };
    let (large, huge) = (i64::MAX, 1 << 62);
    // The record of "late" in the middle comes after the one that it lies before; the squares of "squares"
    // leave 128 bits where the sum leaves nothing.
    let sales = [
        ("small", 0, huge),
        ("small", 2, -7),
        ("sum", 0, large),
        ("sum", 2, 1),
        ("late", 0, large),
        ("late", 2, -5),
        ("late", 1, 10),
        ("squares", 0, i64::MIN),
        ("squares", 1, large),
        ("squares", 2, i64::MIN),
        ("squares", 3, large),
        ("squares", 4, large),
    ];
    let events: Vec<_> = sales
        .iter()
        .enumerate()
        .map(|(number, (key, minute, amount))| {
            let mut sale = sale(key, number, START_MS + minute * 60_000);
            sale.amount_minor = Some(*amount);
            sale
        })
        .collect();
    let mut through = new();
    for (number, event) in events.iter().enumerate() {
        fold_part(&mut through, std::slice::from_ref(event), number as i64);
    }
    for (key, expected) in [
        ("small", false),
        ("sum", true),
        ("late", true),
        ("squares", true),
    ] {
        assert_eq!(has_tops(&through, key), expected, "{key}");
    }
    let written = Dump::of(&mut through);
    let mut restored = new();
    written.restore(&mut restored).unwrap();
    assert!(Dump::of(&mut restored) == written);
    let next: Vec<_> = ["small", "sum", "late", "squares"]
        .iter()
        .enumerate()
        .map(|(number, key)| {
            let mut sale = sale(key, 100 + number, START_MS + 5 * 60_000);
            sale.amount_minor = Some(-100);
            sale
        })
        .collect();
    let rows = [&mut through, &mut restored].map(|lane| fold_part(lane, &next, 100));
    for (one, other) in rows[0].iter().zip(&rows[1]) {
        assert_eq!((bits(one), one.flags), (bits(other), other.flags));
    }
    let sums: Vec<_> = rows[0].iter().map(|row| row.values[0]).collect();
    let exact = |sum: i128| Some(sum as f64);
    assert_eq!(sums[0], exact(i128::from(huge) - 107));
    assert_eq!(sums[1], exact(i128::from(large) - 99));
    assert_eq!(sums[2], exact(i128::from(large) - 95));
    assert_eq!(rows[0][3].flags, Flags::OVERFLOW);
}
