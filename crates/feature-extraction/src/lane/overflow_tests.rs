//! Sums that do not fit, against the definition.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::{Column, Flags};
use tillwatch_testkit::oracle::{self, Case, OracleAggregate, OracleFeature};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::{self, START_MS};

use super::tests::{engine, fold, fold_part, lane, sale};
use crate::settings::EngineSettings;

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
