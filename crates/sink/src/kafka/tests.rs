use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crossbeam_channel::TryRecvError;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tillwatch_kafka::Properties;
use tillwatch_records::{RawBatch, Settled, TopicPartition};

mod refused;
mod silent;

use super::*;
use crate::SinkKind;
use crate::test_support::{alert, batch, ticket};

const PARTITIONS: i32 = 4;
const LONG: Duration = Duration::from_secs(20);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    for topic in [
        "tillwatch.scores",
        "tillwatch.alerts",
        "tillwatch.dead-letters",
    ] {
        cluster.create_topic(topic, PARTITIONS, 1).unwrap();
    }
    cluster
}

fn settings(cluster: &Cluster, properties: &[(&str, &str)]) -> SinkSettings {
    let mut settings = SinkSettings::new(SinkKind::Kafka);
    let servers = cluster.bootstrap_servers();
    let address = [("bootstrap.servers", servers.as_str())];
    settings.properties = Properties::of(address.into_iter().chain(properties.iter().copied()));
    settings
}

fn open(cluster: &Cluster, properties: &[(&str, &str)]) -> KafkaSink {
    KafkaSink::open(&settings(cluster, properties), &Surroundings::default()).unwrap()
}

/// Lets the next produce requests be answered so.
fn refuse(cluster: &Cluster, errors: &[RDKafkaRespErr]) {
    cluster.request_errors(RDKafkaApiKey::Produce, errors);
}

/// Waits until `done`; fails the test when that takes long.
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = tillwatch_kafka::now() + LONG;
    while !done() {
        assert!(
            tillwatch_kafka::now() < deadline,
            "waited in vain for {what}"
        );
        std::thread::yield_now();
    }
}

/// Reads `count` records of `topic` from its beginning.
fn read(cluster: &Cluster, topic: &str, count: usize) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&all).unwrap();
    let read = (0..count).map(|_| {
        let message = consumer.poll(LONG).expect("a record is missing");
        message.unwrap().detach()
    });
    read.collect()
}

#[test]
fn scores_and_alerts_arrive_as_encoded_and_settle_after_delivery() {
    let cluster = cluster();
    // Nothing is sent before the collecting time is over or a flush asks for it.
    let sink = open(&cluster, &[("linger.ms", "60000")]);
    let mut scores = batch(0, 1000);
    scores.alerts = vec![alert(7)];
    let (held, settled) = ticket();
    sink.write(&scores, &held).unwrap();
    drop(held);
    assert_eq!(settled.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sink.counters().in_flight, 1001);
    sink.flush(LONG).unwrap();
    assert_eq!(settled.try_recv(), Ok(Settled::Delivered));

    let encoder = ScoreEncoder::new(&scores, false);
    let mut expected: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    for row in 0..scores.len() {
        let mut out = Vec::new();
        encoder.score(row, &mut out);
        expected.insert(out, scores.emissions.keys.value(row).as_bytes().to_vec());
    }
    let mut partition_of_key: HashMap<Vec<u8>, i32> = HashMap::new();
    for message in read(&cluster, "tillwatch.scores", 1000) {
        let key = expected.remove(message.payload().unwrap()).unwrap();
        assert_eq!(message.key(), Some(&key[..]));
        let partition = *partition_of_key.entry(key).or_insert(message.partition());
        assert_eq!(partition, message.partition());
    }
    assert!(
        partition_of_key
            .values()
            .any(|partition| *partition != partition_of_key[&b"k0"[..]])
    );
    let alerts = read(&cluster, "tillwatch.alerts", 1);
    assert!(
        alerts[0]
            .payload()
            .unwrap()
            .starts_with(b"{\"alert_id\":\"payments/3/14/fabricated\"")
    );
    let counters = sink.counters();
    assert_eq!(
        (counters.scores, counters.alerts, counters.delivered),
        (1000, 1, 1001)
    );
    assert_eq!((counters.failed, counters.in_flight), (0, 0));
}

