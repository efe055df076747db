//! The public handbook set with its labels, through a real broker and from the file: the same features
//! and scores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tillwatch_testkit::broker::{RealBroker, read_all};

use crate::rows::number;
use crate::support::{Instance, json, succeed, tillwatch, wait_for};

/// Rows of the set that go through: enough for every feature's window to fill and slide.
const ROWS: u64 = 150_000;

const PARTITIONS: i32 = 4;

/// Features of the stage that runs over the topic.
const FEATURES: [&str; 9] = [
    "tx_amount",
    "tx_during_weekend",
    "tx_during_night",
    "terminal_id_nb_tx_1day_window",
    "terminal_id_nb_tx_7day_window",
    "terminal_id_nb_tx_30day_window",
    "terminal_id_risk_1day_window",
    "terminal_id_risk_7day_window",
    "terminal_id_risk_30day_window",
];

/// What is compared of a transaction: score, bits of the probability, reason codes, bits of the features.
type Scored = (u64, u64, String, Vec<Option<u64>>);

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_topic_and_a_file_give_the_same_features_and_scores() {
    let data =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/handbook/transactions.parquet");
    if !data.exists() {
        eprintln!("skipped: {} is not here", data.display());
        return;
    }
    let broker = RealBroker::start().expect("a broker");
    for (topic, partitions) in [
        ("handbook", PARTITIONS),
        ("handbook.scores", PARTITIONS),
        ("handbook.alerts", 1),
        ("handbook.dead-letters", 1),
    ] {
        broker
            .create_topic(topic, partitions)
            .expect("topics can be created");
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = write_config(directory.path(), &broker);
    let streamed = scored_by_topic(&broker, &config, &data);
    assert_eq!(streamed.len() as u64, ROWS);
    let mut rows = 0;
    for (id, scored) in scored_by_file(directory.path(), &config, &data) {
        assert_eq!(streamed.get(&id), Some(&scored), "transaction {id}");
        rows += 1;
    }
    assert_eq!(rows, ROWS);
}

/// The example's configuration for `broker`, with features in the output. The example's other files stay
/// where they are.
fn write_config(directory: &Path, broker: &RealBroker) -> PathBuf {
    let config = directory.join("handbook.toml");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = root.join("examples/handbook");
    let text = std::fs::read_to_string(example.join("tillwatch.toml")).expect("the example");
    let text = text
        .replace("localhost:9092", &broker.brokers())
        .replace("../../models", &root.join("models").to_string_lossy())
        .replace("\"rules\"", &format!("{:?}", example.join("rules")))
        .replace("kind = \"kafka\"", "kind = \"kafka\"\nfeatures = true");
    std::fs::write(&config, text).expect("a configuration can be written");
    config
}

/// What comes out of the topic of scores, by event id.
fn scored_by_topic(broker: &RealBroker, config: &Path, data: &Path) -> BTreeMap<String, Scored> {
    succeed(
        tillwatch()
            .args(["publish", "--records", &ROWS.to_string(), "--config"])
            .arg(config)
            .arg("--input")
            .arg(data),
    );
    let instance = Instance::start_with(config, &["--stage", "terminal"]);
    wait_for("every row to be scored", || {
        instance.metric("tillwatch_delivered_scores_total") == Some(ROWS as f64)
    });
    assert!(instance.stop().0.success());
    let records = read_all(&broker.brokers(), "handbook.scores", PARTITIONS);
    let records = records.expect("scores can be read");
    records
        .iter()
        .map(|record| {
            let score = json(record);
            let text = record.payload.as_deref().unwrap_or_default();
            let text = std::str::from_utf8(text).expect("it is text");
            let id = score["event_id"].as_str().unwrap_or_default().to_owned();
            let scored = (
                score["score"].as_u64().unwrap_or(u64::MAX),
                number(text, "probability").unwrap_or_default(),
                codes(&score["reasons"]),
                FEATURES.iter().map(|name| number(text, name)).collect(),
            );
            (id, scored)
        })
        .collect()
}

/// What `tillwatch score` makes of the file, with each row's event id.
fn scored_by_file(directory: &Path, config: &Path, data: &Path) -> Vec<(String, Scored)> {
    let output = directory.join("scores.parquet");
    succeed(
        tillwatch()
            .args(["score", "--features", "--records", &ROWS.to_string()])
            .arg("--config")
            .arg(config)
            .arg("--input")
            .arg(data)
            .arg("--output")
            .arg(&output),
    );
    read_scores(&output)
}

/// Reason codes of a score, joined.
fn codes(reasons: &serde_json::Value) -> String {
    let codes = reasons.as_array().into_iter().flatten();
    codes
        .filter_map(|reason| reason["code"].as_str())
        .collect::<Vec<_>>()
        .join(",")
}

/// Event id of each row, and what is compared of it.
fn read_scores(path: &Path) -> Vec<(String, Scored)> {
    use arrow::array::{Array as _, AsArray as _};
    use arrow::datatypes::{Float64Type, UInt16Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let file = std::fs::File::open(path).expect("the output is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
    let mut rows = Vec::new();
    for batch in reader.build().expect("it can be read") {
        let batch = batch.expect("it can be read");
        let column = |name| batch.column_by_name(name).expect("the column is there");
        let ids = column("event_id").as_string::<i32>();
        let scores = column("score").as_primitive::<UInt16Type>();
        let probabilities = column("probability").as_primitive::<Float64Type>();
        let reasons = column("reason_codes").as_list::<i32>();
        let features = FEATURES.map(|name| column(name).as_primitive::<Float64Type>());
        for row in 0..batch.num_rows() {
            let codes = if reasons.is_null(row) {
                String::new()
            } else {
                let codes = reasons.value(row);
                codes
                    .as_string::<i32>()
                    .iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(",")
            };
            let bits = probabilities.value(row).to_bits();
            let features = features.iter().map(|values| {
                let value = values.is_valid(row).then(|| values.value(row))?;
                Some(value.to_bits())
            });
            let scored = (
                u64::from(scores.value(row)),
                bits,
                codes,
                features.collect(),
            );
            rows.push((ids.value(row).to_owned(), scored));
        }
    }
    rows
}
