//! `dlq`: letters are listed, shown without card data, and sent again once.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tillwatch_testkit::broker::{Mock, TestRecord, produce, read_all};

use crate::support::{Setup, header, json, succeed, tillwatch};

/// When the records were made, milliseconds since 1970; a minute lies between two.
const FIRST_MS: i64 = 1_700_000_000_000;

const PARTITIONS: i32 = 4;

/// A topic of two partitions with letters whose records came from `topic`.
fn with_letters(topic: &str, letters: Vec<TestRecord>) -> (Mock, Setup, PathBuf) {
    let name = format!("{topic}.dead-letters");
    let topics = [(topic, PARTITIONS), (name.as_str(), 2)];
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), topic, PARTITIONS);
    produce(mock.brokers(), &name, letters).expect("letters can be sent");
    let config = setup.config("tillwatch.toml", "");
    (mock, setup, config)
}

/// A letter of the record at `topic/(n mod 4)/n`, with `more` after our headers.
fn letter(topic: &str, n: i64, reason: &str, payload: &str, more: &[(&str, &str)]) -> TestRecord {
    let (partition, time_ms) = ((n % 4).to_string(), (FIRST_MS + n * 60_000).to_string());
    let offset = n.to_string();
    let ours = [
        ("trace", "abc"),
        ("tillwatch.reason", reason),
        ("tillwatch.detail", "what was wrong"),
        ("tillwatch.topic", topic),
        ("tillwatch.partition", &partition),
        ("tillwatch.offset", &offset),
        ("tillwatch.timestamp", &time_ms),
    ];
    let headers = ours.iter().chain(more);
    TestRecord {
        partition: (n % 2) as i32,
        key: Some(format!("T{n}").into_bytes()),
        payload: Some(payload.as_bytes().to_vec()),
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())))
            .collect(),
        timestamp_ms: None,
    }
}

fn dlq(config: &Path, args: &[&str]) -> Output {
    let mut command = tillwatch();
    let output = command.arg("dlq").args(args).arg("--config").arg(config);
    output.output().expect("the binary runs")
}

/// What a command that succeeds prints, as JSON.
fn said(config: &Path, args: &[&str]) -> Vec<Value> {
    let mut command = tillwatch();
    let command = command.arg("dlq").args(args).arg("--config").arg(config);
    let output = succeed(command.arg("--json"));
    let text = String::from_utf8(output.stdout).expect("it is text");
    let lines = text.lines();
    let values = lines.map(|line| serde_json::from_str(line).expect("it is JSON"));
    values.collect()
}

fn input(setup: &Setup) -> Vec<TestRecord> {
    let mut records = read_all(&setup.brokers, &setup.topic, PARTITIONS).expect("the input");
    records.sort_by_key(|record| record.timestamp_ms);
    records
}

#[test]
fn letters_are_counted_by_reason_and_partition() {
    let topic = "listed";
    let mut letters: Vec<_> = (0..40)
        .map(|n| {
            let reason = if n < 30 { "bad_time" } else { "bad_json" };
            letter(topic, n, reason, "{}", &[])
        })
        .collect();
    letters.push(TestRecord::default());
    let (_mock, _setup, config) = with_letters(topic, letters);
    let lines = said(&config, &["list"]);
    assert_eq!(lines.len(), 8);
    let all: i64 = lines.iter().filter_map(|line| line["open"].as_i64()).sum();
    assert_eq!(all, 40, "what is no letter is not counted");
    let lines = said(
        &config,
        &["list", "--reason", "bad_time", "--partition", "3"],
    );
    assert_eq!(lines.len(), 1);
    // 3, 7, … 27.
    assert_eq!(
        (&lines[0]["letters"], &lines[0]["topic"]),
        (&7.into(), &topic.into())
    );
    assert_eq!(lines[0]["first_ms"], FIRST_MS + 3 * 60_000);
    assert_eq!(lines[0]["last_ms"], FIRST_MS + 27 * 60_000);
    // From 22:13:20 on, so 22:43:20 is the thirtieth.
    let since = [
        "list",
        "--since",
        "2023-11-14T22:43:20Z",
        "--until",
        "2023-11-14T22:45:20Z",
    ];
    let lines = said(&config, &since);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let text = String::from_utf8(dlq(&config, &["list"]).stdout).expect("text");
    assert!(text.starts_with("bad_json\tlisted\t0\t"), "{text}");
}

