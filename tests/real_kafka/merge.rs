//! Several topics that are merged, and what becomes of records that are gone before they are read.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tillwatch_consumer::{ConsumerSettings, History as _, Past, Properties, Stretch};
use tillwatch_records::TopicPartition;
use tillwatch_testkit::broker::{RealBroker, TestRecord, Transactional, committed, produce};

use crate::support::{Instance, wait_for};

const CATALOG: &str = r#"
name = "merged"
[[feature]]
name = "boots_1h"
aggregate = "count"
record_type = "terminal_event"
filter = "event_type = 'BOOT'"
window = "1h"
[[feature]]
name = "fraud_1h"
aggregate = "count"
label = "label_kind = 'CONFIRMED'"
window = "1h"
[[feature]]
name = "sales_1h"
aggregate = "count"
window = "1h"
"#;

const MODEL: &str = "name = 'rules'\nversion = '1'\nkind = 'rules'\nartefact = 'rules.toml'\n";

const RULES: &str = "[[rule]]\ncode = 'BUSY'\ntypology = 'cash_out'\nseverity = 'info'\n\
                     when = 'sales_1h > 1000'\nprobability = 0.5\nfeature = 'sales_1h'\nwords = 'busy'\n";

const TOPICS: [&str; 3] = ["sales", "events", "labels"];

const START_MS: i64 = 1_767_225_600_000;

/// A broker, and a directory with a catalog, a model of one rule and outputs as JSON lines.
struct Case {
    broker: RealBroker,
    directory: TempDir,
}

