//! A lane that begins in the middle of its partition, without state: what is not flagged is that of the
//! whole log, however old the first records are, and a log of long ago becomes whole as well.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tillwatch_testkit::broker::{RealBroker, TestRecord, produce};

use crate::support::{Instance, Scoring, Setup, json, wait_for};

pub const MINUTE_MS: i64 = 60_000;

/// A window, and a memory that outlives it.
pub const CATALOG: &str = r#"
name = "warm"
[[feature]]
name = "n_1h"
aggregate = "count"
window = "1h"
[[feature]]
name = "changed"
aggregate = "changed"
column = "card_token"
"#;

const MODEL: &str = r#"
name = "warm"
version = "1"
kind = "rules"
artefact = "rules.toml"
"#;

const RULES: &str = r#"
[[rule]]
code = "MANY"
severity = "info"
typology = "fabricated"
when = "n_1h >= 3"
probability = 0.5
feature = "n_1h"
words = "many"
"#;

/// A configuration with this catalog and a model of rules, features in the scores, and `extra` appended.
pub fn configure(setup: &Setup, catalog: &str, extra: &str) -> PathBuf {
    let directory = setup.directory.path();
    let scoring = Scoring {
        catalog: directory.join("catalog.toml"),
        champion: directory.join("model"),
        with_features: true,
    };
    std::fs::create_dir_all(&scoring.champion).expect("a directory can be made");
    for (path, text) in [
        (scoring.catalog.clone(), catalog),
        (scoring.champion.join("model.toml"), MODEL),
        (scoring.champion.join("rules.toml"), RULES),
    ] {
        std::fs::write(path, text).expect("a file can be written");
    }
    setup.config_of("tillwatch.toml", &scoring, extra)
}

/// A sale of `key` at a time, sent with the timestamp that the second time says.
pub fn sale(number: usize, key: &str, event_ms: i64, timestamp_ms: i64) -> TestRecord {
    let payload = format!(
        r#"{{"event_id":"e{number}","terminal_id":"{key}","event_time":{event_ms},"amount_minor":100,
            "currency":"EUR","card_token":"c{}"}}"#,
        number % 5
    );
    TestRecord {
        partition: 0,
        key: Some(key.as_bytes().to_vec()),
        payload: Some(payload.into_bytes()),
        headers: Vec::new(),
        timestamp_ms: Some(timestamp_ms),
    }
}

/// Sends `first`, scores them, and `second` with another instance; what was scored, by offset: whether it is
/// flagged, and the count of its hour.
fn restarted(
    broker: &RealBroker,
    topic: &str,
    [first, second]: [Vec<TestRecord>; 2],
) -> BTreeMap<u64, (bool, Option<f64>)> {
    let setup = Setup::new(&broker.brokers(), topic, 1);
    for (name, partitions) in setup.topics() {
        broker.create_topic(&name, partitions).expect("a topic");
    }
    // Without state, so that a second start lacks what came before it.
    let key = "[entity]\nkey = [\"terminal_id\"]\n[state]\nstore = \"off\"\n";
    let config = configure(&setup, CATALOG, key);
    for records in [first, second] {
        let count = records.len() as f64;
        produce(&broker.brokers(), topic, records).expect("records can be sent");
        let instance = Instance::start(&config);
        wait_for("every record to be scored", || {
            instance.metric("tillwatch_delivered_scores_total") == Some(count)
        });
        assert!(instance.stop().0.success());
    }
    let scored = setup.scores();
    let scored = scored.iter().map(json).map(|score| {
        let is_flagged = score["flags"].to_string().contains("WARMING");
        let offset = score["offset"].as_u64().expect("an offset");
        (offset, (is_flagged, score["features"]["n_1h"].as_f64()))
    });
    scored.collect()
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn what_is_not_flagged_after_a_restart_is_that_of_the_whole_log() {
    let broker = RealBroker::start().expect("a broker");
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    let now_ms = i64::try_from(now_ms.as_millis()).expect("a time");

    // A record a minute, of ten hours ago, and the same again. No timestamp before the restart is later than
    // the first after it: windows are whole an hour, the hour in which ids are known again and the allowed
    // skew of five minutes later.
    let minute = |n: usize| now_ms - 600 * MINUTE_MS + n as i64 * MINUTE_MS;
    let steady = |range: std::ops::Range<usize>| -> Vec<TestRecord> {
        range.map(|n| sale(n, "T1", minute(n), minute(n))).collect()
    };
    let scored = restarted(&broker, "steady", [steady(0..100), steady(100..280)]);
    for (offset, (is_flagged, count)) in &scored {
        assert_eq!(*is_flagged, (100..225).contains(offset), "offset {offset}");
        let in_window = (*offset + 1).min(60) as f64;
        assert!(
            *is_flagged || *count == Some(in_window),
            "offset {offset}: {count:?}"
        );
    }
    assert_eq!(scored.len(), 280);

    // After the restart the first record is one that a terminal has kept for three hours.
    let first = (0..20_u32).map(|n| now_ms - (30 - i64::from(n)) * MINUTE_MS);
    let first = first
        .enumerate()
        .map(|(n, at_ms)| sale(n, "A", at_ms, at_ms));
    let mut second = vec![sale(20, "kept", now_ms - 180 * MINUTE_MS, now_ms)];
    second.extend((0..5).map(|n| {
        let at_ms = now_ms - (10 - n as i64) * MINUTE_MS;
        sale(21 + n, "A", at_ms, at_ms)
    }));
    let scored = restarted(&broker, "kept", [first.collect(), second]);
    for (offset, (is_flagged, _)) in &scored {
        assert_eq!(*is_flagged, *offset >= 20, "offset {offset}");
    }
    assert_eq!(scored.len(), 26);
}
