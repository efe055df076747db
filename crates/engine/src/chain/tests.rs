use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::Float64Type;
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::{Catalog, EngineSettings, Plan};
use tillwatch_records::units::DurationMs;
use tillwatch_records::{
    Column, Flags, KeySpec, Projection, RawBatch, RecordKind, RecordKinds, TopicPartition,
};

use super::*;

fn lane(key: &str, catalog: &str) -> FeatureLane {
    let catalog = Catalog::parse(catalog).unwrap();
    let plan = Plan::compile(&catalog, &settings()).unwrap();
    // Not from the start, so that marks differ between windows of different lengths.
    let mut lane = FeatureLane::new(Arc::new(plan), KeySpec::from_names(&[key]).unwrap(), 1);
    lane.begin_after(WARM_MS - 3_600_000 - 300_000);
    lane
}

/// Event time of the first record.
const FIRST_MS: i64 = 1_500_000_000_000;

/// From when on windows of an hour are whole: half of the records come before.
const WARM_MS: i64 = FIRST_MS + 50 * 700;

/// No id is known again, so that windows alone decide what is whole.
fn settings() -> EngineSettings {
    let mut settings = EngineSettings::default();
    settings.time.dedup_horizon = DurationMs::from_ms(0);
    settings
}

fn terminal() -> FeatureLane {
    let text = "name = 't'\n[[feature]]\nname = 'terminal_{window}'\naggregate = 'count'
        windows = ['1s', '1h']
        [[feature]]\nname = 'labels'\naggregate = 'count'\nrecord_type = 'label'\nwindow = '1h'";
    lane("terminal_id", text)
}

fn card() -> FeatureLane {
    let text = "name = 'c'\n[[feature]]\nname = 'card_1m'\naggregate = 'count'\nwindow = '1m'
        [[feature]]\nname = 'mean_1m'\naggregate = 'mean'
        column = 'amount_minor'\nwindow = '1m'\nexclude_current = true";
    lane("card_token", text)
}

/// A hundred records, every fifth a label and every seventh a terminal event.
fn records(range: std::ops::Range<i64>) -> EventBatch {
    let settings: DecodeSettings = toml::from_str("record_type = { field = 'type' }").unwrap();
    let columns = [Column::EventId, Column::EventTime, Column::TerminalId];
    let projection = Projection::new(
        columns
            .into_iter()
            .chain([Column::CardToken, Column::AmountMinor]),
    );
    let key = KeySpec::from_names(&["terminal_id", "card_token"]).unwrap();
    let plan = DecodePlan::new(&settings, Arc::new(projection), &key);
    let mut raw = RawBatch::new(TopicPartition::new("t", 0));
    for n in range {
        let kind = match n {
            _ if n % 5 == 4 => "label",
            _ if n % 7 == 6 => "terminal_event",
            _ => "transaction",
        };
        let row = format!(
            r#"{{"type":"{kind}","event_id":"{n}","event_time":{},"terminal_id":"{}",
                "card_token":"c{}","amount_minor":{n},"currency":"EUR"}}"#,
            FIRST_MS + n * 700,
            n % 3,
            n % 4,
        );
        raw.push(n, None, None, Some(row.as_bytes()), []);
    }
    let decoded = Decoder::new(Arc::new(plan.unwrap())).decode(&raw);
    let unkeyed = |refusal: &tillwatch_decode::Refusal| refusal.detail.contains("card_token");
    assert!(
        decoded.refusals.iter().all(unkeyed),
        "{:?}",
        decoded.refusals
    );
    decoded.events
}

#[test]
fn a_chain_gives_what_its_stages_give_alone() {
    let alone = [
        terminal().process(records(0..100)).unwrap(),
        card().process(records(0..100)).unwrap(),
    ];
    let mut columns = alone[0].features.columns().to_vec();
    columns.extend(alone[1].features.columns().iter().cloned());
    for batch in [1, 7, 100] {
        let mut chain = Chain::new("t", terminal()).then("c", card());
        let (mut row, mut start) = (0, 0);
        while start < 100 {
            let end = (start + batch).min(100);
            let made = chain.process(records(start..end), &mut Vec::new()).unwrap();
            assert_eq!(made.features.num_columns(), 5);
            for (found, expected) in made.features.columns().iter().zip(&columns) {
                assert_eq!(**found, *expected.slice(row, made.len()));
            }
            for (at, flags) in made.flags.iter().enumerate() {
                assert_eq!(*flags, alone[0].flags[row + at] | alone[1].flags[row + at]);
            }
            let keys = alone[0].emissions.keys.slice(row, made.len());
            assert_eq!(made.emissions.keys, keys);
            assert_eq!(
                made.events.offsets,
                alone[0].events.offsets[row..row + made.len()]
            );
            row += made.len();
            start = end;
        }
        assert_eq!(row, alone[0].len());
        let (stats, first) = (chain.stats(), chain.before[0].lane().stats());
        assert_eq!(
            (stats.labels, stats.accepted),
            (first.labels, first.accepted)
        );
        assert_eq!(stats.keys, 3 + 4);
    }
}

