use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Column, FeatureBatch, Flags, KeySpec, RecordKind};
use tillwatch_testkit::oracle::{self, Case, OracleAggregate, OracleRow, OracleSettings};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::{self, Event, START_MS, StreamSettings};

use super::feature_lane::FeatureLane;
use crate::catalog::{Aggregate, Catalog};
use crate::plan::Plan;
use crate::settings::EngineSettings;

pub(super) fn engine(settings: &OracleSettings) -> EngineSettings {
    let mut engine = EngineSettings::default();
    engine.time.allowed_lateness = DurationMs::from_ms(settings.allowed_lateness_ms);
    engine.time.max_future_skew = DurationMs::from_ms(settings.max_future_skew_ms);
    engine.time.dedup_horizon = DurationMs::from_ms(settings.dedup_horizon_ms);
    engine.state.idle_ttl = DurationMs::from_ms(settings.idle_ttl_ms);
    engine
}

pub(super) fn lane(catalog: &str, settings: &EngineSettings, start_offset: i64) -> FeatureLane {
    let plan = Plan::compile(&Catalog::parse(catalog).unwrap(), settings).unwrap();
    let key = KeySpec::from_names(&["terminal_id"]).unwrap();
    FeatureLane::new(Arc::new(plan), key, start_offset)
}

pub(super) fn rows(batch: &FeatureBatch) -> Vec<OracleRow> {
    let columns: Vec<_> = batch
        .features
        .columns()
        .iter()
        .map(AsArray::as_primitive::<Float64Type>)
        .collect();
    (0..batch.len())
        .map(|row| OracleRow {
            values: columns
                .iter()
                .map(|column| column.is_valid(row).then(|| column.value(row)))
                .collect(),
            flags: batch.flags[row],
        })
        .collect()
}

pub(super) fn fold(
    lane: &mut FeatureLane,
    events: &[Event],
    pieces: &[std::ops::Range<usize>],
) -> Vec<OracleRow> {
    let mut all = Vec::new();
    for piece in pieces {
        let out = lane
            .process(stream::batch(&events[piece.clone()], piece.start as i64))
            .unwrap();
        assert_eq!(out.events.len(), out.len());
        let mut kinds = out.events.kinds.iter();
        assert!(kinds.all(|kind| lane.scored().contains(*kind)));
        all.extend(rows(&out));
    }
    all
}

/// Everything in one batch.
pub(super) fn whole(events: &[Event]) -> Vec<std::ops::Range<usize>> {
    std::iter::once(0..events.len()).collect()
}

pub(super) fn bits(row: &OracleRow) -> Vec<Option<u64>> {
    row.values
        .iter()
        .map(|value| value.map(f64::to_bits))
        .collect()
}

/// What is wrong with the engine's features of `case`; `None` if they are as defined.
fn objection(case: &Case) -> Option<String> {
    let expected = oracle::evaluate(&case.features, &case.settings, &case.events);
    let mut lane = lane(&case.catalog(), &engine(&case.settings), 0);
    let pieces = stream::split(case.seed, case.events.len());
    let got = fold(&mut lane, &case.events, &pieces);
    assert_eq!(got.len(), expected.len(), "seed {}", case.seed);
    let mut rows = expected.iter().zip(&got).enumerate();
    rows.find_map(|(number, (expected, got))| {
        let objection = expected.objection(&case.features, got)?;
        Some(format!("transaction {number}: {objection}"))
    })
}

fn check(case: &Case) {
    if objection(case).is_some() {
        let small = case.shrink(|case| objection(case).is_some());
        panic!("{:?}\n{}", objection(&small), small.describe());
    }
}

#[test]
fn the_oracle_knows_every_aggregate() {
    let known = OracleAggregate::ALL.iter().map(|a| a.as_str());
    assert!(known.eq(Aggregate::all().map(Aggregate::as_str)));
}

/// `TILLWATCH_SEED` and `TILLWATCH_CASES` in the environment ask for others, and for more.
#[test]
fn equals_the_definition() {
    for seed in seeds(0..500) {
        check(&Case::random(seed));
    }
}

#[test]
fn many_distinct_values_are_estimated() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"n\"\naggregate = \"distinct\"\n\
                   window = \"10s\"\ncolumn = \"card_token\"\n";
    let events: Vec<Event> = (0..30_000)
        .map(|number| Event {
            card_token: Some(format!("card {number}")),
            ..sale("a", number, START_MS + number as i64)
        })
        .collect();
    let mut lane = lane(catalog, &EngineSettings::default(), 0);
    let rows = fold(&mut lane, &events, &whole(&events));
    for (number, row) in rows.iter().enumerate() {
        // Every millisecond brings a card of its own.
        let count = (number + 1).min(10_000) as f64;
        // Five standard errors where it is an estimate.
        let error = if count > 2_048.0 {
            count * 5.0 * 0.032
        } else {
            0.0
        };
        let estimate = row.values[0].unwrap();
        assert!((estimate - count).abs() <= error, "{estimate} of {count}");
    }
}

