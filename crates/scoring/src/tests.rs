use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use expect_test::{Expect, expect};
use tillwatch_records::cut::{Entries, Part, Space};
use tillwatch_records::{
    Band, Column, Emissions, EventBatch, FeatureBatch, Flags, Projection, RecordKind, RecordKinds,
    ScoreBatch, Severity, TopicPartition, Typology,
};

use crate::*;

mod backtest;
mod emissions;
mod hostile;
mod learning;
mod loading;
mod logistic;
mod property;
mod recent;
mod rules;
mod scorer;
mod snapshot;
mod trees;

/// Everything is asked, nothing is joined.
pub(crate) const FULL: ScoreContext<'static> = asked(Effort::Full);

pub(crate) const fn asked(effort: Effort) -> ScoreContext<'static> {
    ScoreContext {
        effort,
        reference: None,
    }
}

pub(crate) fn scope() -> InputScope {
    InputScope {
        parts: Vec::new(),
        words: BTreeMap::new(),
        catalog: "terminal".to_owned(),
        catalog_version: "c0ffee".to_owned(),
        features: ["count_24h", "decline_ratio_5m", "amount_sum_1h"]
            .map(str::to_owned)
            .to_vec(),
        columns: vec![Column::EventTime, Column::Mcc, Column::AmountMinor],
        joined: vec![
            Field::new("registry_floor_limit_minor", DataType::Int64, true),
            Field::new("registry_model", DataType::Utf8, true),
        ],
    }
}

pub(crate) fn files(description: &str, artefacts: &[(&str, &str)]) -> ModelFiles {
    ModelFiles {
        description: description.to_owned(),
        files: artefacts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect(),
        ..ModelFiles::default()
    }
}

pub(crate) fn load(
    description: &str,
    artefacts: &[(&str, &str)],
) -> Result<Arc<LoadedModel>, ScoringError> {
    ModelKinds::standard().load(&files(description, artefacts), &scope())
}

const RULES_TOML: &str = r#"
name = "terminal-rules"
version = "1"
kind = "rules"
artefact = "rules.toml"
"#;

const RULES: &str = r#"
prior = 0.001

[[rule]]
code = "CARD_ENUMERATION"
typology = "fabricated"
severity = "critical"
when = "decline_ratio_5m > 0.5"
probability = 0.9
feature = "decline_ratio_5m"
threshold = 0.5
window = "5m"
words = "many cards are tried and declined"
min_count = { feature = "count_24h", count = 10 }

[[rule]]
code = "CASH_MCC"
typology = "cash_out"
severity = "warning"
when = "amount_minor >= 100000 AND mcc NOT IN ('6010', '6011')"
probability = 0.5
feature = "amount_minor"
baseline = "amount_sum_1h"
words = "a large amount"
"#;

const LOGISTIC_TOML: &str = r#"
name = "line"
version = "2"
kind = "logistic"
artefact = "line.toml"
inputs = ["count_24h", "amount_minor"]
golden = "golden.json"

[[reasons]]
feature = "count_24h"
code = "VOLUME_SPIKE"
severity = "warning"
words = "many transactions"
"#;

const LOGISTIC: &str = r#"
intercept = -3.0

[[term]]
input = "amount_minor"
coefficient = 0.5
mean = 1000.0
scale = 1000.0

[[term]]
input = "count_24h"
coefficient = 0.25
missing = 4.0
"#;

const GOLDEN: &str = r#"{"rows": [{"inputs": [null, 3000], "raw": -1.0}, {"inputs": [12, null], "raw": 0.0, "probability": 0.5}]}"#;

/// One transaction: key, event time, count, decline ratio, amount.
type Given<'a> = (&'a str, i64, Option<f64>, Option<f64>, i64);

