//! The newest records of a topic, read without a group.

use std::time::{Duration, Instant};

use tillwatch_consumer::{ConsumerError, Glance, Newest, newest};
use tillwatch_records::RawBatch;
use tillwatch_testkit::broker::{TestRecord, committed, produce};

use super::host::settings;
use super::{PARTITIONS, TOPIC, mock, records};

const GLANCE: Glance = Glance {
    records_max: 40,
    bytes_max: 1 << 20,
    answer_max: Duration::from_secs(10),
    read_max: Duration::from_secs(20),
};

/// Partition and offset of each record.
fn places(found: &Newest) -> Vec<(i32, i64)> {
    let of_batch = |batch: &RawBatch| {
        let partition = batch.source().partition;
        let offsets: Vec<i64> = batch.iter().map(|record| record.offset).collect();
        offsets.into_iter().map(move |offset| (partition, offset))
    };
    found.batches.iter().flat_map(of_batch).collect()
}

#[test]
fn the_newest_are_read_whole_and_nothing_is_committed() {
    let mock = mock();
    produce(mock.brokers(), TOPIC, records(500)).unwrap();
    let settings = settings(mock.brokers(), TOPIC, "glance");
    let found = newest(&settings, TOPIC, &GLANCE).unwrap();
    let expected = (0..PARTITIONS).flat_map(|at| (490..500).map(move |offset| (at, offset)));
    assert_eq!(places(&found), expected.collect::<Vec<_>>());
    assert!(!found.is_cut);
    let record = found.batches[1].get(2);
    assert_eq!(record.payload, Some(&b"1:492"[..]));
    assert_eq!(record.timestamp_ms, Some(1_700_000_000_492));
    assert_eq!(record.header("kind"), Some(&b"transaction"[..]));
    let offsets = committed(mock.brokers(), "glance", TOPIC, PARTITIONS).unwrap();
    assert_eq!(offsets, vec![None; PARTITIONS as usize]);
}

#[test]
fn bytes_are_bounded() {
    let mock = mock();
    let large = (0..40).map(|row| TestRecord {
        partition: row % PARTITIONS,
        key: None,
        payload: Some(vec![b'x'; 500_000]),
        headers: Vec::new(),
        timestamp_ms: None,
    });
    produce(mock.brokers(), TOPIC, large).unwrap();
    let settings = settings(mock.brokers(), TOPIC, "glance");
    let found = newest(&settings, TOPIC, &GLANCE).unwrap();
    assert_eq!((places(&found).len(), found.is_cut), (3, true));
}

#[test]
fn an_empty_topic_holds_nothing_and_a_missing_one_is_an_error() {
    let mock = mock();
    let settings = settings(mock.brokers(), TOPIC, "glance");
    let found = newest(&settings, TOPIC, &GLANCE).unwrap();
    assert_eq!((found.batches.len(), found.is_cut), (0, false));
    for name in ["not a topic", "a/b"] {
        let error = newest(&settings, name, &GLANCE).unwrap_err();
        assert!(
            error.to_string().contains("cannot be a topic name"),
            "{error}"
        );
    }
}

#[test]
fn brokers_that_are_away_are_told_in_time() {
    let settings = settings("127.0.0.1:1", TOPIC, "glance");
    let started = Instant::now();
    let glance = Glance {
        answer_max: Duration::from_secs(1),
        ..GLANCE
    };
    let error = newest(&settings, TOPIC, &glance).unwrap_err();
    assert!(matches!(error, ConsumerError::Kafka(_)), "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}