#[test]
fn a_letter_is_shown_without_card_data() {
    let topic = "shown";
    let payload = r#"{"terminal_id":"T2","pan":"67","note":"4111 1111 1111 1111"}"#;
    let (_mock, setup, config) = with_letters(
        topic,
        vec![
            letter(topic, 1, "bad_time", "{}", &[]),
            letter(topic, 2, "pan_in_clear", payload, &[]),
        ],
    );
    let directory = setup.directory.path().join("raw");
    let raw = directory.display().to_string();
    let output = dlq(&config, &["show", "shown/2/2", "--raw", &raw]);
    let text = String::from_utf8(output.stdout).expect("text");
    for part in [
        "shown/2/2",
        "pan_in_clear: what was wrong",
        "trace: abc",
        "state     open",
        "T2",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("4111") && !text.contains("67\""), "{text}");
    assert!(!text.contains("shown/1/1"), "{text}");
    let file = std::fs::read_to_string(directory.join("shown-2-2")).expect("a file");
    assert_eq!(file, payload, "it is as it was");
    let wrong = dlq(&config, &["show", "2"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("topic/partition/offset"));
}

/// Whether `records` are those of every third letter, as they were.
fn check_sent(records: &[TestRecord]) {
    assert_eq!(records.len(), 400);
    for (record, n) in records.iter().zip((0..1_200).step_by(3)) {
        assert_eq!(record.partition, n % 4);
        assert_eq!(record.key.as_deref(), Some(format!("T{n}").as_bytes()));
        assert_eq!(record.timestamp_ms, Some(FIRST_MS + i64::from(n) * 60_000));
        assert_eq!(json(record)["n"], n);
        let names: Vec<_> = record
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let ours = ["tillwatch.redrive.attempts", "tillwatch.redrive.origin"];
        assert_eq!(
            names,
            [ours[0], ours[1], "trace"],
            "none of the letter's is left"
        );
        assert_eq!(header(record, ours[0]), "1");
        assert_eq!(header(record, ours[1]), format!("again/{}/{n}", n % 4));
    }
}

#[test]
fn records_are_sent_again_once_as_they_were() {
    let topic = "again";
    let mut letters: Vec<_> = (0..1_200)
        .map(|n| {
            let reason = if n % 3 == 0 { "bad_time" } else { "bad_json" };
            letter(topic, n, reason, &format!("{{\"n\":{n}}}"), &[])
        })
        .collect();
    // Written twice, as after a crash.
    letters.push(letters[6].clone());
    let (_mock, setup, config) = with_letters(topic, letters);

    let dry = said(
        &config,
        &[
            "redrive",
            "--reason",
            "bad_time",
            "--limit",
            "0",
            "--dry-run",
        ],
    );
    assert_eq!(dry[0]["sent"], 0);
    let dry = dlq(&config, &["redrive", "again/2/6", "--dry-run"]);
    let dry = String::from_utf8(dry.stdout).expect("text");
    assert!(
        dry.contains("again/2/6 would go to again (partition 2)"),
        "{dry}"
    );
    assert!(input(&setup).is_empty(), "a dry run sends nothing");

    let total = said(&config, &["redrive", "--reason", "bad_time"]);
    assert_eq!(
        (&total[0]["sent"], &total[0]["repeated"]),
        (&400.into(), &1.into())
    );
    check_sent(&input(&setup));

    let total = said(&config, &["redrive", "--reason", "bad_time"]);
    assert_eq!(
        (&total[0]["sent"], &total[0]["done"]),
        (&0.into(), &401.into())
    );
    pass_over(&setup, &config);
}

/// What was passed over is still there, and what nobody wants goes.
fn pass_over(setup: &Setup, config: &Path) {
    let total = said(
        config,
        &[
            "redrive",
            "--reason",
            "bad_json",
            "--limit",
            "300",
            "--discard",
        ],
    );
    assert_eq!(total[0]["discarded"], 300);
    let total = said(config, &["redrive"]);
    assert_eq!(
        (&total[0]["sent"], &total[0]["done"]),
        (&500.into(), &701.into())
    );
    assert_eq!(input(setup).len(), 900);
    let lines = said(config, &["list"]);
    let sum = |name: &str| {
        lines
            .iter()
            .filter_map(|line| line[name].as_i64())
            .sum::<i64>()
    };
    assert_eq!(
        (sum("letters"), sum("open"), sum("discarded")),
        (1_201, 0, 300)
    );
    assert_eq!(sum("sent"), 901);
    // Asked for, they go once more.
    let total = said(config, &["redrive", "again/2/6", "--again"]);
    assert_eq!(
        (&total[0]["sent"], &total[0]["repeated"]),
        (&1.into(), &1.into())
    );
}

#[test]
fn what_cannot_be_sent_is_left_and_named() {
    let topic = "left";
    let reduced = [
        ("tillwatch.reduced", "MessageSizeTooLarge"),
        ("tillwatch.key.bytes", "2"),
        ("tillwatch.payload.bytes", "9000"),
        ("tillwatch.headers", "1"),
    ];
    let mut tried = letter(topic, 2, "bad_time", "{}", &[]);
    let attempts = ("tillwatch.redrive.attempts".to_owned(), Some(b"3".to_vec()));
    tried.headers.insert(0, attempts);
    let mut letters = vec![
        letter(topic, 0, "bad_time", "{}", &[]),
        letter(topic, 1, "bad_time", "{\"n\":", &reduced),
        tried,
        letter("elsewhere", 3, "bad_time", "{}", &[]),
    ];
    letters[3].partition = 0;
    let (mock, setup, config) = with_letters(topic, letters);
    let directory = setup.directory.path().join("repaired");
    std::fs::create_dir(&directory).expect("a directory");
    std::fs::write(directory.join("left-1-1"), "{\"n\":1}").expect("a file");
    let with = directory.display().to_string();

    let total = said(&config, &["redrive", "--with", &with]);
    assert_eq!(total[0]["sent"], 1);
    let records = input(&setup);
    assert_eq!(json(&records[0])["n"], 1, "the file was sent");
    let total = said(&config, &["redrive"]);
    assert_eq!(total[0]["sent"], 1);
    let text = total[0]["left"].to_string();
    assert!(
        text.contains("left/2/2") && text.contains("elsewhere/3/3"),
        "{text}"
    );
    // Another topic may have fewer partitions: then the key decides.
    mock.create_topic("repaired", 1).expect("a topic");
    let to = ["redrive", "--to", "repaired", "--attempts-max", "9"];
    assert_eq!(said(&config, &to)[0]["sent"], 2);
    let records = read_all(&setup.brokers, "repaired", 1).expect("the records");
    assert_eq!(records.len(), 2);
    assert_eq!(header(&records[0], "tillwatch.redrive.attempts"), "4");
    // An output is no place for input.
    let wrong = dlq(&config, &["redrive", "--to", "left.scores"]);
    assert_eq!(wrong.status.code(), Some(3));
}

#[test]
fn a_configuration_without_a_dead_letter_topic_says_so() {
    let mock = Mock::start(1, &[]).expect("a broker");
    let setup = Setup::new(mock.brokers(), "none", 1);
    let config = setup.config("tillwatch.toml", "");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let file = "kind = \"stdout\"";
    let text = text.replace("kind = \"kafka\"", file);
    let topics = text.lines().filter(|line| !line.starts_with("topics = {"));
    std::fs::write(&config, topics.collect::<Vec<_>>().join("\n")).expect("it can be written");
    let output = dlq(&config, &["list"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("dead_letters"), "{said}");
}