/// The feature batch of some transactions, offsets counting from `first`.
pub(crate) fn batch(first: i64, rows: &[Given<'_>]) -> FeatureBatch {
    let projection = Arc::new(Projection::new([
        Column::EventTime,
        Column::Mcc,
        Column::AmountMinor,
    ]));
    let times = TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.1));
    let columns: Vec<ArrayRef> = projection
        .columns()
        .iter()
        .map(|column| -> ArrayRef {
            match column {
                Column::EventTime => Arc::new(times.clone().with_timezone("UTC")),
                Column::Mcc => Arc::new(StringArray::from(vec!["5411"; rows.len()])),
                _ => Arc::new(rows.iter().map(|row| Some(row.4)).collect::<Int64Array>()),
            }
        })
        .collect();
    let field = |name: &str| Field::new(name, DataType::Float64, true);
    let schema = Schema::new(vec![field("count_24h"), field("decline_ratio_5m")]);
    let features: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>()),
    ];
    let events = EventBatch {
        joined: None,
        marks: Vec::new(),
        source: TopicPartition::new("t", 0),
        topic_id: None,
        offsets: (first..first + rows.len() as i64).collect(),
        record_timestamps_ms: rows.iter().map(|row| row.1).collect(),
        kinds: vec![RecordKind::Transaction; rows.len()],
        columns: RecordBatch::try_new(projection.schema().clone(), columns).unwrap(),
        projection,
    };
    let keys = rows.iter().map(|row| Some(row.0)).collect::<StringArray>();
    FeatureBatch {
        emissions: Emissions::of_records(keys, &events, RecordKinds::TRANSACTIONS),
        events,
        features: RecordBatch::try_new(Arc::new(schema), features).unwrap(),
        flags: vec![Flags::default(); rows.len()],
    }
}

const BOTH_TOML: &str = r#"
name = "both"
version = "3"
kind = "ensemble"

[ensemble]
method = "max"

[[ensemble.member]]
model = "../rules"

[[ensemble.member]]
model = "../line"
"#;

fn both(description: &str) -> ModelFiles {
    let line = [("line.toml", LOGISTIC), ("golden.json", GOLDEN)];
    ModelFiles {
        members: [
            (
                "../rules".to_owned(),
                files(RULES_TOML, &[("rules.toml", RULES)]),
            ),
            ("../line".to_owned(), files(LOGISTIC_TOML, &line)),
        ]
        .into(),
        ..files(description, &[])
    }
}

fn lineup(model: Arc<LoadedModel>) -> Lineup {
    Lineup::new(model, ScoringSettings::default(), Arc::new(scope())).unwrap()
}

fn scorer() -> Scorer {
    let model = ModelKinds::standard().load(&both(BOTH_TOML), &scope());
    Scorer::new(&Arc::new(lineup(model.unwrap())))
}

/// Everything a score says, a line per row, alerts after their row.
fn show(batch: &ScoreBatch) -> String {
    let mut out = String::new();
    for row in 0..batch.len() {
        let reasons: Vec<String> = batch
            .reasons
            .row(row)
            .iter()
            .map(|r| {
                format!(
                    "{} {} {:?} {:.3}",
                    r.definition.code, r.value, r.baseline, r.contribution
                )
            })
            .collect();
        let (score, probability) = (batch.scores[row], batch.probabilities[row]);
        let band = batch.bands[row].as_str();
        out += &format!("{score} {probability:.6} {band} [{}]\n", reasons.join(", "));
        for alert in batch.alerts.iter().filter(|alert| alert.row == row as u32) {
            out += &format!(
                "  alert {:?} {} {}\n",
                alert.typology, alert.severity, alert.suppressed_count
            );
        }
    }
    out
}

const ROWS: [Given<'_>; 7] = [
    ("a", 0, Some(3.0), Some(0.1), 1000),
    ("a", 1, Some(12.0), Some(0.6), 1000),
    ("a", 2, Some(13.0), Some(0.7), 200_000),
    ("b", 2, Some(9.0), Some(0.9), 1000),
    ("a", 3_600_001, Some(14.0), None, 200_000),
    ("a", 3_600_002, Some(14.0), Some(0.8), 1000),
    ("c", 3_600_003, Some(40.0), None, 1000),
];

/// The output of a model on columns, in the order of its inputs.
pub(crate) fn run(model: &Arc<LoadedModel>, columns: &[ArrayRef], rows: usize) -> ModelOutput {
    let mut runner = Runner::new(model, &scope());
    let inputs = &model.info().inputs;
    runner.bind(rows, |asked| {
        let position = inputs.iter().position(|input| input == asked.name());
        position.map(|position| Arc::clone(&columns[position]))
    });
    let mut signals = Vec::new();
    runner.score(Effort::Full, 0.0, &mut signals);
    let all: Vec<u32> = (0..rows as u32).collect();
    runner.explain(&all, Depth::Exact, &mut signals);
    ModelOutput {
        raw: runner.raw().to_vec(),
        probability: runner.probability().to_vec(),
        signals,
        ..ModelOutput::default()
    }
}
