//! Exactly once: a reader of committed records sees each score once, whatever dies when.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tillwatch_testkit::broker::{RealBroker, TestRecord, committed, produce, read_committed};

use crate::support::{Instance, Setup, header, json, wait_for};
use crate::{PARTITIONS, poison, setup};

fn configure(setup: &Setup, name: &str, properties: &str) -> PathBuf {
    let extra = format!(
        r#"
[sink.kafka]
delivery = "exactly_once"
transactional_id = "{name}"
[sink.properties]
"linger.ms" = 5
{properties}
"#
    );
    setup.config(&format!("{name}.toml"), &extra)
}

fn committed_transactions(instance: &Instance) -> f64 {
    let count = instance.metric("tillwatch_transactions_committed_total");
    count.unwrap_or(0.0)
}

/// The ids of the scores that can be read, in order.
fn ids(setup: &Setup) -> Vec<String> {
    let scores = read_committed(&setup.brokers, &setup.scores_topic(), PARTITIONS);
    let scores = scores.expect("scores can be read");
    let id = |score| json(score)["score_id"].as_str().expect("an id").to_owned();
    scores.iter().map(id).collect()
}

/// Waits until `count` records are scored, and looks that each score, and each dead letter, is there once and
/// that all offsets are stored.
fn expect_each_once(setup: &Setup, scores: usize, letters: usize) {
    wait_for("every record to be scored", || ids(setup).len() >= scores);
    let found = ids(setup);
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (scores, scores));
    let topic = setup.dead_letters_topic();
    let read = || read_committed(&setup.brokers, &topic, 1).expect("letters can be read");
    wait_for("every dead letter", || read().len() >= letters);
    assert_eq!(read().len(), letters);
}

fn expect_all_committed(setup: &Setup, records: i64) {
    let group = format!("{}-group", setup.topic);
    let offsets = committed(&setup.brokers, &group, &setup.topic, PARTITIONS).expect("offsets");
    assert_eq!(
        offsets.iter().flatten().sum::<i64>(),
        records,
        "{offsets:?}"
    );
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn each_score_is_there_once_after_crashes_and_a_restart_of_the_broker() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "once");
    let config = configure(&setup, "once", "");
    poison(&setup, 7);
    for round in 0..3 {
        setup.simulate(6_000, round);
        let instance = Instance::start(&config);
        wait_for("a transaction", || committed_transactions(&instance) >= 1.0);
        if round == 1 {
            broker.stop().expect("the broker stops");
            broker.resume().expect("the broker comes back");
        }
        // It ends in the middle of these.
        setup.simulate(3_000, 10 + round);
        instance.kill();
    }
    let last = Instance::start(&config);
    expect_each_once(&setup, 27_000, 7);
    assert!(last.stop().0.success());
    expect_each_once(&setup, 27_000, 7);
    expect_all_committed(&setup, 27_007);
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn two_instances_share_the_work_and_one_that_hangs_harms_nobody() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "hang");
    let timeout = "\"transaction.timeout.ms\" = 2000";
    setup.simulate(5_000, 1);
    let first = Instance::start(&configure(&setup, "first", timeout));
    wait_for("the first transactions", || {
        committed_transactions(&first) >= 1.0
    });
    let second = Instance::start(&configure(&setup, "second", timeout));
    second.wait_until_ready();
    setup.simulate(10_000, 2);
    wait_for("both to work", || committed_transactions(&second) >= 1.0);
    // Most likely in the middle of a transaction. Its session ends, and so does what it left open.
    first.signal("STOP");
    expect_each_once(&setup, 15_000, 0);
    setup.simulate(5_000, 3);
    wait_for("the session of the first to end", || {
        let partitions = second.metric("tillwatch_consumer_assigned_partitions");
        partitions == Some(f64::from(PARTITIONS))
    });
    first.signal("CONT");
    expect_each_once(&setup, 20_000, 0);
    setup.simulate(2_000, 4);
    expect_each_once(&setup, 22_000, 0);
    assert!(second.stop().0.success());
    assert!(first.stop().0.success());
    expect_each_once(&setup, 22_000, 0);
    expect_all_committed(&setup, 22_000);
}

/// Bytes that no codec makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(next).collect()
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_dead_letter_that_its_topic_refuses_is_reduced_and_holds_nothing_up() {
    let broker = RealBroker::start().expect("a broker");
    let setup = Setup::new(&broker.brokers(), "large", PARTITIONS);
    for (name, partitions) in setup.topics() {
        let bytes = match name == setup.topic {
            true => "8000000",
            false => "1000000",
        };
        let settings = [("max.message.bytes", bytes)];
        let made = broker.create_topic_with(&name, partitions, &settings);
        made.expect("topics can be created");
    }
    let large = (0..8).map(|n| TestRecord {
        partition: n % PARTITIONS,
        payload: Some(noise(2_000_000)),
        ..TestRecord::default()
    });
    produce(&setup.brokers, &setup.topic, large).expect("records can be sent");
    setup.simulate(2_000, 1);
    let instance = Instance::start(&configure(&setup, "large", ""));
    expect_each_once(&setup, 2_000, 8);
    let letters = read_committed(&setup.brokers, &setup.dead_letters_topic(), 1);
    for letter in letters.expect("letters can be read") {
        assert_eq!(header(&letter, "tillwatch.reduced"), "MessageSizeTooLarge");
        assert_eq!(header(&letter, "tillwatch.payload.bytes"), "2000000");
    }
    let refused = instance.metric("tillwatch_transactions_aborted_total{cause=\"refused\"}");
    assert!(
        refused.is_some_and(|count| (1.0..=4.0).contains(&count)),
        "{refused:?}"
    );
    assert!(instance.stop().0.success());
    expect_all_committed(&setup, 2_008);
}
