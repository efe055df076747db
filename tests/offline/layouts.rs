//! The layouts under examples/layouts: each scores every row of its sample from its configuration alone.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Map, Value};

use crate::support::tillwatch;
use crate::{read, root};

/// Rows of each sample.
const ROWS: usize = 120;

/// A key that nobody uses.
const CARD_KEY: &str = "0123456789abcdef0123456789abcdef";

struct Layout {
    name: &'static str,
    /// The file with rows.
    sample: &'static str,
    /// Time of the first row and of the last one, milliseconds since 1970.
    times_ms: [i64; 2],
    /// Reasons that the sample gives rise to.
    reasons: &'static [&'static str],
    /// The column with labels, where there is one.
    label: Option<&'static str>,
}

const LAYOUTS: [Layout; 4] = [
    Layout {
        name: "sparkov",
        sample: "sample.csv",
        // 2026-01-05T04:19:28Z to 2026-01-20T16:09:34Z.
        times_ms: [1_767_586_768_000, 1_768_925_374_000],
        reasons: &[],
        label: Some("is_fraud"),
    },
    Layout {
        name: "ieee-cis",
        sample: "sample.csv",
        // 113,504 s and 5,881,887 s after 2017-12-01.
        times_ms: [1_512_199_904_000, 1_517_968_287_000],
        // It comes from labels of a month before.
        reasons: &["KNOWN_FRAUD"],
        label: Some("isFraud"),
    },
    Layout {
        name: "paysim",
        sample: "sample.csv",
        // 3 h and 114 h after 2018-01-01.
        times_ms: [1_514_775_600_000, 1_515_175_200_000],
        reasons: &["ACCOUNT_EMPTIED", "KNOWN_FRAUD"],
        label: Some("isFraud"),
    },
    Layout {
        name: "iso8583-json",
        sample: "sample.jsonl",
        // 1231232035 and 0101002324: over New Year.
        times_ms: [1_767_223_235_000, 1_767_227_004_000],
        // Cash and refunds where there are groceries: DE3 is read.
        reasons: &["CASH_MCC", "REFUND_WITHOUT_SALE"],
        label: None,
    },
];

impl Layout {
    fn path(&self, name: &str) -> PathBuf {
        let layouts = root().join("examples/layouts");
        layouts.join(self.name).join(name)
    }

    fn command(&self, command: &str) -> Command {
        let mut run = tillwatch();
        run.args([command, "--config"])
            .arg(self.path("tillwatch.toml"));
        if self.name == "sparkov" {
            run.env("TILLWATCH__DECODE__TOKENISE__SECRET", CARD_KEY);
        }
        run
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ended_well(output: &Output) -> (String, String) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    (out, err)
}

/// The scores of the sample, and what is said of them.
fn scored(layout: &Layout) -> (Vec<Map<String, Value>>, String) {
    let output = layout
        .command("score")
        .arg("--input")
        .arg(layout.path(layout.sample))
        .args(["--output", "-", "--features"])
        .output()
        .expect("it runs");
    let (scores, said) = ended_well(&output);
    let scores = scores.lines();
    let scores = scores.map(|line| serde_json::from_str(line).expect("a JSON object"));
    (scores.collect(), said)
}

#[test]
fn every_row_of_each_sample_is_scored() {
    for layout in &LAYOUTS {
        let (scores, said) = scored(layout);
        let name = layout.name;
        assert_eq!(scores.len(), ROWS, "{name}: {said}");
        let counts = format!("{ROWS} transactions scored, 0 records folded into state, 0 refused");
        assert!(said.starts_with(&counts), "{name}: {said}");
        for words in ["flags", "labels refused", "unknown codes", "order"] {
            assert!(!said.contains(words), "{name}: {said}");
        }
        let ids: BTreeSet<&str> = scores
            .iter()
            .filter_map(|score| score["event_id"].as_str())
            .collect();
        assert_eq!(ids.len(), ROWS, "{name}: an id comes twice");
        let times = [&scores[0], &scores[ROWS - 1]].map(|score| score["event_time"].as_i64());
        assert_eq!(times, layout.times_ms.map(Some), "{name}");
        let reasons = scores
            .iter()
            .filter_map(|score| score.get("reasons")?.as_array());
        let reasons = reasons
            .flatten()
            .filter_map(|reason| reason["code"].as_str());
        let reasons: BTreeSet<&str> = reasons.collect();
        assert_eq!(Vec::from_iter(reasons), layout.reasons, "{name}");
    }
}

#[test]
fn the_check_passes_and_can_read_each_sample() {
    for layout in &LAYOUTS {
        let output = layout
            .command("check")
            .args(["--offline", "--sample"])
            .arg(layout.path(layout.sample))
            .output()
            .expect("it runs");
        let (said, _) = ended_well(&output);
        assert!(said.contains(&format!("{ROWS} can be read")), "{said}");
        assert!(!said.contains("unknown codes"), "{said}");
        assert!(!said.contains("no value, although"), "{said}");
    }
}

#[test]
fn labels_are_read_where_there_are_some() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("in.csv");
    for layout in &LAYOUTS {
        let Some(label) = layout.label else { continue };
        let sample = read(&layout.path(layout.sample));
        let header = sample.lines().next().expect("a header");
        let at = header.split(',').position(|name| name == label);
        let at = at.expect("it has the column");
        // As many cells from the end, since cells before it may have commas in quotes.
        let behind = header.split(',').count() - at;
        let changed = sample.lines().skip(1).map(|row| {
            let mut cells: Vec<&str> = row.split(',').collect();
            // In ieee-cis nothing is quoted, and in the others nothing behind it.
            let at = cells.len() - behind;
            cells[at] = "maybe";
            cells.join(",")
        });
        let changed: Vec<String> = [header.to_owned()].into_iter().chain(changed).collect();
        std::fs::write(&path, changed.join("\n")).expect("it can be written");
        let output = layout
            .command("score")
            .arg("--input")
            .arg(&path)
            .args(["--output", "-"])
            .output()
            .expect("it runs");
        let said = text(&output.stderr);
        let told = format!("{ROWS} of {ROWS} labels refused: column `{label}`");
        assert!(!output.status.success() && said.contains(&told), "{said}");
    }
}

#[test]
fn clear_card_numbers_become_tokens() {
    let [layout, ..] = &LAYOUTS;
    let sample = read(&layout.path(layout.sample));
    let (scores, said) = scored(layout);
    let whole = format!("{scores:?}{said}");
    let card = |row: &str| row.split(',').nth(2).map(str::to_owned);
    let numbers: BTreeSet<String> = sample.lines().skip(1).filter_map(card).collect();
    assert_eq!(numbers.len(), 12);
    for number in &numbers {
        assert!(number.len() >= 13 && !whole.contains(number), "{whole}");
    }
    // The same card is the same card: the last row knows how often its own was seen.
    let last = sample.lines().last().and_then(card);
    let of_card = sample.lines().filter(|row| card(row) == last).count();
    let count = scores[ROWS - 1]["features"]["customer_id_nb_tx_30day_window"].as_f64();
    assert_eq!(count, Some(of_card as f64));
}
