//! A catalog that is edited between two runs, on a real Kafka: what did not change is that of a run that was
//! never interrupted, what is new is flagged until it is whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tillwatch_testkit::broker::{RealBroker, TestRecord, produce};

use crate::support::scores::{again, live};
use crate::support::{Instance, Setup, check, wait_for};
use crate::warming::{CATALOG, MINUTE_MS, configure, sale};

/// Of records that no feature has asked for before.
const LARGE: &str = r#"
[[feature]]
name = "large_30m"
aggregate = "count"
window = "30m"
filter = "amount_minor >= 100"
"#;

const KEY: &str = "[entity]\nkey = [\"terminal_id\"]\n";

/// Minutes that are scored before the edit, and in all.
const EDITED: usize = 90;
const ALL: usize = 200;

/// Sends records, scores them with an instance and lets it look at the end.
fn score(setup: &Setup, config: &Path, records: Vec<TestRecord>, look: impl FnOnce(&Instance)) {
    let count = records.len() as f64;
    produce(&setup.brokers, &setup.topic, records).expect("records can be sent");
    let instance = Instance::start(config);
    wait_for("every record to be scored", || {
        instance.metric("tillwatch_delivered_scores_total") == Some(count)
    });
    look(&instance);
    assert!(instance.stop().0.success());
}

/// Scores in the order of their offsets, each with the minute of its record.
fn in_order(scores: BTreeMap<String, Value>, begin_ms: i64) -> Vec<(i64, Value)> {
    let scores = scores.into_values().map(|score| {
        let time_ms = score["event_time"].as_i64().expect("a time");
        ((time_ms - begin_ms) / MINUTE_MS, score)
    });
    let mut scores: Vec<(i64, Value)> = scores.collect();
    scores.sort_by_key(|(_, score)| score["offset"].as_u64());
    scores
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn an_edit_between_two_runs_keeps_what_did_not_change() {
    let broker = RealBroker::start().expect("a broker");
    let setup = Setup::new(&broker.brokers(), "edited", 1);
    for (name, partitions) in setup.topics() {
        broker.create_topic(&name, partitions).expect("a topic");
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    let begin_ms = i64::try_from(now.as_millis()).expect("a time") - ALL as i64 * MINUTE_MS;
    // Two terminals a minute, and one that comes after the edit.
    let records = |minutes: std::ops::Range<usize>| -> Vec<TestRecord> {
        let terminals = |minute: usize| {
            let terminals = ["A", "B", "late"].into_iter().enumerate();
            let at_ms = begin_ms + minute as i64 * MINUTE_MS;
            terminals
                .filter(move |(_, key)| *key != "late" || minute > EDITED)
                .map(move |(number, key)| sale(3 * minute + number, key, at_ms, at_ms))
        };
        minutes.flat_map(terminals).collect()
    };
    let config = configure(&setup, CATALOG, KEY);
    score(&setup, &config, records(0..EDITED), |_| ());

    let edited = CATALOG.replacen("[[feature]]", &format!("{LARGE}[[feature]]"), 1);
    configure(&setup, &edited, KEY);
    let (_, said) = check(&config);
    let told = "keeps n_1h, changed, and rebuilds large_30m (whole after 30m)";
    assert!(said.contains(told), "{said}");
    score(&setup, &config, records(EDITED..ALL), |instance| {
        let log = instance.log();
        assert!(log.contains(told), "{log}");
        for (metric, expected) in [
            ("tillwatch_restores_total{origin=\"snapshot\"}", 1.0),
            ("tillwatch_restore_replayed_records_total", 0.0),
            (
                "tillwatch_restore_passed_over_total{reason=\"catalog\"}",
                0.0,
            ),
        ] {
            assert_eq!(instance.metric(metric), Some(expected), "{metric}");
        }
    });

    let whole = in_order(again(&setup, &config, KEY), begin_ms);
    let live = in_order(live(&setup), begin_ms);
    assert_eq!(live.len(), whole.len());
    let first = live.iter().find(|(minute, _)| *minute == EDITED as i64);
    let (_, first) = first.expect("the first record after the edit");
    assert_eq!(first["features"]["n_1h"], 60.0, "{first}");
    assert!(first["features"]["changed"].is_number(), "{first}");
    for ((minute, live), (_, whole)) in live.iter().zip(&whole) {
        for kept in ["n_1h", "changed"] {
            assert_eq!(live["features"][kept], whole["features"][kept], "{live}");
        }
        // The newest record before the edit is of the minute before.
        let lacks = (EDITED as i64..EDITED as i64 + 29).contains(minute);
        let is_flagged = live["flags"].to_string().contains("WARMING");
        assert_eq!(is_flagged, lacks && live["key"] != "late", "{live}");
        if *minute >= EDITED as i64 && !is_flagged {
            assert_eq!(live, whole);
        }
    }
}
