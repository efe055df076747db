//! `score` over files of every kind, into files of every kind, and what it says of them.

pub mod place;
mod rows;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use flate2::write::GzEncoder;
use serde_json::{Map, Value};

use crate::support::tillwatch;
use place::Files;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("it is memory");
    encoder.finish().expect("it is memory")
}

/// JSON lines as CSV with every field that any of them has.
fn csv(jsonl: &str, delimiter: char) -> String {
    let rows = jsonl
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object"));
    let rows: Vec<Map<String, Value>> = rows.collect();
    let mut names: Vec<&String> = rows.iter().flat_map(Map::keys).collect();
    names.sort();
    names.dedup();
    let cell = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => format!("\"{}\"", text.replace('"', "\"\"")),
        Some(other) => other.to_string(),
    };
    let delimiter = delimiter.to_string();
    let header = names.iter().map(|name| (*name).clone()).collect::<Vec<_>>();
    let mut text = header.join(&delimiter);
    for row in &rows {
        let cells: Vec<String> = names.iter().map(|name| cell(row.get(*name))).collect();
        text.push_str("\r\n");
        text.push_str(&cells.join(&delimiter));
    }
    text
}

#[test]
fn the_same_rows_score_alike_from_every_kind_of_file() {
    let files = Files::new("");
    let jsonl = files.simulated("400");
    files.write("day.jsonl", &jsonl);
    let expected = files.scores(&["--input", "day.jsonl"], b"");
    assert!(expected.len() > 300, "{}", expected.len());
    assert!(expected[0].contains_key("features"));

    let comma = csv(&jsonl, ',');
    files.write("day.csv", &comma);
    files.write("semicolon", csv(&jsonl, ';'));
    files.write("caret.txt", csv(&jsonl, '^'));
    files.write("day.jsonl.gz", gzip(jsonl.as_bytes()));
    files.write(
        "day.csv.zst",
        zstd::encode_all(comma.as_bytes(), 1).expect("it is memory"),
    );
    files.write("marked.json", format!("\u{feff}{jsonl}"));
    let (first, second) = jsonl.split_at(jsonl[..jsonl.len() / 2].rfind('\n').expect("lines") + 1);
    files.write("folder/part-00000.jsonl", first);
    files.write("folder/part-00001.jsonl.gz", gzip(second.as_bytes()));
    files.write("folder/_SUCCESS", "");
    files.write("folder/.part-00000.jsonl.crc", b"crc\0");
    for (args, input) in [
        (vec!["--input", "day.csv"], &b""[..]),
        (vec!["--input", "semicolon"], b""),
        (vec!["--input", "caret.txt", "--csv-delimiter", "^"], b""),
        (vec!["--input", "day.jsonl.gz"], b""),
        (vec!["--input", "day.csv.zst"], b""),
        (vec!["--input", "marked.json"], b""),
        (vec!["--input", "folder"], b""),
        (vec!["--input", "folder/part-*"], b""),
        (
            vec![
                "--input",
                "folder/part-00000.jsonl",
                "--input",
                "folder/part-00001.jsonl.gz",
            ],
            b"",
        ),
        (
            vec![
                "--input",
                "folder/part-00000.jsonl",
                "folder/part-00001.jsonl.gz",
            ],
            b"",
        ),
        (vec!["--input", "-"], jsonl.as_bytes()),
        (
            vec!["--input", "-", "--input-format", "csv"],
            comma.as_bytes(),
        ),
    ] {
        assert!(files.scores(&args, input) == expected, "{args:?}");
    }
    let few = files.scores(&["--input", "folder", "--records", "7"], b"");
    assert_eq!(few, expected[..few.len()]);
}

