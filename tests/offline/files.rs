//! Files as outputs of a running scorer, on a broker inside this process.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tillwatch_testkit::broker::{Mock, committed};

use crate::support::{Instance, SOON, Setup, wait_for};

/// Many times what may be unsettled where a sink holds nothing, see [`config`].
const BACKLOG: u64 = 12_000;

fn setup(topic: &str) -> (Mock, Setup) {
    let names = Setup::new("", topic, 1).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), topic, 1);
    (mock, setup)
}

/// A configuration whose sink is `sink`.
fn config(setup: &Setup, sink: &str) -> PathBuf {
    let path = setup.config("tillwatch.toml", "");
    let text = std::fs::read_to_string(&path).expect("it was written");
    let (before, rest) = text.split_once("[sink]").expect("it has a sink");
    let (_, after) = rest
        .split_once("[http]")
        .expect("the server comes after it");
    let consumer = "[consumer]\nlane_unsettled_records_max = 1024\ndrain_timeout = \"100s\"";
    let before = before.replace("[consumer]", consumer);
    let text = format!("{before}{sink}\n[http]{after}");
    std::fs::write(&path, text).expect("it can be written");
    path
}

/// Rows of the complete Parquet files in `directory`, and how many files there are.
fn rows(directory: &Path) -> (i64, usize) {
    let files = std::fs::read_dir(directory).expect("the directory is there");
    let paths = files.map(|file| file.expect("it can be listed").path());
    let complete = paths.filter(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        name.starts_with("scores-")
    });
    let counts = complete.map(|path| {
        let file = File::open(path).expect("it can be read");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
        reader.metadata().file_metadata().num_rows()
    });
    counts.fold((0, 0), |(rows, files), count| (rows + count, files + 1))
}

#[test]
fn a_backlog_goes_to_parquet_as_fast_as_it_is_scored_and_a_stop_loses_nothing() {
    let (_mock, setup) = setup("parquet");
    setup.simulate(BACKLOG, 1);
    // The process starts in another directory. Would reading wait for each file's age, this took minutes.
    let sink = "[[sink]]\nkind = \"parquet\"\nfile = { directory = \"out\" }\n\
                [[sink]]\nkind = \"jsonl\"\noutputs = [\"dead_letters\"]\nfile = { directory = \"letters\" }";
    let instance = Instance::start(&config(&setup, sink));
    let is_committed = |records: u64| {
        let offsets = committed(&setup.brokers, "parquet-group", "parquet", 1).expect("offsets");
        offsets.iter().flatten().sum::<i64>() == records as i64
    };
    wait_for("the backlog to be committed", || is_committed(BACKLOG));
    let directory = setup.directory.path().join("out");
    let (written, files) = rows(&directory);
    assert_eq!(written, BACKLOG as i64);
    assert!(files < 12, "{files} files");

    // A few rows wait for more, until the partition leaves.
    setup.simulate(50, 2);
    wait_for("the last records to be read", || {
        let read = instance.metric("tillwatch_consumer_records_total");
        read == Some((BACKLOG + 50) as f64)
    });
    assert!(is_committed(BACKLOG));
    let (status, took) = instance.stop();
    assert!(status.success(), "{status}");
    assert!(took < SOON, "it waited for the drain timeout: {took:?}");
    assert!(is_committed(BACKLOG + 50));
    assert_eq!(rows(&directory).0, BACKLOG as i64 + 50);
}
