use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::AsArray as _;
use crossbeam_channel::{RecvTimeoutError, TryRecvError};
use serde_json::Value;
use tillwatch_kafka::now;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{RawBatch, Settled, TopicPartition};

use super::*;
use crate::test_support::{alert, batch, ticket};
use crate::{
    DeadLetter, FanOut, FileSettings, LineSink, MemorySink, Output, Sink, SinkError, SinkKind,
    SinkSettings, Surroundings,
};

const LONG: Duration = Duration::from_secs(20);

fn settings(kind: SinkKind, directory: &Path) -> SinkSettings {
    let mut settings = SinkSettings::new(kind);
    settings.file = Some(FileSettings::new(directory));
    settings
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Names of the files in a directory.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn score_ids(path: &Path) -> Vec<String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut ids = Vec::new();
    for rows in reader.build().unwrap() {
        let rows = rows.unwrap();
        let column = rows.column_by_name("score_id").unwrap().as_string::<i32>();
        ids.extend(column.iter().map(|id| id.unwrap().to_owned()));
    }
    ids
}

#[test]
fn lines_are_there_when_the_ticket_settles() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/down");
    let sink = LineSink::in_directory(&settings(SinkKind::Jsonl, &path), &Surroundings::default())
        .unwrap();
    let mut scores = batch(0, 100);
    scores.alerts = vec![alert(0)];
    let (held, settled) = ticket();
    sink.write(&scores, &held).unwrap();
    let source = TopicPartition::new("t", 0);
    let mut raw = RawBatch::new(source.clone());
    raw.push(1, None, None, Some(b"\xff"), []);
    let letter = DeadLetter {
        source: &source,
        topic_id: None,
        record: raw.get(0),
        mask: None,
        reason: "r",
        detail: "",
    };
    sink.dead_letter(&letter, &held).unwrap();
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let read = lines(&path.join("scores.jsonl"));
    assert_eq!(read.len(), 100);
    assert_eq!(read[99]["score_id"], "payments/3/198");
    assert_eq!(lines(&path.join("alerts.jsonl")).len(), 1);
    assert_eq!(
        lines(&path.join("dead-letters.jsonl"))[0]["payload"],
        "/w=="
    );
    sink.flush(LONG).unwrap();
    let counters = sink.counters();
    assert_eq!(
        (counters.delivered, counters.failed, counters.in_flight),
        (102, 0, 0)
    );
}

#[test]
fn an_open_last_line_is_ended_and_full_files_are_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scores.jsonl");
    File::create(&path)
        .unwrap()
        .write_all(b"{\"score_id\":\"pay")
        .unwrap();
    let mut settings = settings(SinkKind::Jsonl, directory.path());
    settings.file.as_mut().unwrap().rotate_records = 10;
    settings.outputs = vec![Output::Scores];
    let sink = LineSink::in_directory(&settings, &Surroundings::default()).unwrap();
    for first in [0, 100] {
        let (held, settled) = ticket();
        sink.write(&batch(first, 10), &held).unwrap();
        drop(held);
        assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
        sink.flush(LONG).unwrap();
    }
    let expected = [
        "scores-00000001.jsonl",
        "scores-00000002.jsonl",
        "scores.jsonl",
    ];
    assert_eq!(names(directory.path()), expected.map(str::to_owned).into());
    let first = fs::read_to_string(directory.path().join("scores-00000001.jsonl")).unwrap();
    assert!(first.starts_with("{\"score_id\":\"pay\n{\"score_id\":\"payments/3/0\""));
    assert_eq!(
        lines(&directory.path().join("scores-00000002.jsonl")).len(),
        10
    );
}

#[test]
fn a_parquet_file_is_complete_when_its_tickets_settle() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(SinkKind::Parquet, directory.path());
    settings.features = true;
    settings.file.as_mut().unwrap().rotate_records = 150;
    let sink = ParquetSink::open(&settings, &Surroundings::default()).unwrap();
    let (held, settled) = ticket();
    let mut scores = batch(0, 100);
    scores.alerts = vec![alert(0)];
    sink.write(&scores, &held).unwrap();
    drop(held);
    assert_eq!(settled.try_recv(), Err(TryRecvError::Empty));
    let (second, second_settled) = ticket();
    sink.write(&batch(1000, 50), &second).unwrap();
    drop(second);
    for settled in [settled, second_settled] {
        assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    }
    let expected = ["alerts.jsonl", "scores-00000001.parquet"];
    assert_eq!(names(directory.path()), expected.map(str::to_owned).into());
    let ids = score_ids(&directory.path().join("scores-00000001.parquet"));
    assert_eq!(ids.len(), 150);
    assert_eq!(ids[149], "payments/3/1098");

    // What is left when the sink is dropped makes a file too, with the next number.
    let (third, third_settled) = ticket();
    sink.write(&batch(5000, 5), &third).unwrap();
    drop((third, sink));
    assert_eq!(third_settled.try_recv(), Ok(Settled::Delivered));
    assert_eq!(
        score_ids(&directory.path().join("scores-00000002.parquet")).len(),
        5
    );
}

