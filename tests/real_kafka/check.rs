//! `check` against a broker that asks who is there and what they may.

use std::path::PathBuf;
use std::time::Instant;

use tillwatch_testkit::broker::RealBroker;

use super::{PARTITIONS, setup};
use crate::support::{Instance, SOON, Setup, check, score_ids, wait_for};

/// A configuration that connects to the guarded listener with `password`.
pub fn guarded(broker: &RealBroker, setup: &Setup, name: &str, password: &str) -> PathBuf {
    let path = setup.config(name, "");
    let text = std::fs::read_to_string(&path).expect("it was written");
    let login = format!(
        "[kafka]\n\"security.protocol\" = \"SASL_PLAINTEXT\"\n\"sasl.mechanism\" = \"PLAIN\"\n\
         \"sasl.username\" = \"tillwatch\"\n\"sasl.password\" = \"{password}\"\n"
    );
    let text = text
        .replacen("[kafka]\n", &login, 1)
        .replace(&broker.brokers(), &broker.guarded_brokers());
    std::fs::write(&path, text).expect("it can be written");
    path
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn each_right_that_is_missing_is_named_until_none_is() {
    let broker = RealBroker::start_guarded().expect("a broker");
    let setup = setup(&broker, "rights");
    let wrong = guarded(&broker, &setup, "wrong.toml", "not-the-password");
    let started = Instant::now();
    let (output, said) = check(&wrong);
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(said.matches("Authentication failed").count(), 1, "{said}");
    assert!(!said.contains("not-the-password"), "{said}");

    let config = guarded(&broker, &setup, "tillwatch.toml", "tillwatch-test");
    let (output, said) = check(&config);
    assert_eq!(output.status.code(), Some(3));
    for words in [
        "topic rights: READ is not granted to us, nor DESCRIBE",
        "consumer group rights-group: READ is not granted to us, nor DESCRIBE",
        "topic rights.scores: WRITE is not granted to us, nor DESCRIBE",
        "topic rights.alerts: WRITE is not granted to us, nor DESCRIBE",
        "topic rights.dead-letters: WRITE is not granted to us, nor DESCRIBE",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }

    let outputs = [
        "--topic=rights.scores",
        "--topic=rights.alerts",
        "--topic=rights.dead-letters",
    ];
    let inputs = ["--topic=rights", "--group=rights-group"];
    let all = [&inputs[..], &outputs].concat();
    broker.grant(&["Describe"], &all).expect("it is granted");
    let mut said = String::new();
    wait_for("the broker to know what was granted", || {
        said = check(&config).1;
        !said.contains("nor DESCRIBE")
    });
    for words in [
        "topic rights: READ is not granted to us; grant READ on topic rights",
        "consumer group rights-group: READ is not granted to us; grant READ on group rights-group",
        "topic rights.scores: WRITE is not granted to us; grant WRITE on topic rights.scores",
        "topic rights.dead-letters: WRITE is not granted to us",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }

    broker.grant(&["Read"], &inputs).expect("it is granted");
    broker.grant(&["Write"], &outputs).expect("it is granted");
    wait_for("the broker to know what was granted", || {
        let (output, now) = check(&config);
        said = now;
        output.status.success()
    });
    // Settings are not ours to see, which is told and no problem.
    assert!(said.contains("grant DESCRIBE_CONFIGS"), "{said}");
    let instance = Instance::start(&config);
    instance.wait_until_ready();
    assert!(instance.stop().0.success());
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn limits_of_the_topics_are_compared() {
    let broker = RealBroker::start().expect("a broker");
    let setup = Setup::new(&broker.brokers(), "limits", PARTITIONS);
    let topics = setup.topics();
    let settings: [&[(&str, &str)]; 4] = [
        &[("max.message.bytes", "3000000")],
        &[("min.insync.replicas", "2")],
        &[("cleanup.policy", "compact")],
        &[("retention.ms", "3600000")],
    ];
    for ((name, partitions), settings) in topics.iter().zip(settings) {
        let created = broker.create_topic_with(name, *partitions, settings);
        created.expect("topics can be created");
    }
    let (output, said) = check(&setup.config("tillwatch.toml", ""));
    assert_eq!(output.status.code(), Some(3));
    for words in [
        "records of up to 3000000 bytes and max.message.bytes of limits.dead-letters is 1048588",
        "topic limits.scores has 1 replicas and min.insync.replicas is 2",
        "topic limits.alerts is compacted",
        "topic limits.dead-letters keeps dead letters for 1h only",
        "consumer group limits-group: can be joined",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_group_that_the_brokers_assign_shares_the_work_and_loses_nothing() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "assigned");
    let config = |name: &str| {
        let path = setup.config(name, "");
        let text = std::fs::read_to_string(&path).expect("it was written");
        let text = text
            .replace(
                "\"session.timeout.ms\" = 6000",
                "\"group.protocol\" = \"consumer\"",
            )
            .replace("\"heartbeat.interval.ms\" = 500\n", "");
        std::fs::write(&path, text).expect("it can be written");
        path
    };
    let (output, said) = check(&config("tillwatch.toml"));
    assert!(output.status.success(), "{said}");
    setup.simulate(20_000, 1);
    let first = Instance::start(&config("tillwatch.toml"));
    setup.wait_until_scored();
    let second = Instance::start(&config("second.toml"));
    wait_for("partitions to move", || {
        second
            .metric("tillwatch_consumer_rebalances_total")
            .is_some_and(|n| n > 0.0)
    });
    second.wait_until_ready();
    setup.simulate(20_000, 2);
    setup.wait_until_scored();
    assert!(second.stop().0.success());
    setup.simulate(5_000, 3);
    setup.wait_until_scored();
    assert!(first.stop().0.success());
    assert_eq!(score_ids(&setup.scores()).len(), 45_000);
}
