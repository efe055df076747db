//! Records that were refused are sent again after the mapping was mended: each is scored once, and nothing
//! is sent twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde_json::Value;
use tillwatch_testkit::broker::{RealBroker, TestRecord, committed, produce, read_all};

use crate::support::{Instance, Setup, header, json, score_ids, succeed, tillwatch, wait_for};
use crate::{PARTITIONS, setup};

/// Records of each kind of poison.
const EACH: i64 = 40;

/// What is wrong with them: the terminal's field has another name, the time is text, the JSON is cut short.
/// The mended mapping reads the first two.
const KINDS: [&str; 3] = ["renamed", "text-time", "cut"];

fn poison(setup: &Setup, now_ms: i64) -> BTreeMap<String, TestRecord> {
    let mut records = BTreeMap::new();
    for n in 0..EACH {
        for (kind, name) in KINDS.iter().zip(0..) {
            let time_ms = now_ms - 3_600_000 + n * 1_000;
            let id = format!("{kind}-{n}");
            let terminal = match name {
                0 => format!("\"tid\":\"P{n}\""),
                _ => format!("\"tid\":\"P{n}\",\"terminal_id\":\"P{n}\""),
            };
            let time = match name {
                1 => format!("\"{}\"", time_of(time_ms)),
                _ => time_ms.to_string(),
            };
            let mut payload = format!(
                "{{\"event_id\":\"{id}\",\"event_time\":{time},\"acquirer_id\":\"a\",\"merchant_id\":\"m\",\
                 {terminal},\"amount_minor\":100,\"currency\":\"EUR\"}}"
            );
            if name == 2 {
                payload.pop();
            }
            let record = TestRecord {
                partition: (n % i64::from(PARTITIONS)) as i32,
                key: Some(format!("a/m/P{n}").into_bytes()),
                payload: Some(payload.into_bytes()),
                headers: vec![("id".to_owned(), Some(id.clone().into_bytes()))],
                timestamp_ms: Some(time_ms),
            };
            records.insert(id, record);
        }
    }
    produce(&setup.brokers, &setup.topic, records.values().cloned()).expect("records can be sent");
    records
}

/// RFC 3339, of today or yesterday.
fn time_of(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms);
    time.expect("a time").to_string()
}

fn redrive(config: &std::path::Path, args: &[&str]) -> Value {
    let mut command = tillwatch();
    let command = command.args(["dlq", "redrive", "--json", "--config"]);
    let output = succeed(command.arg(config).args(args));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn wait_until_committed(setup: &Setup, records: i64) {
    let group = format!("{}-group", setup.topic);
    wait_for("all offsets to be committed", || {
        let offsets = committed(&setup.brokers, &group, &setup.topic, PARTITIONS);
        offsets.expect("offsets").iter().flatten().sum::<i64>() == records
    });
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn what_was_refused_is_scored_once_after_the_mapping_was_mended() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "redrive");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_ms = i64::try_from(now.expect("a clock").as_millis()).expect("it fits");
    let strict = setup.config("tillwatch.toml", "");
    let first = Instance::start(&strict);
    setup.simulate(500, 1);
    let sent = poison(&setup, now_ms);
    wait_until_committed(&setup, 500 + 3 * EACH);
    assert!(first.stop().0.success());
    assert_eq!(setup.dead_letters().len() as i64, 3 * EACH);
    assert_eq!(score_ids(&setup.scores()).len(), 500);

    let total = redrive(&strict, &[]);
    assert_eq!(total["sent"], 3 * EACH, "{total}");
    assert_eq!(redrive(&strict, &[])["sent"], 0, "nothing is sent twice");
    let input = read_all(&setup.brokers, &setup.topic, PARTITIONS).expect("the input");
    let again: Vec<_> = input
        .iter()
        .filter(|record| header(record, "tillwatch.redrive.attempts") == "1")
        .collect();
    assert_eq!(again.len() as i64, 3 * EACH);
    for record in &again {
        let before = &sent[&header(record, "id")];
        assert_eq!(record.key, before.key);
        assert_eq!(record.payload, before.payload);
        assert_eq!(record.timestamp_ms, before.timestamp_ms, "its own time");
        assert_eq!(
            record.partition, before.partition,
            "where its key's state is"
        );
    }

    let mapping = "[decode.fields]\nterminal_id = \"tid\"\n[decode.units]\nevent_time = \"auto\"\n";
    let second = Instance::start(&setup.config("mended.toml", mapping));
    wait_until_committed(&setup, 500 + 6 * EACH);
    assert!(second.stop().0.success());
    check_scores(&setup, &sent);
    check_letters(&setup, &strict);
}

