//! A topic that is deleted and made again: its records lie at the offsets of others, and their scores are
//! called otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tillwatch_testkit::broker::{RealBroker, TestRecord, read_committed};

use crate::support::{Instance, Setup, json, position, wait_for};
use crate::{PARTITIONS, setup};

const RECORDS: u64 = 2_000;

/// A configuration that comes back under its own name at once, and cuts as often as is allowed.
fn configure(setup: &Setup, name: &str, extra: &str) -> PathBuf {
    let extra = format!("[state]\ninterval = \"100ms\"\n{extra}");
    let path = setup.config(&format!("{name}.toml"), &extra);
    let text = std::fs::read_to_string(&path).expect("it was written");
    let group = format!("group = \"{}-group\"", setup.topic);
    let own = format!("group = \"{name}\"");
    let properties = "[consumer.properties]";
    let named = format!("{properties}\n\"group.instance.id\" = \"{name}\"");
    let text = text.replace(&group, &own).replace(properties, &named);
    std::fs::write(&path, text).expect("it can be written");
    path
}

/// What can be read of a topic that transactions may have written to.
fn read(setup: &Setup, topic: &str, partitions: i32) -> Vec<TestRecord> {
    read_committed(&setup.brokers, topic, partitions).expect("it can be read")
}

/// What was said under each id. What came twice under one must say the same of the same record.
fn by_id(setup: &Setup) -> BTreeMap<String, Value> {
    let mut said = BTreeMap::new();
    let scores = read(setup, &setup.scores_topic(), setup.partitions);
    for score in scores.iter().map(json) {
        let id = score["score_id"].as_str().expect("an id").to_owned();
        let before = said.insert(id, score.clone());
        assert!(before.is_none_or(|before| before == score), "{score}");
    }
    said
}

/// Waits until so many records were scored.
fn wait_for_ids(setup: &Setup, records: u64) -> BTreeMap<String, Value> {
    wait_for("every record to be scored", || {
        by_id(setup).len() >= records as usize
    });
    let said = by_id(setup);
    assert_eq!(said.len(), records as usize);
    said
}

/// Lets an instance be killed in the middle of the records, and another one finish.
fn score_with_a_crash(config: &Path) -> Instance {
    let first = Instance::start(config);
    wait_for("some scores", || {
        let delivered = first.metric("tillwatch_delivered_scores_total");
        delivered.is_some_and(|n| n > 0.0)
    });
    first.kill();
    Instance::start(config)
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn no_score_id_comes_twice_for_two_records() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "remade");
    let config = configure(&setup, "plain", "");
    setup.simulate(RECORDS, 1);
    let instance = score_with_a_crash(&config);
    let first = wait_for_ids(&setup, RECORDS);
    assert!(instance.stop().0.success());

    broker
        .delete_topic("remade")
        .expect("a topic can be deleted");
    wait_for("its name to be free", || {
        broker.create_topic("remade", PARTITIONS).is_ok()
    });
    // The same records at the same positions.
    setup.simulate(RECORDS, 1);
    let instance = Instance::start(&config);
    let both = wait_for_ids(&setup, 2 * RECORDS);
    assert!(instance.stop().0.success());
    let positions: BTreeSet<String> = setup.scores().iter().map(position).collect();
    assert_eq!(positions, setup.expected_positions());
    let prefixes = |said: &BTreeMap<String, Value>| -> BTreeSet<String> {
        let topics = said.keys().filter_map(|id| id.split_once('/'));
        topics.map(|(topic, _)| topic.to_owned()).collect()
    };
    assert_eq!((prefixes(&first).len(), prefixes(&both).len()), (1, 2));
    for topic in prefixes(&both) {
        let id = topic.strip_prefix("remade@").expect("the name comes first");
        assert_eq!(id.len(), 8, "{topic}");
    }

    // Another group reads them once more, and writes in transactions: no id is new.
    let once = "[sink.kafka]\ndelivery = \"exactly_once\"\n";
    let instance = Instance::start(&configure(&setup, "once", once));
    wait_for("every record to be scored once more", || {
        instance.metric("tillwatch_delivered_scores_total") == Some(RECORDS as f64)
    });
    assert!(instance.stop().0.success());
    assert_eq!(by_id(&setup), both);
    let alerts = read(&setup, "remade.alerts", 1);
    assert!(!alerts.is_empty());
    for alert in alerts.iter().map(json) {
        let id = alert["score_id"].as_str().expect("an id");
        assert_eq!(both[id]["event_id"], alert["event_id"], "{alert}");
    }
}
