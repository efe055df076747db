//! The main flow against a real Kafka: `TILLWATCH_KAFKA=127.0.0.1:9092 cargo test -- --ignored`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tillwatch_consumer::{ConsumerError, ConsumerSettings, ErrorCode, probe};
use tillwatch_testkit::broker::{committed, create_topic, produce};

use crate::host::{Member, Treatment, owned, wait};
use crate::{PARTITIONS, records};

fn brokers() -> String {
    std::env::var("TILLWATCH_KAFKA")
        .expect("set TILLWATCH_KAFKA to host:port; scripts/kafka.sh start gives one")
}

/// A real broker refuses session timeouts below 6 s.
fn settings(brokers: &str, topic: &str, group: &str) -> ConsumerSettings {
    let mut settings = crate::host::settings(brokers, topic, group);
    let properties = &mut settings.properties.0;
    properties.insert("session.timeout.ms".to_owned(), "6000".to_owned());
    settings
}

/// A name that no earlier run used: the broker keeps its topics.
fn fresh(what: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{what}-{}", since.as_nanos())
}

#[test]
#[ignore = "needs a real Kafka at TILLWATCH_KAFKA"]
fn two_members_share_the_partitions_and_lose_nothing() {
    let (brokers, topic, group) = (brokers(), fresh("flow"), fresh("group"));
    create_topic(&brokers, &topic, PARTITIONS).unwrap();
    produce(&brokers, &topic, records(20_000)).unwrap();
    let settings = settings(&brokers, &topic, &group);
    let first = Member::start(&settings, Treatment::Settle);
    first
        .host
        .wait("all records", |seen| seen.count() >= 80_000);
    let second = Member::start(&settings, Treatment::Settle);
    wait("two partitions each", || {
        let owners = owned(&[&first, &second]);
        owners.len() == 4 && owners.values().filter(|owner| **owner == 0).count() == 2
    });
    produce(&brokers, &topic, records(20_000)).unwrap();
    wait("the union to cover everything", || {
        let (a, b) = (first.host.seen.lock(), second.host.seen.lock());
        let all: std::collections::BTreeSet<_> =
            a.payloads.keys().chain(b.payloads.keys()).collect();
        all.len() == 160_000
    });
    for (partition, offsets) in &second.host.seen.lock().offsets {
        assert_eq!(offsets.first(), Some(&20_000), "partition {partition}");
    }
    second.finish().unwrap();
    first.finish().unwrap();
    assert_eq!(
        committed(&brokers, &group, &topic, PARTITIONS).unwrap(),
        vec![Some(40_000); 4]
    );
}

#[test]
#[ignore = "needs a real Kafka at TILLWATCH_KAFKA"]
fn a_topic_that_never_appears_is_an_error_with_its_name() {
    let (brokers, topic) = (brokers(), fresh("absent"));
    let mut settings = settings(&brokers, &topic, &fresh("group"));
    settings.topic_wait = tillwatch_records::units::DurationMs::from_ms(500);
    let error = Member::start(&settings, Treatment::Settle)
        .end()
        .unwrap_err();
    let ConsumerError::UnknownTopic { topics } = error else {
        panic!("{error}");
    };
    assert_eq!(topics, std::slice::from_ref(&topic));
    let found = probe(&settings, Duration::from_secs(5)).unwrap();
    let code = found.topics[0].facts.as_ref().unwrap_err().code;
    assert_eq!(code, ErrorCode::UnknownTopicOrPartition);
}