/// A window with an estimate is moved to where a record that comes again had it, and back.
#[test]
fn what_comes_again_is_told_what_it_was_told_before() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"n\"\naggregate = \"distinct\"\n\
                   window = \"10s\"\ncolumn = \"card_token\"\n[[feature]]\nname = \"z\"\n\
                   aggregate = \"robust_z\"\nwindow = \"10s\"\ncolumn = \"amount_minor\"\n";
    let once: Vec<Event> = (0..25_000)
        .map(|number| Event {
            // Many are new, then few are, then many again.
            card_token: Some(match number / 8_000 {
                1 => format!("card {}", number % 1_500),
                _ => format!("card {number}"),
            }),
            amount_minor: Some(number as i64 * 7_919 % 10_007),
            ..sale("a", number, START_MS + number as i64)
        })
        .collect();
    let mut settings = EngineSettings::default();
    settings.time.allowed_lateness = DurationMs::from_ms(10_000);
    let run = |events: &[Event]| fold(&mut lane(catalog, &settings, 0), events, &whole(events));
    let first = run(&once);
    let back = [0, 1, 5, 50, 400, 600, 700, 3_000, 9_000];
    let (mut events, mut numbers) = (Vec::new(), Vec::new());
    for (number, event) in once.iter().enumerate() {
        events.push(event.clone());
        numbers.push((number, false));
        if number % 97 == 0
            && let Some(again) = number.checked_sub(back[number / 97 % back.len()])
        {
            events.push(once[again].clone());
            numbers.push((again, true));
        }
    }
    for ((number, is_again), row) in numbers.iter().zip(run(&events)) {
        assert_eq!(row.flags.contains(Flags::DUPLICATE), *is_again);
        let same = [0, 1].map(|at| (row.values[at], first[*number].values[at]));
        assert!(
            same.iter().all(|(a, b)| a == b),
            "{number} {is_again}: {same:?}"
        );
    }
}

#[test]
fn same_seed_same_bytes_whatever_the_batching() {
    let settings = StreamSettings {
        events: 3_000,
        keys: 40,
        ..StreamSettings::random(5)
    };
    let events = stream::events(&settings);
    let catalog = include_str!("../../../../models/features/job-w.toml");
    let run = |seed| {
        let mut lane = lane(catalog, &EngineSettings::default(), 0);
        let rows = fold(&mut lane, &events, &stream::split(seed, events.len()));
        (rows.iter().map(bits).collect::<Vec<_>>(), lane.stats())
    };
    let first = run(1);
    for seed in 2..6 {
        assert!(run(seed) == first);
    }
}

/// The rows of the events of `key`, folded with those of all other keys and without them.
pub(super) fn together_and_alone(events: &[Event], key: &str) -> [Vec<OracleRow>; 2] {
    let catalog = include_str!("../../../../models/features/job-w.toml");
    let run = |events: &[Event]| {
        let mut lane = lane(catalog, &EngineSettings::default(), 0);
        fold(&mut lane, events, &whole(events))
    };
    let is_own = |event: &&Event| event.terminal_id == key;
    let own: Vec<Event> = events.iter().filter(is_own).cloned().collect();
    let transactions = events.iter().filter(|e| e.kind == RecordKind::Transaction);
    let rows = transactions.zip(run(events));
    let together = rows.filter(|(event, _)| is_own(event)).map(|(_, row)| row);
    [together.collect(), run(&own)]
}

#[test]
fn results_do_not_depend_on_other_keys() {
    let mut marks = Flags::empty();
    for seed in 0..20 {
        let settings = StreamSettings {
            keys: 6,
            ..StreamSettings::random(seed)
        };
        let events = stream::events(&settings);
        for key in ["T0", "T3"] {
            let [together, alone] = together_and_alone(&events, key);
            assert_eq!(together.len(), alone.len());
            for (together, alone) in together.iter().zip(&alone) {
                assert_eq!(bits(together), bits(alone), "seed {seed}, {key}");
                assert_eq!(together.flags, alone.flags, "seed {seed}, {key}");
                marks |= alone.flags;
            }
        }
    }
    let all = Flags::LATE | Flags::CLOCK_SKEW | Flags::DUPLICATE | Flags::ID_REUSED;
    assert!(marks.contains(all), "{marks:?}");
}

