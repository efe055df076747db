//! `check --sample`: what the first records of a file hold, before anything is scored.

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
