//! The public handbook set through a real broker and from the file: the same scores.

use std::collections::BTreeMap;
use std::path::Path;

use tillwatch_testkit::broker::{RealBroker, read_all};

use crate::support::{Instance, json, succeed, tillwatch, wait_for};

/// Rows of the set that go through: enough for every feature's window to fill and slide.
const ROWS: u64 = 150_000;

const PARTITIONS: i32 = 4;

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_topic_and_a_file_give_the_same_scores() {
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
    let config = directory.path().join("handbook.toml");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/handbook");
    let text = std::fs::read_to_string(example.join("tillwatch.toml")).expect("the example");
    // The example's files stay where they are; only the broker is another.
    let text = text.replace("localhost:9092", &broker.brokers());
    let copied = copy_directory(&example, directory.path());
    assert!(copied > 0);
    std::fs::write(&config, text).expect("a configuration can be written");

    succeed(
        tillwatch()
            .args(["publish", "--records", &ROWS.to_string(), "--config"])
            .arg(&config)
            .arg("--input")
            .arg(&data),
    );
    let instance = Instance::start(&config);
    wait_for("every row to be scored", || {
        instance.metric("tillwatch_delivered_scores_total") == Some(ROWS as f64)
    });
    assert!(instance.stop().0.success());
    let streamed: BTreeMap<String, (u64, u64, String)> =
        read_all(&broker.brokers(), "handbook.scores", PARTITIONS)
            .expect("scores can be read")
            .iter()
            .map(|record| {
                let score = json(record);
                let bits = score["probability"].as_f64().unwrap_or(f64::NAN).to_bits();
                let id = score["event_id"].as_str().unwrap_or_default().to_owned();
                (
                    id,
                    (
                        score["score"].as_u64().unwrap_or(u64::MAX),
                        bits,
                        codes(&score["reasons"]),
                    ),
                )
            })
            .collect();
    assert_eq!(streamed.len() as u64, ROWS);

    let output = directory.path().join("scores.parquet");
    succeed(
        tillwatch()
            .args(["score", "--records", &ROWS.to_string(), "--config"])
            .arg(&config)
            .arg("--input")
            .arg(&data)
            .arg("--output")
            .arg(&output),
    );
    let mut rows = 0;
    for (id, scored) in read_scores(&output) {
        assert_eq!(streamed.get(&id), Some(&scored), "transaction {id}");
        rows += 1;
    }
    assert_eq!(rows, ROWS);
}

/// Reason codes of a score, joined.
fn codes(reasons: &serde_json::Value) -> String {
    let codes = reasons.as_array().into_iter().flatten();
    codes
        .filter_map(|reason| reason["code"].as_str())
        .collect::<Vec<_>>()
        .join(",")
}

/// (event id, (score, bits of the probability, reason codes)) of each row.
fn read_scores(path: &Path) -> Vec<(String, (u64, u64, String))> {
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
            rows.push((
                ids.value(row).to_owned(),
                (u64::from(scores.value(row)), bits, codes),
            ));
        }
    }
    rows
}

/// Copies files and directories; gives the number of files.
fn copy_directory(from: &Path, to: &Path) -> usize {
    let mut copied = 0;
    for entry in std::fs::read_dir(from).expect("the directory is there") {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("a directory can be made");
            copied += copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("a file can be copied");
            copied += 1;
        }
    }
    copied
}