/// Each record that the new mapping can read has one score, of its own time, at its new place.
fn check_scores(setup: &Setup, sent: &BTreeMap<String, TestRecord>) {
    let mut ids = BTreeSet::new();
    for score in setup.scores() {
        let score = json(&score);
        let id = score["event_id"].as_str().unwrap_or_default().to_owned();
        let Some(record) = sent.get(&id) else {
            continue;
        };
        assert!(ids.insert(id.clone()), "{id} is scored once");
        assert_eq!(
            score["event_time"],
            record.timestamp_ms.unwrap_or_default(),
            "{score}"
        );
        assert_eq!(score["partition"], record.partition);
    }
    assert_eq!(ids.len() as i64, 2 * EACH, "{ids:?}");
    assert!(!ids.iter().any(|id| id.starts_with("cut-")));
}

/// What is still wrong is a letter once more, which counts.
fn check_letters(setup: &Setup, config: &std::path::Path) {
    let letters = setup.dead_letters();
    let again = letters
        .iter()
        .filter(|letter| header(letter, "id").starts_with("cut-"))
        .filter(|letter| header(letter, "tillwatch.redrive.attempts") == "1");
    let mut count = 0;
    for letter in again {
        count += 1;
        let origin = header(letter, "tillwatch.redrive.origin");
        let position = format!("redrive/{}/", header(letter, "tillwatch.partition"));
        assert!(origin.starts_with(&position), "{origin}");
        assert!(!origin.ends_with(&format!("/{}", header(letter, "tillwatch.offset"))));
    }
    assert_eq!(count, EACH);
    let total = redrive(config, &["--attempts-max", "1"]);
    assert_eq!(total["sent"], 0, "{total}");
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_record_that_the_broker_refuses_is_named_and_its_letter_stays_open() {
    let broker = RealBroker::start().expect("a broker");
    let setup = Setup::new(&broker.brokers(), "old", 1);
    let hour = [("message.timestamp.before.max.ms", "3600000")];
    broker.create_topic_with("old", 1, &hour).expect("a topic");
    let letters_topic = setup.dead_letters_topic();
    broker.create_topic(&letters_topic, 1).expect("a topic");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_ms = i64::try_from(now.expect("a clock").as_millis()).expect("it fits");
    // Records 3, 7 and 9 are two hours old.
    let letters = (0..10).map(|n| {
        let age_ms = if [3, 7, 9].contains(&n) {
            7_200_000
        } else {
            60_000
        };
        let headers = [
            ("tillwatch.reason", "bad_json".to_owned()),
            ("tillwatch.topic", "old".to_owned()),
            ("tillwatch.partition", "0".to_owned()),
            ("tillwatch.offset", n.to_string()),
            ("tillwatch.timestamp", (now_ms - age_ms).to_string()),
        ];
        let headers = headers.into_iter();
        TestRecord {
            payload: Some(n.to_string().into_bytes()),
            headers: headers
                .map(|(name, value)| (name.to_owned(), Some(value.into_bytes())))
                .collect(),
            ..TestRecord::default()
        }
    });
    produce(&setup.brokers, &letters_topic, letters).expect("letters can be sent");
    let config = setup.config("tillwatch.toml", "");
    for sent in [7, 0] {
        let mut command = tillwatch();
        let command = command.args(["dlq", "redrive", "--json", "--config"]);
        let output = command.arg(&config).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let total: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        assert_eq!(total["sent"], sent, "{total}");
        let refused = total["refused"].to_string();
        assert!(
            refused.contains("[\"old/0/3\",\"old/0/7\",\"old/0/9\"]"),
            "{total}"
        );
    }
    let records = read_all(&setup.brokers, "old", 1).expect("the input");
    assert_eq!(records.len(), 7);
}
