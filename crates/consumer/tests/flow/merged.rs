//! Several topics whose partitions are merged by their number.

use std::collections::BTreeMap;

use tillwatch_consumer::{ConsumerError, ConsumerSettings};
use tillwatch_records::units::DurationMs;
use tillwatch_testkit::broker::{Mock, TestRecord, committed, produce};

use crate::host::{Member, Treatment, owned, settings, wait};

const TOPICS: [&str; 3] = ["transactions", "events", "labels"];
const PARTITIONS: i32 = 4;
const START_MS: i64 = 1_700_000_000_000;

fn mock(counts: [i32; 3]) -> Mock {
    let topics: Vec<(&str, i32)> = TOPICS.into_iter().zip(counts).collect();
    Mock::start(1, &topics).unwrap()
}

fn merging(brokers: &str) -> ConsumerSettings {
    let mut settings = settings(brokers, TOPICS[0], "g");
    settings.topics = TOPICS.map(str::to_owned).to_vec();
    settings
}

/// `count` records in each partition from `first_ms` on, one every `every_ms`.
fn stamped(count: i64, first_ms: i64, every_ms: i64) -> impl Iterator<Item = TestRecord> {
    (0..count).flat_map(move |index| {
        (0..PARTITIONS).map(move |partition| TestRecord {
            partition,
            payload: Some(b"x".to_vec()),
            timestamp_ms: Some(START_MS + first_ms + every_ms * index),
            ..TestRecord::default()
        })
    })
}

/// What is sent to each topic: how many records a partition, the first timestamp, their distance.
const SENT: [(i64, i64, i64); 3] = [(600, 0, 10), (41, 5, 150), (9, 0, 750)];

/// The merged order of what is sent.
fn expected() -> Vec<(String, i64)> {
    let mut all = Vec::new();
    for (place, (count, first_ms, every_ms)) in SENT.into_iter().enumerate() {
        all.extend((0..count).map(|offset| (first_ms + every_ms * offset, place, offset)));
    }
    all.sort_unstable();
    let named = all
        .into_iter()
        .map(|(_, place, offset)| (TOPICS[place].to_owned(), offset));
    named.collect()
}

fn send_all(brokers: &str) {
    for (topic, (count, first_ms, every_ms)) in TOPICS.into_iter().zip(SENT) {
        produce(brokers, topic, stamped(count, first_ms, every_ms)).unwrap();
    }
}

/// Every record of every partition.
fn everything() -> usize {
    expected().len() * PARTITIONS as usize
}

#[test]
fn a_backlog_of_three_topics_is_read_in_one_order() {
    let mock = mock([PARTITIONS; 3]);
    send_all(mock.brokers());
    let mut settings = merging(mock.brokers());
    settings.batch_records_max = 50;
    let member = Member::start(&settings, Treatment::Settle);
    member
        .host
        .wait("all records", |seen| seen.count() == everything());
    wait("the commits", || {
        TOPICS.into_iter().zip(SENT).all(|(topic, (count, ..))| {
            let stored = committed(mock.brokers(), "g", topic, PARTITIONS).unwrap();
            stored == vec![Some(count); 4]
        })
    });
    let expected = expected();
    let seen = member.host.seen.lock();
    // The topic of transactions ends first; what comes behind it is not certain.
    let certain = expected
        .iter()
        .position(|one| one == &(TOPICS[0].to_owned(), SENT[0].0 - 1));
    for partition in 0..PARTITIONS {
        let order = &seen.order[&partition];
        let plain: Vec<_> = order.iter().map(|one| (one.0.clone(), one.1)).collect();
        assert_eq!(plain, expected, "partition {partition}");
        let first_marked = order.iter().position(|one| one.2);
        assert_eq!(
            first_marked,
            certain.map(|last| last + 1),
            "partition {partition}"
        );
    }
    let mut assigned = seen.assigned.clone();
    assigned.sort_unstable();
    assert_eq!(assigned, [0, 1, 2, 3], "one lane for each number");
    drop(seen);
    assert_eq!(member.monitor.stats().reordered_records, 0);
    member.finish().unwrap();
}

#[test]
fn a_record_of_a_live_topic_waits_for_the_quiet_ones_and_no_longer() {
    let mock = mock([PARTITIONS; 3]);
    let mut settings = merging(mock.brokers());
    settings.merge_wait = DurationMs::from_ms(2_000);
    let member = Member::start(&settings, Treatment::Settle);
    member
        .host
        .wait("the lanes", |seen| seen.assigned.len() == 4);
    produce(mock.brokers(), TOPICS[0], stamped(1, 1_000, 1)).unwrap();
    produce(mock.brokers(), TOPICS[2], stamped(1, 500, 1)).unwrap();
    member.host.wait("both", |seen| seen.count() == 8);
    for order in member.host.seen.lock().order.values() {
        let topics: Vec<&str> = order.iter().map(|one| one.0.as_str()).collect();
        assert_eq!(topics, [TOPICS[2], TOPICS[0]], "the label came in time");
        assert!(order.iter().all(|one| one.2), "but that was not certain");
    }
    member.finish().unwrap();
}

#[test]
fn members_share_numbers_and_not_topics() {
    let mock = mock([PARTITIONS; 3]);
    send_all(mock.brokers());
    let settings = merging(mock.brokers());
    let first = Member::start(&settings, Treatment::Settle);
    first
        .host
        .wait("all records", |seen| seen.count() == everything());
    let second = Member::start(&settings, Treatment::Settle);
    wait("two numbers each", || {
        let partitions = |member: &Member| {
            let mut count = BTreeMap::new();
            for one in member.monitor.stats().partitions {
                *count.entry(one.source.partition).or_insert(0) += 1;
            }
            count.len() == 2 && count.values().all(|topics| *topics == 3)
        };
        owned(&[&first, &second]).len() == 4 && partitions(&first) && partitions(&second)
    });
    first.finish().unwrap();
    second.finish().unwrap();
}

#[test]
fn topics_that_are_not_co_partitioned_end_the_start() {
    let mock = mock([4, 2, 4]);
    let error = Member::start(&merging(mock.brokers()), Treatment::Settle)
        .end()
        .unwrap_err();
    assert!(
        matches!(error, ConsumerError::NotCoPartitioned { .. }),
        "{error}"
    );
    let error = error.to_string();
    for words in [
        "transactions has 4",
        "events has 2",
        "labels has 4",
        "not co-partitioned",
    ] {
        assert!(error.contains(words), "{error}");
    }
}