impl Case {
    fn new(topics: &[(&str, i32)]) -> Self {
        let broker = RealBroker::start().expect("a broker");
        for (topic, partitions) in topics {
            broker
                .create_topic(topic, *partitions)
                .expect("topics can be created");
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        let case = Self { broker, directory };
        std::fs::create_dir(case.path("rules")).expect("a directory can be made");
        case.write("catalog.toml", CATALOG);
        case.write("rules/model.toml", MODEL);
        case.write("rules/rules.toml", RULES);
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file can be written");
    }

    /// A configuration that reads `topics`, with `consumer` among the settings of the consumer.
    fn config(&self, name: &str, topics: &[&str], consumer: &str) -> PathBuf {
        let text = format!(
            r#"
[kafka]
"bootstrap.servers" = "{brokers}"
[consumer]
topics = {topics:?}
group = "g"
{consumer}
[consumer.properties]
"session.timeout.ms" = 6000
"heartbeat.interval.ms" = 500
[decode.record_type]
topics = {{ "events" = "terminal_event", "labels" = "label" }}
[entity]
key = ["terminal_id"]
[features]
catalog = "{catalog}"
[models]
champion = "{model}"
[sink]
kind = "jsonl"
features = true
[sink.file]
directory = "{out}"
[http]
listen = "127.0.0.1:0"
[log]
format = "json"
"#,
            brokers = self.broker.brokers(),
            catalog = self.path("catalog.toml").display(),
            model = self.path("rules").display(),
            out = self.path(&format!("{name}.out")).display(),
        );
        self.write(&format!("{name}.toml"), &text);
        self.path(&format!("{name}.toml"))
    }

    fn send(&self, topic: &str, records: impl IntoIterator<Item = TestRecord>) {
        produce(&self.broker.brokers(), topic, records).expect("records can be sent");
    }

    /// The scores that were written by the configuration called `name`, in order.
    fn scores(&self, name: &str) -> Vec<Value> {
        let path = self.path(&format!("{name}.out")).join("scores.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines = text
            .lines()
            .map_while(|line| serde_json::from_str(line).ok());
        lines.collect()
    }

    fn wait_for_scores(&self, name: &str, count: usize) -> Vec<Value> {
        wait_for("the scores", || self.scores(name).len() >= count);
        self.scores(name)
    }

    /// `None` as well while the coordinator does not answer: whoever asks waits for an offset.
    fn committed(&self, topic: &str) -> Option<i64> {
        let offsets = committed(&self.broker.brokers(), "g", topic, 1);
        offsets.ok().and_then(|offsets| offsets[0])
    }
}

/// A record of one terminal, stamped with its event time.
fn record(value: &Value, time_ms: i64) -> TestRecord {
    TestRecord {
        key: Some(b"T1".to_vec()),
        payload: Some(value.to_string().into_bytes()),
        timestamp_ms: Some(time_ms),
        ..TestRecord::default()
    }
}

/// A sale, `after_ms` after the start.
fn sale(n: i64, after_ms: i64) -> TestRecord {
    let time_ms = START_MS + after_ms;
    let value = json!({"event_id": format!("s{n}"), "terminal_id": "T1", "event_time": time_ms,
        "amount_minor": 100, "currency": "EUR", "card_token": "c"});
    record(&value, time_ms)
}

fn boot(n: i64, after_ms: i64) -> TestRecord {
    let time_ms = START_MS + after_ms;
    let value = json!({"event_id": format!("b{n}"), "terminal_id": "T1", "event_time": time_ms,
        "event_type": "BOOT"});
    record(&value, time_ms)
}

/// A label of the sale that [`sale`] makes of the same numbers, known `later_ms` after it.
fn label(n: i64, after_ms: i64, later_ms: i64) -> TestRecord {
    let time_ms = START_MS + after_ms;
    let value = json!({"event_id": format!("s{n}"), "terminal_id": "T1", "occurred_time": time_ms,
        "event_time": time_ms + later_ms, "label_kind": "CONFIRMED"});
    record(&value, time_ms + later_ms)
}

fn flags(score: &Value) -> Vec<&str> {
    let flags = score["flags"].as_array();
    flags
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn lines_with(instance: &Instance, words: &str) -> usize {
    instance
        .log()
        .lines()
        .filter(|line| line.contains(words))
        .count()
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn events_and_labels_in_topics_of_their_own_meet_the_terminals_history() {
    let case = Case::new(&TOPICS.map(|topic| (topic, 1)));
    // A sale a minute; a boot and a label after each tenth.
    case.send("sales", (0..100).map(|n| sale(n, 60_000 * n)));
    case.send("events", (0..10).map(|n| boot(n, 600_000 * n + 1_000)));
    case.send("labels", (0..10).map(|n| label(10 * n, 600_000 * n, 2_000)));
    let config = case.config("live", &TOPICS, "");
    let instance = Instance::start(&config);
    let scores = case.wait_for_scores("live", 100);
    for (n, score) in (0_i64..).zip(&scores) {
        // Boots come a second after every tenth sale, and count for an hour.
        let now_s = 60 * n;
        let boots = (0..10).map(|k| 600 * k + 1);
        let joined = boots.filter(|at_s| (now_s - 3_600 + 1..=now_s).contains(at_s));
        let joined = joined.count();
        assert_eq!(score["event_id"], format!("s{n}"));
        assert_eq!(
            score["features"]["boots_1h"].as_f64(),
            Some(joined as f64),
            "{score}"
        );
        assert_eq!(
            score["features"]["sales_1h"].as_f64(),
            Some((n + 1).min(60) as f64)
        );
    }
    let labelled = scores[1]["features"]["fraud_1h"].as_f64();
    assert_eq!(
        (scores[0]["features"]["fraud_1h"].as_f64(), labelled),
        (Some(0.0), Some(1.0))
    );
    // In the backlog the order is certain until the first topic ends.
    assert!(
        scores[..90].iter().all(|score| flags(score).is_empty()),
        "{scores:?}"
    );
    // Live, with nothing known of the two others.
    case.send("sales", [sale(100, 60_000 * 100)]);
    let scores = case.wait_for_scores("live", 101);
    assert_eq!(flags(&scores[100]), ["REORDERED"]);
    wait_for("the commits", || {
        case.committed("sales") == Some(101)
            && case.committed("events") == Some(10)
            && case.committed("labels") == Some(10)
    });
    assert!(instance.stop().0.success());

    // The same log again, by another group: what has no mark is the same.
    let text = std::fs::read_to_string(&config).expect("it was written");
    let text = text
        .replace("group = \"g\"", "group = \"again\"")
        .replace("live.out", "again.out");
    case.write("again.toml", &text);
    let again = Instance::start(&case.path("again.toml"));
    let replayed = case.wait_for_scores("again", 101);
    for (live, replayed) in scores.iter().zip(&replayed) {
        if flags(live).is_empty() && flags(replayed).is_empty() {
            assert_eq!(live["features"], replayed["features"]);
            assert_eq!(live["score"], replayed["score"]);
        }
    }
    assert!(again.stop().0.success());
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn topics_that_do_not_belong_together_are_refused_by_name() {
    let case = Case::new(&[("sales", 2), ("events", 1)]);
    let differing = Instance::start(&case.config("differing", &["sales", "events"], ""));
    wait_for("the refusal", || {
        lines_with(
            &differing,
            "sales has 2 partitions, events has 1 partitions",
        ) > 0
    });
    let missing = case.config("missing", &["sales", "labels"], "topic_wait = \"1s\"");
    let missing = Instance::start(&missing);
    wait_for("the refusal", || {
        lines_with(&missing, "unknown topic labels") > 0
    });
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn records_that_retention_took_are_said_and_an_idle_instance_keeps_its_place() {
    let case = Case::new(&[("sales", 1)]);
    let config = case.config("lost", &["sales"], "start = \"latest\"");
    let first = Instance::start(&config);
    // Idle, and yet its place is kept.
    wait_for("the first commit", || case.committed("sales") == Some(0));
    assert!(first.stop().0.success());
    case.send("sales", (0..500).map(|n| sale(n, n)));
    let second = Instance::start(&config);
    case.wait_for_scores("lost", 500);
    wait_for("the commit", || case.committed("sales") == Some(500));
    assert!(second.stop().0.success());

    // 200 more, of which 150 are gone before the next start; `earliest`, so the rest is read.
    case.send("sales", (500..700).map(|n| sale(n, n)));
    case.broker
        .delete_records("sales", 0, 650)
        .expect("records can be deleted");
    let config = case.config("lost", &["sales"], "");
    let third = Instance::start(&config);
    let scores = case.wait_for_scores("lost", 550);
    assert_eq!(scores[500]["event_id"], "s650");
    wait_for("the loss to be said", || {
        lines_with(&third, "\"lost\":150") == 1
    });
    assert_eq!(
        lines_with(&third, "records were deleted before they were read"),
        1
    );
    assert!(third.stop().0.success());
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_topic_that_is_made_anew_ends_the_run_and_the_next_one_reads_it_whole() {
    let case = Case::new(&[("sales", 1)]);
    let config = case.config("anew", &["sales"], "");
    case.send("sales", (0..300).map(|n| sale(n, n)));
    let mut instance = Instance::start(&config);
    case.wait_for_scores("anew", 300);
    wait_for("the commit", || case.committed("sales") == Some(300));
    case.broker
        .delete_topic("sales")
        .expect("a topic can be deleted");
    case.broker.create_topic("sales", 1).expect("and made anew");
    case.send("sales", (1_000..1_040).map(|n| sale(n, n)));
    wait_for("the end", || {
        if lines_with(&instance, "went back from 300 to 0") > 0 {
            return true;
        }
        // The group may have forgotten the topic's offsets, or the client may have noticed by itself.
        case.scores("anew").len() >= 340
    });
    if case.scores("anew").len() < 340 {
        assert_ne!(
            case.committed("sales"),
            Some(300),
            "nothing of the old log is committed"
        );
        instance = Instance::start(&config);
    }
    let scores = case.wait_for_scores("anew", 340);
    assert_eq!(scores[300]["event_id"], "s1000");
    wait_for("the commit", || case.committed("sales") == Some(40));
    assert!(instance.stop().0.success());
}

/// A record of the quiet topic came when a snapshot held records that it belongs before.
#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_lane_whose_order_was_wrong_is_right_again_after_a_restart() {
    const MINUTE_MS: i64 = 60_000;
    let case = Case::new(&[("sales", 1), ("events", 1)]);
    let config = case.config("healed", &["sales", "events"], "");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let text = text.replace("[http]", "[state]\ninterval = \"100ms\"\n[http]");
    case.write("healed.toml", &text);
    let sales = |ns: std::ops::Range<i64>| ns.map(|n| sale(n, MINUTE_MS * n));
    case.send("events", [boot(0, 0)]);
    case.send("sales", sales(1..4));
    let first = Instance::start(&config);
    for (count, more) in [(3, 4..7), (6, 7..7)] {
        case.wait_for_scores("healed", count);
        wait_for("the commit", || {
            case.committed("sales") == Some(count as i64)
        });
        wait_for("a snapshot of it", || {
            std::fs::read_dir(case.path("state/g/sales+events/0/cuts")).is_ok_and(|names| {
                let mut names = names.filter_map(Result::ok);
                let start = format!("{count:012}-{:012}.", 1);
                names.any(|name| name.file_name().to_string_lossy().starts_with(&start))
            })
        });
        case.send("sales", sales(more));
    }
    case.send("events", [boot(1, 4 * MINUTE_MS + 1)]);
    wait_for("the commit", || case.committed("events") == Some(2));
    assert!(first.stop().0.success());

    case.send("sales", sales(7..8));
    case.send("events", [boot(2, 8 * MINUTE_MS)]);
    let second = Instance::start(&config);
    let scores = case.wait_for_scores("healed", 7);
    assert_eq!(flags(&scores[6]), [""; 0], "{}", second.log());
    assert!(lines_with(&second, "belongs before one that it holds") >= 1);
    let restored = second.metric("tillwatch_restores_total{origin=\"snapshot\"}");
    assert_eq!(restored, Some(1.0));
    assert!(second.stop().0.success());
}

/// What tells whether a snapshot holds records behind one that is to be replayed.
#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn marks_of_transactions_and_what_was_taken_back_are_no_first_records() {
    let case = Case::new(&[("sales", 1)]);
    let brokers = case.broker.brokers();
    let producer = Transactional::new(&brokers, "a").expect("a producer");
    let send = |records: &[&str]| {
        let records = records.iter().map(|text| (0, text.as_bytes().to_vec()));
        producer.begin("sales", records).expect("records are sent");
    };
    // Records 0 and 1 and a mark, 3 and a mark, 5 and a mark.
    send(&["a", "b"]);
    producer.commit().expect("a commit");
    send(&["c"]);
    producer.abort().expect("an abort");
    send(&["d"]);
    producer.commit().expect("a commit");
    let properties = Properties::of([("bootstrap.servers", brokers.as_str())]);
    let settings = ConsumerSettings::new(vec!["sales".to_owned()], "g", properties);
    let past = Past::new(&settings).expect("a client");
    let first = |from, to| {
        let source = TopicPartition::new("sales", 0);
        let stretch = Stretch { source, from, to };
        let found = past.first_records(&[stretch], Duration::from_secs(10));
        found.expect("an answer")[0].map(|record| record.offset)
    };
    for (from, to, expected) in [
        (0, 3, Some(0)),
        (1, 7, Some(1)),
        (2, 3, None),
        (2, 5, None),
        (2, 6, Some(5)),
        (6, 7, None),
    ] {
        assert_eq!(first(from, to), expected, "{from}..{to}");
    }
}