#[test]
fn nonsense_is_named_and_writes_nothing() {
    let files = Files::new("");
    let jsonl = files.simulated("20");
    let utf16: Vec<u8> = jsonl.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let array = format!("[{}]", jsonl.trim_end().replace('\n', ","));
    files.write("good.jsonl", &jsonl);
    for (name, content, words) in [
        ("utf16.jsonl", &utf16[..], "UTF-16"),
        ("array.json", array.as_bytes(), "a JSON array"),
        (
            "pretty.json",
            b"{\n \"event_id\": \"a\"\n}\n",
            "pretty-printed",
        ),
        ("book.xlsx", b"PK\x03\x04\0\0", "Excel"),
        ("page.jsonl", b"<html><body>Sign in</body></html>", "HTML"),
        ("lines.parquet", jsonl.as_bytes(), "not Parquet"),
        ("cut.parquet", b"PAR1\x15\x04\x15", "is it whole?"),
        (
            "table.json",
            b"event_id,event_time\na,1\n",
            "looks like CSV",
        ),
        ("headless.csv", b"e1,1767600064966\n", "no header"),
        (
            "other.jsonl",
            b"{\"a\":1}\n{\"b\":2}\n",
            "all rows were refused: missing_field 2",
        ),
        (
            "notes.jsonl",
            b"some words\nand others\n",
            "all rows were refused: bad_json 2",
        ),
        (
            "cut.jsonl.gz",
            &gzip(jsonl.as_bytes())[..200],
            "damaged or cut short",
        ),
    ] {
        files.write(name, content);
        let said = files.run(&["--input", name, "--output", "out.parquet"], b"");
        assert_eq!(said.code, Some(1), "{name}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(words), "{name}: {}", said.stderr);
        assert!(
            said.stderr.contains(name) || words.contains("all"),
            "{name}: {}",
            said.stderr
        );
        assert!(!files.path("out.parquet").exists(), "{name}");
        assert!(!files.path("out.parquet.partial").exists(), "{name}");
    }
    for (args, words) in [
        (vec!["--input", "none.jsonl"], "cannot read none.jsonl"),
        (vec!["--input", "none-*.csv"], "no file fits it"),
        (
            vec!["--input", "good.jsonl", "headless.csv"],
            "is CSV, and good.jsonl is JSON lines",
        ),
        (vec!["--input", "good.jsonl", "good.jsonl"], "named twice"),
    ] {
        let said = files.run(&[&args[..], &["--output", "out.parquet"]].concat(), b"");
        assert_eq!(said.code, Some(1), "{args:?}");
        assert!(said.stderr.contains(words), "{args:?}: {}", said.stderr);
    }
}

#[test]
fn an_empty_input_is_an_output_without_rows() {
    let files = Files::new("");
    files.write("empty.jsonl", "");
    files.write("header.csv", "event_id,event_time\n");
    for (args, output) in [
        (["--input", "empty.jsonl"], "a.parquet"),
        (["--input", "header.csv"], "a.csv"),
        (["--input", "-"], "a.jsonl"),
    ] {
        let said = files.run(&[&args[..], &["--output", output]].concat(), b"");
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        assert!(said.stdout.contains("holds no row"), "{}", said.stdout);
        assert!(files.path(output).is_file(), "{output}");
    }
    let header = fs::read_to_string(files.path("a.csv")).expect("it is there");
    assert!(header.starts_with("score_id,event_id,key,"), "{header}");
    // What was written is read again.
    let said = files.run(&["--input", "a.parquet", "--output", "b.parquet"], b"");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn the_output_is_what_its_ending_or_the_flag_says() {
    let files = Files::new("");
    files.write("day.jsonl", files.simulated("50"));
    let said = files.run(&["--input", "day.jsonl", "--output", "-"], b"");
    assert!(
        said.stderr.contains("scored"),
        "the summary goes elsewhere: {}",
        said.stderr
    );
    let expected = said.stdout;
    let run = |args: &[&str]| {
        let said = files.run(&[&["--input", "day.jsonl"], args].concat(), b"");
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.stderr);
    };
    run(&["--output", "a.jsonl"]);
    run(&["--output", "b.txt", "--output-format", "jsonl"]);
    run(&["--output", "c.jsonl.gz"]);
    run(&["--output", "d.csv"]);
    run(&["--output", "e.tsv"]);
    run(&["--output", "f.anything", "--output-format", "parquet"]);
    let bytes = |name: &str| fs::read(files.path(name)).expect("it was written");
    assert_eq!(bytes("a.jsonl"), expected.as_bytes());
    assert_eq!(bytes("b.txt"), expected.as_bytes());
    assert!(bytes("c.jsonl.gz").starts_with(b"\x1f\x8b"));
    let rows = |name: &str| {
        String::from_utf8(bytes(name))
            .expect("text")
            .lines()
            .count()
    };
    assert_eq!(rows("d.csv"), expected.lines().count() + 1);
    let csv = String::from_utf8(bytes("d.csv")).expect("text");
    let time = csv.lines().nth(1).and_then(|line| line.split(',').nth(3));
    assert!(
        time.is_some_and(|time| time.starts_with("20") && time.ends_with('Z')),
        "{csv}"
    );
    assert!(bytes("e.tsv").starts_with(b"score_id\tevent_id\t"));
    assert!(bytes("f.anything").starts_with(b"PAR1"));
    let said = files.run(&["--input", "day.jsonl", "--output", "g.xlsx"], b"");
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    assert!(said.stderr.contains("--output-format"), "{}", said.stderr);
}

#[test]
fn an_input_is_never_written_over() {
    let files = Files::new("");
    let jsonl = files.simulated("10");
    files.write("day.jsonl", &jsonl);
    files.write("folder/part-0.jsonl", &jsonl);
    std::os::unix::fs::symlink(files.path("day.jsonl"), files.path("link.jsonl")).expect("a link");
    for args in [
        vec!["--input", "day.jsonl", "--output", "day.jsonl"],
        vec!["--input", "day.jsonl", "--output", "./day.jsonl"],
        vec!["--input", "link.jsonl", "--output", "day.jsonl"],
        vec!["--input", "day.jsonl", "--output", "link.jsonl"],
        vec!["--input", "folder", "--output", "folder/out.parquet"],
        vec![
            "--input",
            "day.jsonl",
            "--output",
            "a.parquet",
            "--dead-letters",
            "day.jsonl",
        ],
    ] {
        let said = files.run(&args, b"");
        assert_eq!(said.code, Some(1), "{args:?}: {}", said.stderr);
        assert!(
            said.stderr.contains("written over"),
            "{args:?}: {}",
            said.stderr
        );
    }
    assert_eq!(
        fs::read_to_string(files.path("day.jsonl")).expect("it is there"),
        jsonl
    );
}

#[test]
fn a_pipe_that_nobody_reads_any_more_is_no_error() {
    let files = Files::new("");
    files.write("day.jsonl", files.simulated("5000"));
    let mut child = tillwatch()
        .args(["score", "--output", "-", "--config"])
        .arg(&files.config)
        .arg("--input")
        .arg(files.path("day.jsonl"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn paths_of_devices_are_written_as_they_are() {
    let files = Files::new("");
    files.write("day.jsonl", files.simulated("10"));
    let args = [
        "--input",
        "day.jsonl",
        "--output",
        "/dev/null",
        "--output-format",
        "csv",
    ];
    let said = files.run(&[&args[..], &["--dead-letters", "/dev/null"]].concat(), b"");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(!Path::new("/dev/null").is_file());
}