#[test]
fn a_parquet_file_is_completed_at_its_age_without_more_input() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(SinkKind::Parquet, directory.path());
    settings.file.as_mut().unwrap().rotate_age = DurationMs::from_ms(50);
    let sink = ParquetSink::open(&settings, &Surroundings::default()).unwrap();
    let (held, settled) = ticket();
    sink.write(&batch(0, 10), &held).unwrap();
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert_eq!(
        score_ids(&directory.path().join("scores-00000001.parquet")).len(),
        10
    );
}

#[test]
fn a_parquet_file_is_completed_at_its_age_however_busy_the_sink_is() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(SinkKind::Parquet, directory.path());
    settings.file.as_mut().unwrap().rotate_age = DurationMs::from_ms(100);
    let sink = ParquetSink::open(&settings, &Surroundings::default()).unwrap();
    let (first, settled) = ticket();
    sink.write(&batch(0, 10), &first).unwrap();
    drop(first);
    let (others, _) = ticket();
    let deadline = now() + LONG;
    // The thread is never without a hand-over until the first has settled.
    while settled.try_recv().is_err() {
        assert!(now() < deadline, "the age was not kept");
        sink.write(&batch(0, 10), &others).unwrap();
    }
}

#[test]
fn a_burst_is_complete_when_it_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(SinkKind::Parquet, directory.path());
    let sink = ParquetSink::open(&settings, &Surroundings::default()).unwrap();
    let (few, few_settled) = ticket();
    sink.write(&batch(0, 10), &few).unwrap();
    drop(few);
    // Few rows wait for the age of their file, which is half a minute.
    let waited = few_settled.recv_timeout(Duration::from_millis(600));
    assert_eq!(waited, Err(RecvTimeoutError::Timeout));
    let (many, settled) = ticket();
    for first in 0..10 {
        sink.write(&batch(first * 10_000, 1_000), &many).unwrap();
    }
    drop(many);
    assert_eq!(settled.recv_timeout(LONG / 2), Ok(Settled::Delivered));
    assert_eq!(few_settled.try_recv(), Ok(Settled::Delivered));
    let path = directory.path().join("scores-00000001.parquet");
    assert_eq!(score_ids(&path).len(), 10_010);
}

#[test]
fn what_is_to_settle_soon_does_not_wait_for_more() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(SinkKind::Parquet, directory.path());
    let sink = ParquetSink::open(&settings, &Surroundings::default()).unwrap();
    for first in [0, 1_000] {
        let (held, settled) = ticket();
        sink.write(&batch(first, 10), &held).unwrap();
        drop(held);
        sink.settle_soon();
        assert_eq!(settled.recv_timeout(LONG / 2), Ok(Settled::Delivered));
    }
    // Nothing waits: no empty file.
    sink.settle_soon();
    sink.flush(LONG).unwrap();
    assert_eq!(names(directory.path()).len(), 2);
}

#[test]
fn sinks_say_how_many_records_they_hold() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(SinkKind::Parquet, directory.path());
    settings.file.as_mut().unwrap().rotate_records = 150;
    let around = Surroundings::default();
    let parquet = std::sync::Arc::new(ParquetSink::open(&settings, &around).unwrap());
    assert_eq!(parquet.holds_records_max(), 150);
    let both = FanOut::new(vec![std::sync::Arc::new(MemorySink::new()), parquet]);
    assert_eq!(both.holds_records_max(), 150);
    settings.outputs = vec![Output::Alerts];
    let alerts = ParquetSink::open(&settings, &around).unwrap();
    assert_eq!(alerts.holds_records_max(), 0, "alerts are lines");
}

#[test]
fn a_full_disk_is_named_and_nothing_on_it_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", directory.path().join("scores.jsonl")).unwrap();
    let settings = settings(SinkKind::Jsonl, directory.path());
    let sink = LineSink::in_directory(&settings, &Surroundings::default()).unwrap();
    let (held, settled) = ticket();
    sink.write(&batch(0, 10), &held).unwrap();
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
    let error = sink.flush(LONG).unwrap_err().to_string();
    for word in ["cannot write", "scores.jsonl", "No space left on device"] {
        assert!(error.contains(word), "{error}");
    }
    assert_eq!(sink.counters().delivered, 0);
}