pub(super) fn sale(terminal: &str, number: usize, event_time_ms: i64) -> Event {
    Event::sale(terminal, &format!("s{number}"), event_time_ms)
}

pub(super) const COUNT_1H: &str =
    "name = \"c\"\n[[feature]]\nname = \"n\"\naggregate = \"count\"\nwindow = \"1h\"\n";

pub(super) fn fold_part(lane: &mut FeatureLane, events: &[Event], offset: i64) -> Vec<OracleRow> {
    rows(&lane.process(stream::batch(events, offset)).unwrap())
}

#[test]
fn an_empty_batch_and_missing_columns_are_fine() {
    let mut lane = lane(
        include_str!("../../../../models/features/job-w.toml"),
        &EngineSettings::default(),
        0,
    );
    assert!(lane.process(stream::batch(&[], 0)).unwrap().is_empty());
    let mut batch = stream::batch(&[sale("a", 0, START_MS)], 0);
    let projection = tillwatch_records::Projection::new([Column::EventTime, Column::TerminalId]);
    let places = projection.columns().iter();
    let places: Vec<usize> = places
        .map(|column| batch.columns.schema_ref().index_of(column.name()).unwrap())
        .collect();
    batch.columns = batch.columns.project(&places).unwrap();
    batch.projection = Arc::new(projection);
    let out = lane.process(batch).unwrap();
    assert_eq!(rows(&out)[0].values[0], Some(1.0));
}

#[test]
fn a_label_finds_its_transaction_among_those_of_one_id() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"labelled\"\naggregate = \"sum\"\n\
         column = \"amount_minor\"\nlabel = \"label_kind = 'TC40'\"\nwindow = \"1h\"\n";
    let mut settings = EngineSettings::default();
    settings.time.dedup_horizon = DurationMs::from_ms(10_000);
    let sold = |id: &str, seconds: i64, amount| Event {
        amount_minor: Some(amount),
        ..Event::sale("a", id, START_MS + seconds * 1_000)
    };
    let label = |occurred_seconds: Option<i64>| Event {
        label_kind: Some("TC40"),
        occurred_time_ms: occurred_seconds.map(|seconds| START_MS + seconds * 1_000),
        ..Event::bare(RecordKind::Label, "a", "x", START_MS + 100_000)
    };
    let sales = [
        sold("x", 0, 1),
        sold("y", 20, 2),
        sold("x", 30, 4),
        sold("z", 70, 8),
        // Late: the newest to arrive, but not the newest.
        sold("x", 15, 16),
    ];
    let labelled = |labels: &[Option<i64>]| {
        let mut events = sales.to_vec();
        events.extend(labels.iter().map(|occurred| label(*occurred)));
        events.push(sold("end", 80, 0));
        let mut lane = lane(catalog, &settings, 0);
        let rows = fold(&mut lane, &events, &whole(&events));
        assert!(rows.iter().all(|row| row.flags.is_empty()), "{rows:?}");
        rows[rows.len() - 1].values[0]
    };
    for (seconds, amount) in [(0, 1.0), (15, 16.0), (30, 4.0)] {
        assert_eq!(labelled(&[Some(seconds)]), Some(amount));
        // Whichever was labelled before.
        for (before, other) in [(0, 1.0), (15, 16.0), (30, 4.0)] {
            let both = if before == seconds { 0.0 } else { other } + amount;
            assert_eq!(labelled(&[Some(before), Some(seconds)]), Some(both));
        }
    }
    // Nothing of that id happened then, or nobody says when it did: the newest.
    assert_eq!(labelled(&[Some(20)]), Some(4.0));
    assert_eq!(labelled(&[None]), Some(4.0));
    assert_eq!(labelled(&[Some(0), None]), Some(5.0));
    assert_eq!(labelled(&[Some(15), Some(7), None]), Some(20.0));
}

#[test]
fn a_divisor_divides_in_the_end() {
    let catalog = "name = \"c\"\n[[feature]]\nname = \"n\"\naggregate = \"count\"\nwindow = \"1h\"\n\
         [[feature]]\nname = \"mean\"\naggregate = \"mean\"\ncolumn = \"amount_minor\"\n\
         window = \"1h\"\ndivisor = 100\n";
    let mut lane = lane(catalog, &EngineSettings::default(), 0);
    let mut second = sale("a", 1, START_MS + 1);
    second.amount_minor = Some(151);
    let out = fold_part(&mut lane, &[sale("a", 0, START_MS), second], 0);
    assert_eq!(out[0].values, [Some(1.0), Some(1.0)]);
    assert_eq!(out[1].values, [Some(2.0), Some(1.255)]);
}
