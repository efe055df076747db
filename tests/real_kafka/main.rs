//! The binary on a real Apache Kafka. Ignored in a plain `cargo test`, since Java and Maven are needed:
//! `cargo test --test real_kafka -- --ignored --test-threads=2`. Each test has a broker of its own.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and waits for other processes"
)]

#[path = "../support/mod.rs"]
mod support;

mod check;
mod dead_letters;
mod dlq;
mod edited;
mod fleet;
mod group;
mod handbook;
mod http;
mod load;
mod merge;
mod once;
mod publish;
mod remade;
mod rights;
mod rows;
mod state;
mod swap;
mod warming;

use std::path::Path;

use support::{Instance, SOON, Scoring, Setup, header, score_ids, wait_for};
use tillwatch_testkit::broker::{RealBroker, TestRecord, committed, produce};

const PARTITIONS: i32 = 4;

fn setup(broker: &RealBroker, topic: &str) -> Setup {
    let setup = Setup::new(&broker.brokers(), topic, PARTITIONS);
    for (name, partitions) in setup.topics() {
        broker
            .create_topic(&name, partitions)
            .expect("topics can be created");
    }
    setup
}

/// The shipped rules, trees and a detector that learns, with features in the scores.
fn models() -> Scoring {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    Scoring {
        champion: models.join("terminal-ensemble"),
        with_features: true,
        ..Scoring::shipped()
    }
}

/// Adds a line to the properties of the consumer in a configuration.
fn add_consumer_property(config: &Path, line: &str) {
    const TABLE: &str = "[consumer.properties]";
    replace(config, TABLE, &format!("{TABLE}\n{line}"));
}

/// Replaces words of a configuration, which it must have.
fn replace(config: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(config).expect("it was written");
    assert!(text.contains(from), "{text}");
    std::fs::write(config, text.replacen(from, to, 1)).expect("it can be written");
}

fn poison(setup: &Setup, count: i32) {
    let records = (0..count).map(|n| TestRecord {
        partition: n % PARTITIONS,
        key: Some(b"poison".to_vec()),
        payload: Some(format!("{{\"event_id\": {n}").into_bytes()),
        headers: vec![("trace".into(), Some(b"abc".to_vec()))],
        timestamp_ms: None,
    });
    produce(&setup.brokers, &setup.topic, records).expect("records can be sent");
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn two_instances_share_the_work_and_a_move_loses_nothing() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "shared");
    let config = setup.config("tillwatch.toml", "");
    setup.simulate(30_000, 1);
    poison(&setup, 7);
    let first = Instance::start(&config);
    first.wait_until_ready();
    wait_for("the first scores", || {
        first
            .metric("tillwatch_records_total{outcome=\"scored\"}")
            .is_some_and(|n| n > 1_000.0)
    });
    let second = Instance::start(&setup.config("second.toml", ""));
    second.wait_until_ready();
    wait_for("partitions to move", || {
        second
            .metric("tillwatch_consumer_rebalances_total")
            .is_some_and(|n| n > 0.0)
    });
    setup.simulate(30_000, 2);
    setup.wait_until_scored();
    let (status, took) = second.stop();
    assert!(status.success(), "{status}");
    assert!(took < SOON, "{took:?}");
    // What the second had moves back.
    setup.simulate(5_000, 3);
    setup.wait_until_scored();
    assert!(first.stop().0.success());

    let letters = setup.dead_letters();
    assert_eq!(letters.len(), 7);
    for letter in &letters {
        assert_eq!(header(letter, "trace"), "abc", "original headers are kept");
        assert!(!header(letter, "tillwatch.reason").is_empty());
        assert!(
            letter
                .payload
                .as_deref()
                .is_some_and(|bytes| bytes.starts_with(b"{\"event_id\""))
        );
    }
    let scores = setup.scores();
    assert_eq!(
        score_ids(&scores).len(),
        65_000,
        "produced = scored + dead-lettered"
    );
    let warming = scores
        .iter()
        .filter(|score| {
            support::json(score)["flags"]
                .to_string()
                .contains("WARMING")
        })
        .count();
    assert_eq!(warming, 0, "a lane brings its history with it");
    let committed =
        committed(&setup.brokers, "shared-group", "shared", PARTITIONS).expect("offsets");
    let total: i64 = committed.iter().flatten().sum();
    assert_eq!(total, 65_007, "everything is committed: {committed:?}");
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_crash_loses_nothing() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "crash");
    let config = setup.config("tillwatch.toml", "");
    setup.simulate(40_000, 1);
    let first = Instance::start(&config);
    wait_for("the first scores", || {
        first
            .metric("tillwatch_delivered_scores_total")
            .is_some_and(|n| n > 1_000.0)
    });
    first.kill();
    let second = Instance::start(&config);
    setup.wait_until_scored();
    assert!(second.stop().0.success());
    assert_eq!(score_ids(&setup.scores()).len(), 40_000);
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_broker_that_is_absent_or_goes_away_loses_nothing() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "outage");
    setup.simulate(20_000, 1);
    broker.stop().expect("the broker stops");
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    wait_for("liveness", || instance.get("/healthz").0 == 200);
    let (status, why) = instance.get("/readyz");
    assert_eq!(status, 503);
    assert!(why.contains("no broker answers"), "{why}");
    broker.resume().expect("the broker comes back");
    instance.wait_until_ready();
    setup.wait_until_scored();

    broker.stop().expect("the broker stops");
    wait_for("the outage to be told", || {
        let (status, why) = instance.get("/readyz");
        status == 503 && why.contains("no broker answers")
    });
    assert_eq!(
        instance.get("/healthz").0,
        200,
        "an outage is no reason to be restarted"
    );
    broker.resume().expect("the broker comes back");
    setup.simulate(20_000, 2);
    setup.wait_until_scored();
    assert_eq!(score_ids(&setup.scores()).len(), 40_000);
    assert!(instance.stop().0.success());
}