#[test]
fn the_partition_of_a_key_is_that_of_the_java_client() {
    let cluster = cluster();
    let writer = RecordWriter::open(&settings(&cluster, &[]).properties).unwrap();
    // murmur2 of "21" is -973932308 (Kafka's own UtilsTest), so 1_173_551_340 after masking.
    let record = OutRecord {
        topic: "tillwatch.scores",
        partition: None,
        key: Some(b"21"),
        payload: Some(b"x"),
        timestamp_ms: Some(77),
    };
    writer.send(&record, &[("h", Some(b"v"))]).unwrap();
    let placed = OutRecord {
        partition: Some(3),
        key: None,
        ..record
    };
    writer.send(&placed, &[]).unwrap();
    writer.flush(LONG).unwrap();
    assert_eq!(writer.counters().delivered, 2);
    let messages = read(&cluster, "tillwatch.scores", 2);
    let keyed = messages
        .iter()
        .find(|message| message.key().is_some())
        .unwrap();
    assert_eq!(keyed.partition(), 1_173_551_340 % PARTITIONS);
    assert_eq!(keyed.timestamp().to_millis(), Some(77));
    assert_eq!(keyed.headers().unwrap().get(0).key, "h");
    let other = messages
        .iter()
        .find(|message| message.key().is_none())
        .unwrap();
    assert_eq!(other.partition(), 3);
}

#[test]
fn a_dead_letter_carries_its_record_and_why() {
    let cluster = cluster();
    let sink = open(&cluster, &[]);
    let source = TopicPartition::new("payments", 2);
    let mut raw = RawBatch::new(source.clone());
    raw.push(
        41,
        Some(1234),
        Some(b"key"),
        Some(b"\xff{"),
        [("trace", Some(&b"1"[..])), ("n", None)],
    );
    let letter = DeadLetter {
        source: &source,
        topic_id: None,
        record: raw.get(0),
        mask: None,
        reason: "not_json",
        detail: "invalid byte",
    };
    let (held, settled) = ticket();
    sink.dead_letter(&letter, &held).unwrap();
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let messages = read(&cluster, "tillwatch.dead-letters", 1);
    let message = &messages[0];
    assert_eq!(message.payload(), Some(&b"\xff{"[..]));
    assert_eq!(message.key(), Some(&b"key"[..]));
    // The topic keeps the letter for its full time, however old the record is.
    assert!(message.timestamp().to_millis() > Some(1_700_000_000_000));
    let headers: Vec<_> = message
        .headers()
        .unwrap()
        .iter()
        .map(|header| (header.key, header.value.map(String::from_utf8_lossy)))
        .collect();
    let text = |value: &'static str| Some(value.into());
    assert_eq!(
        headers,
        vec![
            ("trace", text("1")),
            ("n", None),
            ("tillwatch.reason", text("not_json")),
            ("tillwatch.detail", text("invalid byte")),
            ("tillwatch.topic", text("payments")),
            ("tillwatch.partition", text("2")),
            ("tillwatch.offset", text("41")),
            ("tillwatch.timestamp", text("1234")),
        ]
    );
    assert_eq!(
        sink.counters().dead_letters,
        BTreeMap::from([("not_json".to_owned(), 1)])
    );
}

#[test]
fn a_broker_that_goes_away_and_returns_loses_nothing() {
    let cluster = cluster();
    let sink = open(&cluster, &[("reconnect.backoff.max.ms", "100")]);
    cluster.broker_down(1).unwrap();
    let (held, settled) = ticket();
    sink.write(&batch(0, 500), &held).unwrap();
    drop(held);
    assert!(matches!(
        sink.flush(Duration::from_millis(200)),
        Err(SinkError::FlushTimeout { in_flight: 500, .. })
    ));
    assert_eq!(settled.try_recv(), Err(TryRecvError::Empty));
    cluster.broker_up(1).unwrap();
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert_eq!(read(&cluster, "tillwatch.scores", 500).len(), 500);
}

