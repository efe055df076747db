//! `check --sample`: what the first records of a file hold, before anything is scored.

use tillwatch_testkit::broker::{Mock, TestRecord, committed, produce};

use crate::site::{CONFIG, RULES_MODEL, Site};
use crate::support::tillwatch;

const FILES: &[(&str, &str)] = &[
    (
        "probe.toml",
        "name = \"probe\"\n[[feature]]\nname = \"amount\"\naggregate = \"value\"\n\
         expression = \"amount_minor\"\n",
    ),
    ("rules/model.toml", RULES_MODEL),
    (
        "rules/rules.toml",
        "prior = 0.001\n[[rule]]\ncode = \"LARGE\"\nseverity = \"info\"\nwhen = \"amount > 9\"\n\
         probability = 0.5\nfeature = \"amount\"\nwords = \"A large amount\"\n",
    ),
];

const SITE: &str = r#"
[entity]
key = ["terminal_id"]
[features]
catalog = "probe.toml"
[models]
champion = "rules"
[state]
store = "off"
[decode.fields]
terminal_id = "till.id"
rrn = "reference"
"#;

/// What `check` says of `records`, with `more` in the configuration.
fn sampled(records: &str, more: &str) -> String {
    let site = Site::with(FILES);
    site.write("in.jsonl", records);
    site.write(CONFIG, &format!("{SITE}{more}"));
    let output = tillwatch()
        .args(["check", "--offline", "--config"])
        .arg(site.path(CONFIG))
        .arg("--sample")
        .arg(site.path("in.jsonl"))
        .output()
        .expect("it runs");
    let (out, err) = (&output.stdout, &output.stderr);
    let said = String::from_utf8_lossy(&[&out[..], err].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn records(n: usize, write: impl Fn(usize) -> String) -> String {
    let records = (0..n).map(|n| format!("{{\"event_id\":\"e{n}\",{}}}", write(n)));
    records.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_column_is_told_without_a_value() {
    let text = records(6, |n| {
        let blanks = " ".repeat(n % 3);
        let codes = if n < 4 {
            r#""mcc":742"#
        } else {
            r#""mcc":"grocery""#
        };
        format!(
            r#""event_time":{},"till":{{"id":"SECRET{}{blanks}"}},"amount_minor":{n},"currency":"EUR",{codes}"#,
            1_767_600_000_000_i64 + 1000 * n as i64,
            n % 2
        )
    }) + "\n{\"event_id\":\"e9\"}\nno record";
    let said = sampled(&text, "");
    for line in [
        "sample: the first 8 records of ",
        "in.jsonl, 6 can be read",
        "1 refused, not_an_object; the first: the record is not a JSON object",
        "1 refused, missing_field; the first: `event_time`: required",
        "column terminal_id: 0 of 6 null, 2 distinct, 4 with blanks around",
        "column mcc: 0 of 6 null, 2 distinct, 4 typed as numbers, 2 unknown codes, see docs/records.md",
        "column amount_minor: 0 of 6 null, 6 distinct",
        "column event_time: 0 of 6 null, 6 distinct, 2026-01-05T08:00:00Z to 2026-01-05T08:00:05Z",
        "column rrn: no value, although [decode.fields] maps it",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    assert!(!said.contains("column carrier"), "{said}");
    assert!(
        !said.contains("SECRET") && !said.contains("grocery"),
        "{said}"
    );
}

#[test]
fn card_numbers_are_told_by_column_and_other_long_numbers_as_such() {
    let cards = ["4111111111111111", "5555555555554444", "6011111111111117"];
    let text = records(30, |n| {
        format!(
            r#""event_time":{},"till":{{"id":"{}"}},"merchant_id":"4{:015}","name_location":"card {} used","amount_minor":{n},"currency":"EUR""#,
            1_767_600_000_000_i64 + n as i64,
            cards[n % 3],
            n * 7_919,
            if n == 7 { cards[0] } else { "none" },
        )
    });
    let said = sampled(&text, "");
    for line in [
        "notice  column terminal_id: 30 of 30 values have 13 to 19 digits, 30 of these in the range",
        "ok      column merchant_id: 30 of 30 values have 13 to 19 digits, 2 of these in the range",
        "notice  column name_location: 1 of 30 values have what looks like a card number in them",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    assert!(cards.iter().all(|card| !said.contains(card)), "{said}");
}

#[test]
fn other_units_are_guessed() {
    let text = records(5, |n| {
        format!(
            r#""event_time":{},"till":{{"id":"T1"}},"amount_minor":12.5,"currency":"EUR""#,
            1_767_600_000 + n
        )
    });
    let said = sampled(&text, "");
    assert!(said.contains("5 refused, time_out_of_range"), "{said}");
    // They have decimals as well, which is told when their times can be read.
    assert!(!said.contains("event_time = \"ns\""), "{said}");
    let said = sampled(&text, "[decode.units]\nevent_time = \"s\"");
    let told = "if they are in the currency itself, say [decode.units] amount = \"major\"";
    assert!(said.contains(told), "{said}");
    let said = sampled(&text, "[decode.units]\namount = \"major\"");
    let told = "with [decode.units] event_time = \"s\", 5 can be read";
    assert!(said.contains(told), "{said}");
}

#[test]
fn other_forms_of_times_are_guessed() {
    let said_of = |time: &dyn Fn(usize) -> String| {
        let text = records(5, |n| {
            format!(
                r#""event_time":{},"till":{{"id":"T1"}},"amount_minor":12,"currency":"EUR""#,
                time(n)
            )
        });
        sampled(&text, "")
    };
    let said = said_of(&|n| format!("\"20260105T08010{n}Z\""));
    assert!(
        said.contains("event_time = \"auto\", 5 can be read"),
        "{said}"
    );
    // Both orders of day and month, if nothing tells them apart.
    let said = said_of(&|n| format!("\"05/01/2026 08:01:0{n}\""));
    for order in ["%d/%m/%Y", "%m/%d/%Y"] {
        let told = format!("event_time = {{ pattern = \"{order} %H:%M:%S\" }}, 5 can be read");
        assert!(said.contains(&told), "{said}");
    }
    let said = said_of(&|n| format!("\"25/01/2026 08:01:0{n}\""));
    assert!(
        said.contains("%d/%m/%Y") && !said.contains("%m/%d/%Y"),
        "{said}"
    );
    let said = said_of(&|n| format!("10508010{n}"));
    assert!(
        said.contains("event_time = \"de7\", 5 can be read"),
        "{said}"
    );
    let said = said_of(&|n| format!("46027.{n}"));
    let told = "event_time = { base = \"1899-12-30\", unit = \"d\" }, 5 can be read";
    assert!(said.contains(told), "{said}");
}

#[test]
fn what_is_no_file_of_records_is_a_problem() {
    let site = Site::with(FILES);
    site.write(CONFIG, SITE);
    let output = tillwatch()
        .args([
            "check",
            "--offline",
            "--sample",
            "/nowhere/in.jsonl",
            "--config",
        ])
        .arg(site.path(CONFIG))
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("/nowhere/in.jsonl"), "{said}");
}

#[test]
fn a_name_that_is_no_file_needs_brokers() {
    let site = Site::with(FILES);
    site.write(CONFIG, SITE);
    let output = tillwatch()
        .args(["check", "--offline", "--sample", "payments", "--config"])
        .arg(site.path(CONFIG))
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = "there is no file payments, and with --offline no broker is asked";
    assert!(said.contains(told), "{said}");
}

/// What `check --sample` says of the topic `name` on the brokers.
fn sampled_topic(brokers: &str, name: &str, more: &str) -> (bool, String) {
    let site = Site::with(FILES);
    let kafka = format!("[kafka]\n\"bootstrap.servers\" = \"{brokers}\"\n");
    site.write(CONFIG, &format!("{SITE}{kafka}{more}"));
    let output = tillwatch()
        .args(["check", "--timeout", "2s", "--sample", name, "--config"])
        .arg(site.path(CONFIG))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.stderr.is_empty(), "{output:?}");
    (output.status.success(), said)
}

#[test]
fn the_newest_records_of_a_topic_are_told_like_those_of_a_file() {
    let mock = Mock::start(1, &[("payments", 3), ("empty", 2)]).expect("a broker");
    let old = (0..9).map(|n| (n, "no record".to_owned()));
    let new = (0..6_000).map(|n| {
        let text = format!(
            r#"{{"event_id":"e{n}","event_time":{},"till":{{"id":"SECRET{}"}},"amount_minor":{n},"currency":"EUR","mcc":742}}"#,
            1_767_600_000_000_i64 + i64::from(n),
            n % 7
        );
        (n, text)
    });
    let records = old.chain(new).map(|(n, text)| TestRecord {
        partition: n % 3,
        key: Some(b"4111111111111111".to_vec()),
        payload: Some(text.into_bytes()),
        headers: Vec::new(),
        timestamp_ms: Some(1_767_600_000_000),
    });
    produce(mock.brokers(), "payments", records).expect("it is sent");
    let consumer = "[consumer]\ntopics = [\"payments\"]\ngroup = \"tills\"\n";
    for more in ["", consumer] {
        let (passed, said) = sampled_topic(mock.brokers(), "payments", more);
        assert!(passed, "{said}");
        for line in [
            // What is old is not looked at.
            "sample: the newest 5000 records of topic payments, 5000 can be read",
            "column terminal_id: 0 of 5000 null, 7 distinct",
            "column mcc: 0 of 5000 null, 1 distinct, 5000 typed as numbers",
            "the kafka key: 5000 of 5000 values have 13 to 19 digits, 5000 of these in the range",
        ] {
            assert!(said.contains(line), "{line} is not in\n{said}");
        }
        assert!(
            !said.contains("SECRET") && !said.contains("refused"),
            "{said}"
        );
    }
    let offsets = committed(mock.brokers(), "tills", "payments", 3).expect("offsets");
    assert_eq!(offsets, [None; 3]);

    let (passed, said) = sampled_topic(mock.brokers(), "topic:empty", "");
    assert!(passed, "{said}");
    let told = "sample: the newest 0 records of topic empty, 0 can be read: there is none";
    assert!(said.contains(told), "{said}");
    let (passed, said) = sampled_topic(mock.brokers(), "topic:a/b", "");
    assert!(!passed && said.contains("cannot be a topic name"), "{said}");
}

#[test]
fn brokers_that_are_away_end_a_sample_in_words() {
    let (passed, said) = sampled_topic("127.0.0.1:1", "payments", "");
    assert!(!passed);
    let told = "there is no file payments, so it is taken for a topic: kafka client: cannot ask for a topic";
    assert!(said.contains(told), "{said}");
}
