//! The command line: files in, files out, and what it says to wrong input.

use std::path::Path;
use std::process::Output;

use arrow::array::{AsArray as _, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{Setup, succeed, tillwatch};
use crate::{read, root};

fn read_table(path: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).expect("the file is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
    reader
        .build()
        .expect("it can be read")
        .map(|batch| batch.expect("it can be read"))
        .collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn simulated_data_is_the_same_in_every_format_and_scores_alike() {
    let setup = Setup::new("localhost:1", "files", 1);
    let config = setup.config("tillwatch.toml", "");
    let file = |name: &str| setup.directory.path().join(name);
    for name in ["day.parquet", "day.jsonl"] {
        succeed(
            tillwatch()
                .args([
                    "simulate",
                    "--records",
                    "20000",
                    "--terminals",
                    "2000",
                    "--output",
                ])
                .arg(file(name))
                .arg("--truth")
                .arg(file("truth.jsonl")),
        );
    }
    // The JSON has times in milliseconds, the Parquet file timestamps.
    let timestamps = setup.config("parquet.toml", "[decode.units]\nevent_time = \"auto\"\n");
    for (config, input, output) in [
        (&config, "day.jsonl", "a.parquet"),
        (&timestamps, "day.parquet", "b.parquet"),
    ] {
        succeed(
            tillwatch()
                .args(["score", "--features", "--config"])
                .arg(config)
                .arg("--input")
                .arg(file(input))
                .arg("--output")
                .arg(file(output)),
        );
    }
    let (a, b) = (
        read_table(&file("a.parquet")),
        read_table(&file("b.parquet")),
    );
    assert_eq!(a.iter().map(RecordBatch::num_rows).sum::<usize>(), 20_000);
    assert_eq!(a, b);
    assert!(a[0].column_by_name("tx_count_1h").is_some() || a[0].num_columns() > 20);
    let truth = std::fs::read_to_string(file("truth.jsonl")).expect("the truth is there");
    assert!(truth.lines().any(|line| line.contains("\"scenario\"")));
}

#[test]
fn refused_rows_are_kept_beside_the_output() {
    let setup = Setup::new("localhost:1", "refused", 1);
    let config = setup.config("tillwatch.toml", "");
    let input = setup.directory.path().join("in.jsonl");
    succeed(
        tillwatch()
            .args(["simulate", "--records", "100", "--output"])
            .arg(&input),
    );
    let mut text = std::fs::read_to_string(&input).expect("the input is there");
    text.insert_str(0, "{\"broken\n");
    std::fs::write(&input, text).expect("it can be written");
    let output = setup.directory.path().join("out.parquet");
    let said = succeed(
        tillwatch()
            .args(["score", "--config"])
            .arg(&config)
            .arg("--input")
            .arg(&input)
            .arg("--output")
            .arg(&output),
    );
    assert!(String::from_utf8_lossy(&said.stdout).contains("100 transactions scored"));
    let rows = read_table(&output);
    assert_eq!(rows[0].num_rows(), 100);
    assert_eq!(
        rows[0]
            .column_by_name("score_id")
            .expect("a column")
            .as_string::<i32>()
            .value(0),
        "in/0/1"
    );
    let kept = std::fs::read_to_string(output.with_extension("parquet.dead-letters.jsonl"))
        .expect("refused rows are kept");
    // The row in base64.
    assert!(
        kept.contains("\"offset\":0") && kept.contains("\"payload\":\"eyJicm9rZW4=\""),
        "{kept}"
    );
}

#[test]
fn wrong_input_gets_a_clear_error_and_its_exit_code() {
    let setup = Setup::new("localhost:1", "wrong", 1);
    let cases = [
        ("[http]\nlisten_at = 1\n", "did you mean `listen`?"),
        (
            "[scoring]\nreview_from = 900\ndecline_from = 100\n",
            "decline_from is below review_from",
        ),
        (
            "[scoring]\nrecord_types = [\"transactions\"]\n",
            "did you mean `transaction`?",
        ),
        ("[scoring]\nrecord_types = []\n", "no record type is named"),
        (
            "[scoring]\nrecord_types = [\"label\"]\n[labels]\ncolumn = \"f\"\ndelay = \"7d\"\n",
            "`label` cannot be scored where [labels] makes labels",
        ),
    ];
    for (extra, expected) in cases {
        let extra = extra.replace("[http]\n", "[http.x]\n");
        let config = setup.config("wrong.toml", "");
        let text = std::fs::read_to_string(&config).expect("the configuration");
        let text = match extra.strip_prefix("[http.x]\n") {
            Some(line) => text.replace("listen = ", &format!("{line}listen = ")),
            None => text + &extra,
        };
        std::fs::write(&config, text).expect("it can be written");
        let output = tillwatch()
            .args(["run", "--config"])
            .arg(&config)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let missing = tillwatch()
        .args(["run", "--config", "/nowhere.toml"])
        .output()
        .expect("it runs");
    assert_eq!(missing.status.code(), Some(3));
    assert!(
        stderr(&missing).contains("cannot read /nowhere.toml"),
        "{}",
        stderr(&missing)
    );
    let usage = tillwatch()
        .args(["run", "--confg", "x"])
        .output()
        .expect("it runs");
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_refused_model_has_its_cause_said_once() {
    let setup = Setup::new("localhost:1", "cause", 1);
    let shipped = root().join("models/terminal-rules");
    let model = setup.directory.path().join("terminal-rules");
    std::fs::create_dir(&model).expect("a directory");
    for entry in std::fs::read_dir(shipped).expect("it is shipped") {
        let from = entry.expect("an entry").path();
        let file = from.file_name().unwrap_or_default();
        std::fs::copy(&from, model.join(file)).expect("a file is copied");
    }
    let rules = model.join("rules.toml");
    let text = read(&rules).replace("\"stan_duplicates_24h >=", "\"stan_duplicate_24h >=");
    std::fs::write(&rules, text).expect("it can be written");
    let config = setup.config("tillwatch.toml", "");
    let text = read(&config);
    let of_champion = |line: &str| match line.starts_with("champion") {
        true => format!("champion = {model:?}"),
        false => line.to_owned(),
    };
    let text = text.lines().map(of_champion).collect::<Vec<_>>().join("\n");
    std::fs::write(&config, text).expect("it can be written");
    let output = tillwatch()
        .args(["run", "--config"])
        .arg(&config)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stderr(&output);
    for words in ["unknown column `stan_duplicate_24h`", "rules.toml: rule `"] {
        assert_eq!(said.matches(words).count(), 1, "{said}");
    }
}

#[test]
fn every_shipped_configuration_is_valid() {
    for example in [
        "examples/tillwatch.toml",
        "examples/job-w/tillwatch.toml",
        "examples/handbook/tillwatch.toml",
    ] {
        succeed(tillwatch().args(["check", "--offline", "--config", example]));
    }
}

#[test]
fn completions_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = succeed(tillwatch().args(["completions", shell]));
        assert!(String::from_utf8_lossy(&output.stdout).contains("tillwatch"));
    }
}
