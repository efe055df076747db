//! What `score` says of rows: their order, a wrong time, their labels.

use std::fs;

use serde_json::Value;

use super::place::Files;

/// Rows of one terminal at `times`, in this order.
fn rows(times: &[i64]) -> String {
    let rows = times.iter().enumerate().map(|(row, time)| {
        format!(
            r#"{{"event_id":"e{row}","event_time":{time},"acquirer_id":"a","merchant_id":"m","terminal_id":"t","amount_minor":100,"currency":"EUR"}}"#
        )
    });
    rows.collect::<Vec<_>>().join("\n")
}

const START_MS: i64 = 1_767_600_000_000;
const HOUR_MS: i64 = 3_600_000;

#[test]
fn rows_out_of_order_are_told_and_can_be_sorted() {
    let files = Files::new("");
    let newest_first: Vec<i64> = (0..12).map(|row| START_MS - row * HOUR_MS).collect();
    files.write("newest-first.jsonl", rows(&newest_first));
    let said = files.run(
        &["--input", "newest-first.jsonl", "--output", "a.jsonl"],
        b"",
    );
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for words in [
        "flags: LATE 11",
        "11 of 12 rows are earlier than a row before them, row 11 by most: it is 11h earlier than row 0",
        "--sort-by-time",
    ] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
    let args = [
        "--input",
        "newest-first.jsonl",
        "--sort-by-time",
        "--output",
        "b.jsonl",
    ];
    let said = files.run(&args, b"");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        !said.stdout.contains("LATE") && !said.stdout.contains("order"),
        "{}",
        said.stdout
    );
    let sorted = fs::read_to_string(files.path("b.jsonl")).expect("it was written");
    let offsets = sorted.lines().map(|line| {
        let row: Value = serde_json::from_str(line).expect("a JSON object");
        assert_eq!(row["score_id"], format!("newest-first/0/{}", row["offset"]));
        assert_eq!(row["event_id"], format!("e{}", row["offset"]));
        row["offset"].as_i64().expect("a number")
    });
    assert_eq!(
        offsets.collect::<Vec<_>>(),
        (0..12).rev().collect::<Vec<_>>()
    );
}

#[test]
fn one_row_far_ahead_is_told_and_harms_nobody_when_sorted() {
    let files = Files::new("");
    let mut times: Vec<i64> = (0..12).map(|row| START_MS + row * 1_000).collect();
    times[1] = 4_102_000_000_000;
    files.write("ahead.jsonl", rows(&times));
    let said = files.run(&["--input", "ahead.jsonl", "--output", "a.parquet"], b"");
    assert!(said.stdout.contains("flags: LATE 10"), "{}", said.stdout);
    assert!(
        said.stdout.contains("far ahead: row 1 is 27"),
        "{}",
        said.stdout
    );
    let args = [
        "--input",
        "ahead.jsonl",
        "--sort-by-time",
        "--output",
        "b.parquet",
    ];
    let said = files.run(&args, b"");
    assert!(!said.stdout.contains("LATE"), "{}", said.stdout);
    assert!(
        said.stdout.contains("far ahead: row 1 is 27"),
        "{}",
        said.stdout
    );
}

#[test]
fn labels_are_read_in_all_spellings_and_refused_by_row() {
    let files = Files::new("[labels]\ncolumn = \"y\"\ndelay = \"1h\"\n");
    let labelled = |labels: &[&str]| {
        let times: Vec<i64> = (0..).take(labels.len()).map(|row| START_MS + row).collect();
        let rows = rows(&times);
        let rows = rows.lines().zip(labels).map(|(row, label)| {
            format!(
                "{},\"y\":{label}}}",
                row.strip_suffix('}').expect("an object")
            )
        });
        rows.collect::<Vec<_>>().join("\n")
    };
    let run = |labels: &[&str]| {
        files.write("in.jsonl", labelled(labels));
        files.run(&["--input", "in.jsonl", "--output", "out.parquet"], b"")
    };
    let said = run(&[
        "0",
        "1.0",
        "\"1\"",
        "\"True\"",
        "false",
        "null",
        "NaN",
        "\"\"",
        "\"FALSE\"",
    ]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stdout.starts_with("9 transactions scored"),
        "{}",
        said.stdout
    );
    assert!(!said.stdout.contains("labels refused"), "{}", said.stdout);
    let said = run(&["0", "0.2", "\"maybe\"", "1"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stdout.starts_with("4 transactions scored"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains("2 of 4 labels refused: column `y`"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("in row 1, 2"), "{}", said.stdout);
    assert!(!said.stdout.contains("maybe"), "{}", said.stdout);
    fs::remove_file(files.path("out.parquet")).expect("it was written");
    let said = run(&["\"4111111111111111\"", "\"4012888888881881\""]);
    assert_eq!(said.code, Some(1), "{}", said.stdout);
    assert!(
        said.stderr.contains("column `y`") && said.stderr.contains("row 0, 1"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("4111") && !said.stdout.contains("4111"));
    assert!(!files.path("out.parquet").exists());
}

#[test]
fn a_label_is_named_by_its_row_when_rows_are_sorted() {
    let files = Files::new("[labels]\ncolumn = \"y\"\ndelay = \"1h\"\n");
    let newest_first: Vec<i64> = (0..4).map(|row| START_MS - row * HOUR_MS).collect();
    let rows = rows(&newest_first);
    let rows = rows.lines().zip(["0", "1", "1", "\"maybe\""]);
    let rows = rows.map(|(row, label)| row.replace('}', &format!(",\"y\":{label}}}")));
    files.write("in.jsonl", rows.collect::<Vec<_>>().join("\n"));
    let args = ["--input", "in.jsonl", "--sort-by-time", "--output", "a.csv"];
    let said = files.run(&args, b"");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let refused = "1 of 4 labels refused: column `y`";
    assert!(said.stdout.contains(refused), "{}", said.stdout);
    assert!(said.stdout.contains("in row 3"), "{}", said.stdout);
}
