//! Records that a dead-letter topic does not take, and a dead-letter topic that is not there.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};
use tillwatch_testkit::broker::{RealBroker, TestRecord, committed, produce, read_all};

use crate::support::{Instance, Setup, header, score_ids, wait_for};

const PARTITIONS: i32 = 4;

/// Longest that scores may take while refused records are dealt with. An instance that ends, or a partition
/// that stands still, takes for ever.
const ON_TIME: Duration = Duration::from_secs(60);

/// Topics on a broker: the input takes whatever comes, the dead-letter topic is made with `letters`, if at
/// all.
fn setup(broker: &RealBroker, name: &str, letters: Option<&[(&str, &str)]>) -> Setup {
    let setup = Setup::new(&broker.brokers(), name, PARTITIONS);
    let anything = [
        ("max.message.bytes", "8000000"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ];
    let mut topics = vec![
        (setup.topic.clone(), PARTITIONS, &anything[..]),
        (setup.scores_topic(), PARTITIONS, &[]),
        (format!("{name}.alerts"), 1, &[]),
    ];
    topics.extend(letters.map(|letters| (setup.dead_letters_topic(), 1, letters)));
    for (topic, partitions, settings) in topics {
        broker
            .create_topic_with(&topic, partitions, settings)
            .expect("topics can be created");
    }
    setup
}

/// Bytes that no codec makes smaller; `seed` makes them another record's.
fn random_bytes(seed: usize, length: usize) -> Vec<u8> {
    static POOL: OnceLock<Vec<u8>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let blocks = (0..100_000_u32).map(|block| Sha256::digest(block.to_le_bytes()));
        blocks.flatten().collect()
    });
    pool[seed * 64..][..length].to_vec()
}

fn send(setup: &Setup, records: impl IntoIterator<Item = TestRecord>) {
    produce(&setup.brokers, &setup.topic, records).expect("records can be sent");
}

/// Waits until everything is committed that the input holds; fails the test when that takes long.
fn wait_until_committed(setup: &Setup, records: i64) {
    let started = Instant::now();
    let group = format!("{}-group", setup.topic);
    wait_for("all offsets to be committed", || {
        let offsets = committed(&setup.brokers, &group, &setup.topic, PARTITIONS);
        offsets.expect("offsets").iter().flatten().sum::<i64>() == records
    });
    let took = started.elapsed();
    assert!(took < ON_TIME, "{took:?}");
}

