//! `tillwatch models`: what a data scientist brings becomes a model directory, and says of a table what
//! the library says.

mod libraries;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::root;
use crate::support::{succeed, tillwatch};

/// Contributions and bias add up to the raw score to this share of it.
const SUM_TOLERANCE: f64 = 1e-9;

/// Logistic coefficients, which need no library.
const LOGISTIC: &str = "\
intercept = -1.5
term = [
    { input = \"amount\", coefficient = 0.8, mean = 20.0, scale = 10.0 },
    { input = \"night\", coefficient = 1.25 },
]
";

fn models(subcommand: &str) -> Command {
    let mut command = tillwatch();
    command.args(["models", subcommand]);
    command
}

/// Runs to the end; fails the test unless it ends with `code`. Returns what it said on standard error,
/// then on standard output.
fn refused(command: &mut Command, code: i32) -> String {
    let output = command.output().expect("the binary runs");
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
    said
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A directory, and a model of [`LOGISTIC`] in it.
fn logistic() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let from = directory.path().join("coefficients.toml");
    std::fs::write(&from, LOGISTIC).expect("it can be written");
    let model = directory.path().join("mine");
    succeed(
        models("new")
            .arg("--from")
            .arg(&from)
            .arg("--output")
            .arg(&model),
    );
    (directory, model)
}

fn table(path: &Path) -> RecordBatch {
    let file = std::fs::File::open(path).expect("the file is there");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("the file is Parquet");
    let schema = builder.schema().clone();
    let reader = builder.build().expect("a reader");
    let batches = reader
        .map(|batch| batch.expect("a batch"))
        .collect::<Vec<_>>();
    concat_batches(&schema, &batches).expect("one schema")
}

fn column(batch: &RecordBatch, name: &str) -> Vec<f64> {
    let column = batch
        .column_by_name(name)
        .unwrap_or_else(|| panic!("a column {name}"));
    let column = cast(column, &DataType::Float64).expect("numbers");
    let column = column.as_primitive::<Float64Type>();
    column
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect()
}

/// Contributions and bias of every row add up to its raw score.
fn check_sums(scores: &RecordBatch) {
    let schema = scores.schema();
    let names = schema.fields().iter().map(|field| field.name());
    let names: Vec<_> = names
        .filter(|name| name.starts_with("contribution_"))
        .collect();
    assert!(names.len() > 1);
    let parts: Vec<Vec<f64>> = names.iter().map(|name| column(scores, name)).collect();
    for (row, raw) in column(scores, "raw_score").into_iter().enumerate() {
        let sum: f64 = parts.iter().map(|part| part[row]).sum();
        let off = (sum - raw).abs();
        assert!(
            off <= SUM_TOLERANCE * raw.abs().max(1.0),
            "row {row}: {sum} for {raw}"
        );
    }
}

#[test]
fn coefficients_in_json_are_those_in_toml() {
    let (directory, of_toml) = logistic();
    let from = directory.path().join("coefficients.json");
    let table: toml::Table = LOGISTIC.parse().expect("TOML");
    let text = serde_json::to_string(&table).expect("JSON");
    std::fs::write(&from, text).expect("it can be written");
    let of_json = directory.path().join("of_json");
    succeed(
        models("new")
            .arg("--from")
            .arg(&from)
            .arg("--output")
            .arg(&of_json),
    );
    let golden = |model: &Path| crate::read(&model.join("golden.json"));
    assert_eq!(golden(&of_toml), golden(&of_json));
}

#[test]
fn vectors_of_our_own_engine_say_what_they_are_worth() {
    let (_directory, model) = logistic();
    let said = crate::read(&model.join("model.toml"));
    assert!(said.contains("guard against change alone"), "{said}");
    let said = stdout(&succeed(models("verify").arg(&model)));
    assert!(
        said.contains("(logistic)") && said.contains("100 golden rows reproduced"),
        "{said}"
    );
}

#[test]
fn an_onnx_file_needs_to_be_told_which_output_is_the_score() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let from = directory.path().join("graph.onnx");
    std::fs::write(&from, b"\x08\x08").expect("it can be written");
    let new = |more: &[&str]| {
        let output = directory.path().join("graph");
        let mut command = models("new");
        command
            .arg("--from")
            .arg(&from)
            .arg("--output")
            .arg(output)
            .args(more);
        command
    };
    let said = refused(&mut new(&[]), 3);
    assert!(said.contains("does not name its inputs"), "{said}");
    let said = refused(&mut new(&["--inputs", "a,b"]), 3);
    assert!(said.contains("--score-output probabilities:1"), "{said}");
}

#[test]
fn csv_json_lines_and_parquet_give_the_same_scores() {
    let (directory, model) = logistic();
    let file = |name: &str| directory.path().join(name);
    std::fs::write(file("t.csv"), "id,night,amount\nx,true,35.5\ny,,-4\nz,0,\n").expect("written");
    let lines = "{\"id\":\"x\",\"night\":true,\"amount\":35.5}\n{\"id\":\"y\",\"amount\":-4}\n\
                 {\"id\":\"z\",\"night\":0}\n";
    std::fs::write(file("t.jsonl"), lines).expect("written");
    let predict = |input: &str, output: &str| {
        succeed(
            models("predict")
                .args(["--contributions", "--keep", "id", "--model"])
                .arg(&model)
                .arg("--input")
                .arg(file(input))
                .arg("--output")
                .arg(file(output)),
        );
        table(&file(output))
    };
    let from_csv = predict("t.csv", "csv.parquet");
    assert_eq!(from_csv, predict("t.jsonl", "jsonl.parquet"));
    check_sums(&from_csv);
    let ids = from_csv
        .column_by_name("id")
        .expect("kept")
        .as_string::<i32>();
    assert_eq!(ids.iter().flatten().collect::<Vec<_>>(), ["x", "y", "z"]);
    // -1.5 + 0.8 × 1.55 + 1.25; a missing amount is its mean.
    let raw = column(&from_csv, "raw_score");
    assert!((raw[0] - 0.99).abs() < 1e-12 && raw[2] == -1.5, "{raw:?}");
    // What was written can be read: it holds no inputs, and says so.
    let said = refused(
        models("predict")
            .arg("--model")
            .arg(&model)
            .arg("--input")
            .arg(file("csv.parquet"))
            .arg("--output")
            .arg(file("never.parquet")),
        1,
    );
    assert!(said.contains("has no column `amount`"), "{said}");
    assert!(!file("never.parquet").exists());
}

#[test]
fn a_row_is_explained_to_its_sum() {
    let (directory, model) = logistic();
    let input = directory.path().join("t.csv");
    std::fs::write(&input, "night,amount\n0,20\n1,30\n").expect("written");
    let explain = |row: &str| {
        let mut command = models("explain");
        command
            .arg("--model")
            .arg(&model)
            .arg("--input")
            .arg(&input)
            .args(["--row", row]);
        command
    };
    let said = stdout(&succeed(explain("1").arg("--json")));
    let found: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(found["score"], 634);
    assert_eq!(found["contributions"][0]["input"], "night");
    assert_eq!(found["contributions"][1]["contribution"], 0.8);
    assert_eq!(found["bias"], -1.5);
    let sum = found["sum"].as_f64().expect("a sum");
    assert!((sum - found["raw_score"].as_f64().expect("a raw score")).abs() < 1e-12);
    let said = stdout(&succeed(&mut explain("1")));
    assert!(said.contains("bias and contributions add up to"), "{said}");
    let said = refused(&mut explain("2"), 1);
    assert!(said.contains("has 2 rows, so there is no row 2"), "{said}");
}

#[test]
fn a_golden_row_that_does_not_come_out_is_named() {
    let (_directory, model) = logistic();
    let golden = model.join("golden.json");
    let text = std::fs::read_to_string(&golden).expect("golden vectors");
    let mut lines: Vec<&str> = text.lines().collect();
    let changed = lines[3].replacen("\"probability\":0.", "\"probability\":0.9", 1);
    assert_ne!(changed, lines[3]);
    lines[3] = &changed;
    std::fs::write(&golden, lines.join("\n")).expect("it can be written");
    let said = refused(models("verify").arg(&model), 3);
    let words = "golden.json: row 3: expected probability 0.9";
    assert!(said.contains(words) && said.contains(", got 0."), "{said}");
    let said = refused(models("list").arg(&model).arg("--json"), 3);
    let found: Value = serde_json::from_str(&said).expect("JSON");
    assert!(
        found[0]["error"]
            .as_str()
            .is_some_and(|error| error.contains(words)),
        "{said}"
    );
}

#[test]
fn nothing_is_overwritten_and_nothing_half_made_is_left() {
    let (directory, model) = logistic();
    let from = directory.path().join("coefficients.toml");
    let new = |output: &Path| {
        let mut command = models("new");
        command.arg("--from").arg(&from).arg("--output").arg(output);
        command
    };
    let said = refused(&mut new(&model), 3);
    assert!(said.contains("is there already"), "{said}");
    let other = directory.path().join("other");
    let misnamed = directory.path().join("misnamed.toml");
    std::fs::write(&misnamed, LOGISTIC.replace("night", "strype")).expect("it can be written");
    let catalog = root().join("models/features/card-present.toml");
    let said = refused(
        models("new").args(
            ["--from", "--output", "--catalog"]
                .into_iter()
                .zip([&misnamed, &other, &catalog])
                .flat_map(|(name, path)| [name.into(), path.clone().into_os_string()]),
        ),
        3,
    );
    assert!(said.contains("`strype`; did you mean `stripe`?"), "{said}");
    assert!(!said.contains("`amount`"), "{said}");
    let samples = directory.path().join("samples.csv");
    std::fs::write(&samples, "amount,night,p\n20,0,0.5\n").expect("written");
    let said = refused(
        new(&other)
            .args(["--expected-column", "p", "--samples"])
            .arg(&samples),
        3,
    );
    assert!(
        said.contains("row 0: expected probability 0.5, got 0.18"),
        "{said}"
    );
    assert!(!other.exists() && !directory.path().join("other.partial").exists());
}

#[test]
fn an_ensemble_has_no_contributions_of_its_own() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let said = refused(
        models("predict")
            .args([
                "--contributions",
                "--catalog",
                "models/features/card-present.toml",
            ])
            .args([
                "--model",
                "models/terminal-ensemble",
                "--input",
                "no.parquet",
                "--output",
            ])
            .arg(directory.path().join("s.parquet")),
        3,
    );
    assert!(
        said.contains("is an ensemble") && said.contains("terminal-gbdt@"),
        "{said}"
    );
}