#[test]
fn a_full_queue_blocks_and_loses_nothing() {
    let cluster = cluster();
    let sink = open(
        &cluster,
        &[("queue.buffering.max.messages", "100"), ("linger.ms", "0")],
    );
    let (held, settled) = ticket();
    std::thread::scope(|scope| {
        for lane in 0..2 {
            let (sink, held) = (&sink, held.clone());
            scope.spawn(move || sink.write(&batch(lane * 10_000, 2000), &held).unwrap());
        }
    });
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert!(sink.counters().full_waits > 0);
    let messages = read(&cluster, "tillwatch.scores", 4000);
    // The order of a key within a lane is kept.
    let mut last: HashMap<(Vec<u8>, bool), i64> = HashMap::new();
    for message in messages {
        let value: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let offset = value["offset"].as_i64().unwrap();
        let key = (message.key().unwrap().to_vec(), offset < 10_000);
        assert!(
            last.insert(key, offset)
                .is_none_or(|before| before < offset)
        );
    }
}

#[test]
fn closing_frees_a_blocked_writer_and_dropping_fails_what_is_left() {
    let cluster = cluster();
    let sink = open(&cluster, &[("queue.buffering.max.messages", "100")]);
    cluster.broker_down(1).unwrap();
    let (held, settled) = ticket();
    let result = std::thread::scope(|scope| {
        let writer = scope.spawn(|| sink.write(&batch(0, 2000), &held));
        while sink.counters().full_waits == 0 {
            std::thread::yield_now();
        }
        sink.close();
        writer.join().unwrap()
    });
    assert!(matches!(result, Err(SinkError::Closed)));
    drop(held);
    drop(sink);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
}

#[test]
fn probing_tells_of_each_topic_that_is_written() {
    let cluster = cluster();
    let around = Surroundings::default();
    let mut settings = settings(&cluster, &[]);
    settings.outputs = vec![Output::Scores, Output::Alerts];
    settings.topics = Some(crate::Topics {
        alerts: "elsewhere".to_owned(),
        ..Default::default()
    });
    let probed = probe(&settings, &around, LONG).unwrap();
    assert_eq!(probed.record_bytes_max, 8 * 1024 * 1024);
    let found: Vec<_> = probed
        .findings
        .topics
        .iter()
        .map(|topic| topic.facts.is_ok())
        .collect();
    let asked: Vec<_> = probed
        .topics
        .iter()
        .map(|(_, topic)| topic.as_str())
        .collect();
    assert_eq!(
        (asked, found),
        (vec!["tillwatch.scores", "elsewhere"], vec![true, false])
    );
}

#[test]
fn what_would_only_fail_while_running_is_refused_before() {
    let cluster = cluster();
    let around = Surroundings::default();
    let refused = |settings: &SinkSettings| check(settings, &around).unwrap_err().to_string();
    check(&settings(&cluster, &[]), &around).unwrap();
    for (properties, words) in [
        (
            vec![("queue.buffering.max.kbytes", "1000")],
            "make it at least 8192",
        ),
        (vec![("acks", "1")], "acks"),
        (vec![("acks", "0")], "`acks`"),
        (vec![("transactional.id", "t")], "`transactional.id`"),
        (
            vec![
                ("security.protocol", "ssl"),
                ("ssl.ca.location", "/no/such"),
            ],
            "/no/such",
        ),
    ] {
        let said = refused(&settings(&cluster, &properties));
        assert!(said.contains(words), "{said}");
    }
    let mut named = settings(&cluster, &[]);
    let topics = |alerts: &str| crate::Topics {
        alerts: alerts.to_owned(),
        ..Default::default()
    };
    named.topics = Some(topics("tillwatch.scores"));
    assert!(refused(&named).contains("scores and alerts both go to topic `tillwatch.scores`"));
    named.topics = Some(topics("a b"));
    assert!(refused(&named).contains("`a b` cannot be a topic name"));
    // What the sink does not take goes nowhere.
    named.outputs = vec![Output::Scores];
    check(&named, &around).unwrap();
}

#[test]
fn a_property_that_librdkafka_refuses_is_named() {
    let cluster = cluster();
    let settings = settings(&cluster, &[("no.such.property", "1")]);
    let error = KafkaSink::open(&settings, &Surroundings::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("no.such.property"), "{error}");
    let nowhere = SinkSettings::new(SinkKind::Kafka);
    let error = KafkaSink::open(&nowhere, &Surroundings::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("bootstrap.servers"), "{error}");
}