/// Whether `letter` is `payload`, or says of it what is left out.
fn tells_of(letter: &TestRecord, payload: &[u8]) -> bool {
    let kept = letter.payload.as_deref().unwrap_or_default();
    if header(letter, "tillwatch.reduced").is_empty() {
        return kept == payload;
    }
    let digest: String = Sha256::digest(payload)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    payload.starts_with(kept)
        && header(letter, "tillwatch.payload.sha256") == digest
        && header(letter, "tillwatch.payload.bytes") == payload.len().to_string()
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn records_that_the_topic_refuses_stop_nobody() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "poison", Some(&[]));
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    instance.wait_until_ready();
    setup.simulate(2_000, 1);

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_ms = i64::try_from(now.expect("a clock").as_millis()).expect("it fits");
    let of = |length: usize, timestamp_ms| {
        move |n: usize| TestRecord {
            partition: 0,
            payload: Some(random_bytes(n, length)),
            timestamp_ms,
            ..TestRecord::default()
        }
    };
    // Refused for their size in full, by the topic and by the client; for their time; not at all.
    let ahead = Some(now_ms + 2 * 3600 * 1000);
    let near = (0..100).map(of(1_048_576 - 100, None));
    let large = (100..130).map(of(3_000_000, None));
    let early = (130..230).map(of(300, ahead));
    let small = (230..330).map(of(40, None));
    send(&setup, near.chain(large).chain(early).chain(small));
    // Neighbours come while these are dealt with.
    setup.simulate(2_000, 2);
    wait_until_committed(&setup, 4_330);
    assert!(instance.stop().0.success(), "the instance lives");

    assert_eq!(score_ids(&setup.scores()).len(), 4_000);
    let mut records = read_all(&setup.brokers, &setup.topic, PARTITIONS).expect("the input");
    records.retain(|record| record.partition == 0);
    let letters = setup.dead_letters();
    let mut offsets = BTreeSet::new();
    for letter in &letters {
        let offset: usize = header(letter, "tillwatch.offset")
            .parse()
            .expect("an offset");
        let record = &records[offset];
        assert!(tells_of(
            letter,
            record.payload.as_deref().unwrap_or_default()
        ));
        assert_eq!(
            header(letter, "tillwatch.timestamp"),
            record.timestamp_ms.unwrap_or_default().to_string()
        );
        assert!(
            letter.timestamp_ms < Some(now_ms + 3600 * 1000),
            "the time of sending"
        );
        offsets.insert(offset);
    }
    assert_eq!(offsets.len(), 330, "each is there, in full or reduced");
    let reduced = letters.iter();
    let reduced = reduced.filter(|letter| !header(letter, "tillwatch.reduced").is_empty());
    assert_eq!(reduced.count(), 130);
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_topic_that_takes_little_and_wants_keys_gets_reduced_letters() {
    let broker = RealBroker::start().expect("a broker");
    let little = [("max.message.bytes", "3000"), ("cleanup.policy", "compact")];
    let setup = setup(&broker, "little", Some(&little));
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    instance.wait_until_ready();
    let records = (0..20).map(|n| TestRecord {
        partition: n % PARTITIONS,
        payload: Some(random_bytes(n as usize, 100 + 5_000 * (n as usize % 3))),
        headers: vec![(
            "long".into(),
            Some(random_bytes(1, 2_000 * (n as usize % 2))),
        )],
        ..TestRecord::default()
    });
    send(&setup, records);
    setup.simulate(1_000, 1);
    wait_until_committed(&setup, 1_020);
    assert!(instance.stop().0.success());
    let letters = setup.dead_letters();
    let keys: BTreeSet<_> = letters.iter().map(|letter| letter.key.clone()).collect();
    assert_eq!(keys.len(), 20, "each is kept under its position");
    for letter in &letters {
        assert!(!header(letter, "tillwatch.reduced").is_empty());
    }
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_dead_letter_topic_that_is_missing_is_waited_for() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "missing", None);
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    instance.wait_until_ready();
    setup.simulate(1_000, 1);
    wait_until_committed(&setup, 1_000);
    let poison = |n: usize| TestRecord {
        partition: n as i32 % 3,
        payload: Some(random_bytes(n, 50)),
        ..TestRecord::default()
    };
    send(&setup, (0..7).map(poison));
    wait_for("the trouble to be said", || {
        let log = instance.log();
        log.contains("outputs wait") && log.contains("topic_missing")
    });
    // A partition without dead letters goes on, though more partitions than there are threads have some.
    // Nothing of these is committed.
    send(&setup, (7..14).map(poison));
    setup.simulate(1_000, 2);
    let group = "missing-group";
    let offsets = || committed(&setup.brokers, group, "missing", PARTITIONS).expect("offsets");
    let ends = || {
        let records = read_all(&setup.brokers, "missing", PARTITIONS).expect("the input");
        let count = |partition| records.iter().filter(|r| r.partition == partition).count();
        (0..PARTITIONS)
            .map(|partition| count(partition) as i64)
            .collect::<Vec<i64>>()
    };
    let ends = ends();
    wait_for("the partition without dead letters", || {
        offsets()[3] == Some(ends[3])
    });
    let offsets = offsets();
    assert!((0..3).all(|partition| offsets[partition] < Some(ends[partition] - 100)));

    broker
        .create_topic(&setup.dead_letters_topic(), 1)
        .expect("a topic can be created");
    wait_until_committed(&setup, 2_014);
    wait_for("the end of the trouble", || {
        instance.log().contains("outputs are delivered again")
    });
    assert!(instance.stop().0.success());
    assert_eq!(setup.dead_letters().len(), 14);
    assert_eq!(score_ids(&setup.scores()).len(), 2_000);
}
