//! `publish` of files, on a broker inside this process.

use std::process::Output;

use serde_json::Value;
use tillwatch_testkit::broker::{Mock, TestRecord, read_all};

use crate::support::{Setup, header, json, tillwatch};

const START_MS: i64 = 1_767_600_000_000;

fn publish(setup: &Setup, extra: &str, name: &str, content: &str) -> Output {
    publish_with(setup, extra, name, content, &[])
}

fn publish_with(setup: &Setup, extra: &str, name: &str, content: &str, args: &[&str]) -> Output {
    let input = setup.directory.path().join(name);
    std::fs::write(&input, content).expect("it can be written");
    tillwatch()
        .args(["publish", "--config"])
        .arg(setup.config("tillwatch.toml", extra))
        .arg("--input")
        .arg(input)
        .args(args)
        .output()
        .expect("the binary runs")
}

/// Rows of CSV with the labels.
fn labelled(labels: &[&str]) -> String {
    let mut text =
        "event_id;event_time;acquirer_id;merchant_id;terminal_id;amount_minor;currency;y\n"
            .to_owned();
    for (row, label) in labels.iter().enumerate() {
        let time = START_MS + row as i64;
        text.push_str(&format!("e{row};{time};a;m;T{row};100;EUR;{label}\n"));
    }
    text
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_label_that_cannot_be_read_costs_itself_and_is_named() {
    let mock = Mock::start(1, &[("labels", 1)]).expect("a broker");
    let setup = Setup::new(mock.brokers(), "labels", 1);
    let extra =
        "[decode.record_type]\nheader = \"kind\"\n[labels]\ncolumn = \"y\"\ndelay = \"1h\"\n";
    let rows = labelled(&["1", "4111111111111111", "False", ""]);
    let output = publish(&setup, extra, "rows.csv", &rows);
    assert!(output.status.success(), "{}", words(&output));
    let said = words(&output);
    assert!(said.contains("4 records and 2 labels delivered"), "{said}");
    assert!(said.contains("1 of 3 labels refused: column `y`"), "{said}");
    assert!(
        said.contains("in row 1") && !said.contains("4111"),
        "{said}"
    );
    let records = read_all(&setup.brokers, "labels", 1).expect("they can be read");
    let is_label = |record: &&TestRecord| header(record, "kind") == "label";
    let labels = records.iter().filter(is_label).map(json);
    let labels: Vec<(Value, Value)> = labels
        .map(|label| (label["event_id"].clone(), label["label_kind"].clone()))
        .collect();
    let expected = [("e0", "CONFIRMED"), ("e2", "CLEARED")];
    assert_eq!(labels, expected.map(|(id, kind)| (id.into(), kind.into())));

    let output = publish(&setup, extra, "rows.csv", &labelled(&["yes", "no"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words(&output).contains("no label was sent"),
        "{}",
        words(&output)
    );
}

#[test]
fn rows_are_sent_in_the_order_of_their_times_where_that_is_asked_for() {
    let mock = Mock::start(1, &[("sorted", 1)]).expect("a broker");
    let setup = Setup::new(mock.brokers(), "sorted", 1);
    let extra =
        "[decode.record_type]\nheader = \"kind\"\n[labels]\ncolumn = \"y\"\ndelay = \"1500ms\"\n";
    // Newest first, more rows than a batch has; the last one's label cannot be read.
    let rows = 5_000;
    let mut text =
        "event_id,event_time,acquirer_id,merchant_id,terminal_id,amount_minor,currency,y\n"
            .to_owned();
    for row in 0..rows {
        let time = START_MS - i64::from(row) * 1_000;
        let label = if row == rows - 1 { "maybe" } else { "0" };
        text.push_str(&format!("e{row},{time},a,m,T{},100,EUR,{label}\n", row % 7));
    }
    let output = publish_with(&setup, extra, "rows.csv", &text, &["--sort-by-time"]);
    assert!(output.status.success(), "{}", words(&output));
    let said = words(&output);
    assert!(
        said.contains("5000 records and 4999 labels delivered"),
        "{said}"
    );
    assert!(said.contains("in row 4999"), "{said}");
    let records = read_all(&setup.brokers, "sorted", 1).expect("they can be read");
    let times: Vec<Option<i64>> = records.iter().map(|record| record.timestamp_ms).collect();
    assert_eq!(times.len(), 9_999);
    assert!(times.is_sorted());
    let is_label = |record: &&TestRecord| record.headers.iter().any(|(name, _)| name == "kind");
    let rows_sent = records.iter().filter(|record| !is_label(record)).map(json);
    let ids = rows_sent.map(|row| row["event_id"].clone());
    let expected = (0..rows).rev().map(|row| Value::from(format!("e{row}")));
    assert!(ids.eq(expected));
    let labels = records.iter().filter(is_label).map(json);
    assert!(labels.take(3).eq([4998, 4997, 4996].map(|row| {
        serde_json::json!({"event_id": format!("e{row}"), "acquirer_id": "a", "merchant_id": "m",
            "terminal_id": format!("T{}", row % 7), "label_kind": "CLEARED",
            "event_time": START_MS - row * 1_000 + 1_500})
    })));
}

#[test]
fn nonsense_is_not_sent() {
    let mock = Mock::start(1, &[("nonsense", 1)]).expect("a broker");
    let setup = Setup::new(mock.brokers(), "nonsense", 1);
    for (name, content, expected) in [
        ("array.json", "[{\"a\":1},\n{\"a\":2}]", "a JSON array"),
        (
            "other.jsonl",
            "{\"a\":1}\n{\"a\":2}\n",
            "none of the first 2 rows",
        ),
    ] {
        let output = publish(&setup, "", name, content);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(words(&output).contains(expected), "{}", words(&output));
    }
    let records = read_all(&setup.brokers, "nonsense", 1).expect("it can be read");
    assert!(records.is_empty(), "{}", records.len());
}