#[test]
fn the_shipped_models_are_listed() {
    let said = stdout(&succeed(models("list").arg("--json")));
    let found: Vec<Value> = serde_json::from_str(&said).expect("JSON");
    let of = |name: &str| {
        let is_it = |line: &&Value| line["directory"] == format!("models/{name}").as_str();
        found
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{name} in {said}"))
    };
    assert_eq!(of("terminal-gbdt")["kind"], "lightgbm");
    assert_eq!(of("terminal-gbdt")["golden_rows"], 200);
    assert!(
        of("terminal-ensemble")["members"]
            .as_array()
            .is_some_and(|m| m.len() > 1)
    );
    assert!(of("registry-rules")["unchecked"].is_string());
    let plain = stdout(&succeed(models("list").arg("models/terminal-rules")));
    assert!(
        plain.starts_with("models/terminal-rules\tterminal-rules\t"),
        "{plain}"
    );
}

#[test]
fn a_prediction_is_not_written_over_its_input() {
    let (directory, model) = logistic();
    let input = directory.path().join("rows.csv");
    let rows = "amount,night\n20,0\n";
    std::fs::write(&input, rows).expect("it can be written");
    let said = refused(
        models("predict")
            .arg("--model")
            .arg(&model)
            .arg("--input")
            .arg(&input)
            .arg("--output")
            .arg(&input),
        1,
    );
    assert!(said.contains("written over"), "{said}");
    assert_eq!(std::fs::read_to_string(&input).expect("it is there"), rows);
}