#[test]
fn a_later_stage_sees_the_features_of_those_before_by_name() {
    let reader = |terminal: &FeatureLane| {
        let text = "name = 'r'\n[[feature]]\nname = 'twice'\naggregate = 'value'
            expression = '2 * terminal_1h'
            [[feature]]\nname = 'busiest'\naggregate = 'max'\ncolumn = 'terminal_1h'\nwindow = '1m'";
        let catalog = Catalog::parse_with(text, terminal.plan().schema()).unwrap();
        let plan = Plan::compile(&catalog, &EngineSettings::default()).unwrap();
        let key = KeySpec::from_names(&["card_token"]).unwrap();
        FeatureLane::new(Arc::new(plan), key, 0)
    };
    let reader = reader(&terminal());
    // The stage that reads does not come right after the one that is read.
    let mut chain = Chain::new("t", terminal())
        .then("c", card())
        .then("r", reader);
    let mut workspace = Workspace::default();
    let staged = chain.before[0]
        .pass(records(0..100).into(), &mut workspace)
        .unwrap();
    let joined = staged.events.joined.clone().expect("it is joined");
    assert_eq!(
        (joined.num_columns(), joined.num_rows()),
        (1, staged.events.len())
    );
    let joined = joined.column(0).as_primitive::<Float64Type>();
    let kinds = staged.events.kinds.iter();
    let transactions = kinds
        .enumerate()
        .filter(|(_, kind)| **kind == RecordKind::Transaction);
    let transactions: Vec<usize> = transactions.map(|(row, _)| row).collect();
    assert_eq!(joined.len() - joined.null_count(), transactions.len());
    let staged = chain.before[1].pass(staged, &mut workspace).unwrap();
    let made = chain.last.fold(staged, &mut workspace).unwrap();
    let column = |name: &str| {
        let column = made.features.column_by_name(name);
        column.expect("it is there").as_primitive::<Float64Type>()
    };
    let (read, twice, busiest) = (column("terminal_1h"), column("twice"), column("busiest"));
    for (at, row) in transactions.into_iter().enumerate() {
        assert_eq!(read.value(at), joined.value(row));
        assert_eq!(twice.value(at), 2.0 * read.value(at));
        assert!(busiest.value(at) >= read.value(at));
    }
}

#[test]
fn what_does_not_fit_the_records_fails_instead_of_going_on_without() {
    let text =
        "name = 'r'\n[[feature]]\nname = 'same'\naggregate = 'value'\nexpression = 'terminal_1h'";
    let catalog = Catalog::parse_with(text, terminal().plan().schema()).unwrap();
    let plan = Plan::compile(&catalog, &EngineSettings::default()).unwrap();
    let key = KeySpec::from_names(&["card_token"]).unwrap();
    let reader = FeatureLane::new(Arc::new(plan), key, 0);
    let mut chain = Chain::new("t", terminal()).then("r", reader);
    let mut events = records(0..100);
    // Fewer rows than records.
    events.joined = records(0..50).columns.into();
    let error = chain
        .process(events, &mut Vec::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("stage `t`: features and records do not fit together"),
        "{error}"
    );

    let features = terminal().process(records(0..90)).unwrap().features;
    let error = spread::spread(&records(0..100), RecordKinds::TRANSACTIONS, &features, &[0])
        .unwrap_err()
        .to_string();
    assert!(error.contains("scored records"), "{error}");

    // What a stage has passed is of other records than those it is given.
    let mut chain = Chain::new("t", terminal()).then("c", card());
    let mut workspace = Workspace::default();
    let staged = chain.before[0]
        .pass(records(0..100).into(), &mut workspace)
        .unwrap();
    let mut other = staged::Staged::from(records(0..50));
    other.passed = staged.passed;
    let error = chain.last.fold(other, &mut workspace).unwrap_err();
    assert!(matches!(error, ChainError::Rows { .. }), "{error}");
}

#[test]
fn what_a_later_stage_makes_of_features_is_no_more_whole_than_they_are() {
    let text = "name = 'r'\n[[feature]]\nname = 'busiest'\naggregate = 'max'
        column = 'terminal_1h'\nwindow = '10s'";
    let catalog = Catalog::parse_with(text, terminal().plan().schema()).unwrap();
    let plan = Plan::compile(&catalog, &settings()).unwrap();
    let key = KeySpec::from_names(&["card_token"]).unwrap();
    // By itself it lacks nothing.
    let reader = FeatureLane::new(Arc::new(plan), key, 0);
    let mut chain = Chain::new("t", terminal()).then("r", reader);
    let made = chain.process(records(0..100), &mut Vec::new()).unwrap();
    let alone = terminal().process(records(0..100)).unwrap();
    let is_warming = |flags: &Flags| flags.contains(Flags::WARMING);
    let (mut own, mut made_of) = (0, 0);
    for (row, offset) in made.events.offsets.iter().enumerate() {
        let at_ms = FIRST_MS + offset * 700;
        assert_eq!(is_warming(&alone.flags[row]), at_ms < WARM_MS);
        own += usize::from(is_warming(&alone.flags[row]));
        made_of += usize::from(is_warming(&made.flags[row]));
        // Its windows hold no feature from before by then.
        assert!(at_ms < WARM_MS + 10_000 || made.flags[row].is_empty());
    }
    assert!(own > 20 && made_of > own + 5, "{own}, {made_of}");
}