#[test]
fn a_parquet_file_that_cannot_be_completed_is_not_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(SinkKind::Parquet, directory.path());
    let sink = ParquetSink::open(&settings, &Surroundings::default()).unwrap();
    // What the file is to be called is a directory by then.
    fs::create_dir_all(directory.path().join("scores-00000001.parquet/x")).unwrap();
    let (held, settled) = ticket();
    sink.write(&batch(0, 10), &held).unwrap();
    sink.flush(LONG).unwrap();
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    // A file is begun before its name is taken, unless the name was looked for just then.
    let mut settled = settled;
    let fails = (0..TRIES_MAX).any(|_| {
        let (held, is_settled) = ticket();
        settled = is_settled;
        sink.write(&batch(0, 10), &held).unwrap();
        let name = wait_for_temporary(directory.path());
        let complete = name.trim_start_matches('.').trim_end_matches(".tmp");
        fs::create_dir_all(directory.path().join(complete).join("x")).unwrap();
        sink.flush(LONG).is_err()
    });
    assert!(fails);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
    let left = names(directory.path());
    assert!(!left.iter().any(|name| name.ends_with(".tmp")), "{left:?}");
}

/// Tries of what depends on how two threads meet.
const TRIES_MAX: usize = 20;

/// Waits until a file is begun, and gives its name.
fn wait_for_temporary(directory: &Path) -> String {
    let deadline = now() + LONG;
    loop {
        let begun = names(directory)
            .into_iter()
            .find(|name| name.ends_with(".tmp"));
        if let Some(name) = begun {
            return name;
        }
        assert!(now() < deadline, "no file is begun");
        std::thread::yield_now();
    }
}

#[test]
fn two_writers_of_a_directory_do_not_overwrite_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(SinkKind::Parquet, directory.path());
    let sinks = [(); 2].map(|()| ParquetSink::open(&settings, &Surroundings::default()).unwrap());
    for (sink, first) in sinks.iter().zip([0, 1000]) {
        sink.write(&batch(first, 10), &ticket().0).unwrap();
    }
    for sink in &sinks {
        sink.flush(LONG).unwrap();
    }
    assert_eq!(names(directory.path()).len(), 2);
}

#[test]
fn a_directory_that_cannot_be_used_is_an_error_and_nothing_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    File::create(&file).unwrap();
    let settings_in_file = settings(SinkKind::Jsonl, &file.join("below"));
    let error = LineSink::in_directory(&settings_in_file, &Surroundings::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("below"), "{error}");
    assert!(probe(&file).is_err());
    probe(directory.path()).unwrap();
    assert_eq!(names(directory.path()).len(), 1);

    // The directory goes away while the sink runs.
    let gone = directory.path().join("gone");
    let sink = ParquetSink::open(
        &settings(SinkKind::Parquet, &gone),
        &Surroundings::default(),
    )
    .unwrap();
    fs::remove_dir_all(&gone).unwrap();
    let (held, settled) = ticket();
    sink.write(&batch(0, 10), &held).unwrap();
    drop(held);
    assert!(sink.flush(LONG).is_err());
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
    let (held, settled) = ticket();
    assert!(sink.write(&batch(0, 10), &held).is_err());
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
    assert_eq!(sink.counters().delivered, 0);
}

/// A reader that has gone away.
struct Closed;

impl std::io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_output_is_said_so() {
    let settings = SinkSettings::new(SinkKind::Stdout);
    let sink = LineSink::on(Box::new(Closed), &settings, &Surroundings::default()).unwrap();
    let (held, settled) = ticket();
    sink.write(&batch(0, 1), &held).unwrap();
    drop(held);
    assert!(matches!(sink.flush(LONG), Err(SinkError::OutputClosed)));
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
}

#[test]
fn several_sinks_settle_with_the_slowest() {
    let (slow, quick) = (
        std::sync::Arc::new(MemorySink::holding()),
        std::sync::Arc::new(MemorySink::new()),
    );
    let both = FanOut::new(vec![slow.clone(), quick.clone()]);
    let (held, settled) = ticket();
    both.write(&batch(0, 3), &held).unwrap();
    drop(held);
    assert_eq!(quick.scores(), slow.scores());
    assert_eq!(settled.try_recv(), Err(TryRecvError::Empty));
    slow.acknowledge();
    assert_eq!(settled.try_recv(), Ok(Settled::Delivered));
    assert_eq!(both.counters().scores, 6);
    slow.close();
    let (held, settled) = ticket();
    assert!(both.write(&batch(0, 3), &held).is_err());
    drop(held);
    assert_eq!(settled.try_recv(), Ok(Settled::Failed));
    assert_eq!(quick.scores().len(), 6);
}
