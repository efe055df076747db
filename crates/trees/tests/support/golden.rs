//! Reads `tests/golden`; `scripts/golden_trees.py` says what is in it.

use std::path::PathBuf;

use tillwatch_trees::{Format, Loaded, load};

/// What a reference library says of rows.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name of the case.
    pub name: String,
    /// The model, read.
    pub model: Loaded,
    /// Bytes of its file.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: Format,
    /// Whether raw scores are single.
    pub is_single: bool,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A row, and what the library says of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// One value per feature, NaN being missing.
    pub inputs: Vec<f64>,
    /// The raw score.
    pub raw: f64,
    /// The probability.
    pub probability: f64,
    /// One per feature, and the bias; empty where the case has none.
    pub contributions: Vec<f64>,
}

/// The folder.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// All cases but `stumps`, by name.
pub fn cases() -> Vec<Case> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("golden files")
        .map(|entry| entry.expect("an entry").file_name())
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".rows")?.to_owned()))
        .filter(|name| name != "stumps")
        .collect();
    names.sort();
    names.into_iter().map(|name| case(&name)).collect()
}

/// A case.
pub fn case(name: &str) -> Case {
    let text = std::fs::read_to_string(folder().join(format!("{name}.rows"))).expect("rows");
    let mut lines = text.lines();
    let head = lines.next().expect("a first line");
    let file = head.split(' ').nth(1).expect("a file name");
    let bytes = std::fs::read(folder().join(file)).expect("a model");
    let format = Format::sniff(&bytes).expect("a format");
    let model = load(&bytes, format).unwrap_or_else(|error| panic!("{file}: {error}"));
    Case {
        name: name.to_owned(),
        model,
        bytes,
        format,
        is_single: head.contains("raw=f32"),
        rows: lines.map(row).collect(),
    }
}

fn row(line: &str) -> Row {
    let mut groups = line.split(';').map(numbers);
    let mut group = || groups.next().unwrap_or_default();
    let (inputs, raw, probability) = (group(), group(), group());
    Row {
        inputs,
        raw: raw[0],
        probability: probability[0],
        contributions: group(),
    }
}

/// The numbers of a line.
pub fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect()
}
