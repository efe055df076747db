//! What an operator is told, on a real Kafka: lag on transactional topics, a broker that hangs.

use std::time::{Duration, Instant};

use tillwatch_testkit::broker::{RealBroker, Transactional, committed};

use super::{PARTITIONS, setup};
use crate::support::{Instance, SOON, Setup, wait_for};

/// The lag of each partition, in records.
fn lags(instance: &Instance, topic: &str) -> Vec<Option<f64>> {
    let lag = |partition| {
        let labels = format!("topic=\"{topic}\",partition=\"{partition}\"");
        instance.metric(&format!("tillwatch_consumer_lag_records{{{labels}}}"))
    };
    (0..PARTITIONS).map(lag).collect()
}

/// Ten records for each partition, none of which can be decoded.
fn letters() -> impl Iterator<Item = (i32, Vec<u8>)> {
    (0..40).map(|n| (n % PARTITIONS, b"{}".to_vec()))
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn the_lag_on_transactional_topics_is_what_can_be_read() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "transactional");
    let producer = Transactional::new(&setup.brokers, "sender").expect("a producer");
    producer
        .begin(&setup.topic, letters())
        .expect("records can be sent");
    producer.commit().expect("they are there");
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    instance.wait_until_ready();
    let all_done = || lags(&instance, "transactional") == vec![Some(0.0); PARTITIONS as usize];
    let ends = |end| {
        let stored = committed(
            &setup.brokers,
            "transactional-group",
            "transactional",
            PARTITIONS,
        );
        stored.expect("offsets") == vec![Some(end); PARTITIONS as usize]
    };
    wait_for("a lag of zero", all_done);
    // Ten records and a marker in each partition: the group's own lag is zero as well.
    wait_for("the markers to be committed", || ends(11));

    producer
        .begin(&setup.topic, letters())
        .expect("records can be sent");
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_secs(3) {
        assert!(
            all_done(),
            "an open transaction cannot be read: {:?}",
            lags(&instance, "transactional")
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    producer.abort().expect("they are gone");
    wait_for("the aborted transaction to be passed over", || ends(22));
    wait_for("a lag of zero", all_done);
    assert_eq!(
        instance.metric("tillwatch_dead_letters_total{reason=\"missing_field\"}"),
        Some(40.0)
    );
    assert!(instance.stop().0.success());
    assert!(ends(22));
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_broker_that_hangs_is_told_and_lived_through() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "frozen");
    let instance = Instance::start(&setup.config("tillwatch.toml", ""));
    setup.simulate(2_000, 1);
    instance.wait_until_ready();
    setup.wait_until_scored();
    broker.freeze().expect("it hangs");
    let frozen = Instant::now();
    wait_for("the hang to be told", || {
        let asked = Instant::now();
        assert_eq!(
            instance.get("/healthz").0,
            200,
            "a hang is no reason to be restarted"
        );
        let (status, why) = instance.get("/readyz");
        assert!(
            asked.elapsed() < Duration::from_secs(4),
            "nobody waits for a broker"
        );
        status == 503 && why.contains("no broker answers")
    });
    let took = frozen.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(instance.metric("tillwatch_ready"), Some(0.0));
    assert!(
        instance
            .metric("tillwatch_poll_silence_seconds")
            .is_some_and(|s| s < 10.0)
    );
    broker.thaw().expect("it goes on");
    instance.wait_until_ready();
    setup.simulate(2_000, 2);
    setup.wait_until_scored();

    broker.freeze().expect("it hangs");
    let (status, took) = instance.stop();
    assert!(took < 2 * SOON, "a stop waits for no broker: {took:?}");
    assert!(matches!(status.code(), Some(0 | 4)), "{status}");
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_topic_that_is_missing_ends_a_start_as_misconfigured() {
    let broker = RealBroker::start().expect("a broker");
    let setup = Setup::new(&broker.brokers(), "missing", PARTITIONS);
    let config = setup.config("tillwatch.toml", "");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let text = text.replace(
        "[consumer.properties]",
        "topic_wait = \"2s\"\n[consumer.properties]",
    );
    std::fs::write(&config, text).expect("it can be written");
    let instance = Instance::start(&config);
    wait_for("the reason", || {
        let (status, why) = instance.get("/readyz");
        status == 503 && why.contains("does not exist")
    });
    assert_eq!(instance.wait().code(), Some(3));
}
