//! What a library has written says as a model what the library says.

use std::path::Path;

use super::{check_sums, column, models, refused, stdout, table};
use crate::support::succeed;
use crate::{data, root};

/// Rows of the week.
const WEEK_ROWS: usize = 58_264;

/// The values, as many steps apart as there are numbers between them.
fn ulps(a: f64, b: f64) -> u64 {
    a.to_bits().abs_diff(b.to_bits())
}

/// Makes a model of `file`, proven against `expected`, applies it to the week, and holds every
/// probability against that column.
fn a_week(file: &str, expected: &str) {
    let (Some(from), Some(week)) = (
        data(&format!("golden/{file}")),
        data("golden/test_week_features_scores.parquet"),
    ) else {
        return;
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (model, scores) = (
        directory.path().join("week"),
        directory.path().join("s.parquet"),
    );
    let made = succeed(
        models("new")
            .args(["--expected-column", expected, "--card", "--from"])
            .args([
                &from,
                Path::new("--samples"),
                &week,
                Path::new("--output"),
                &model,
            ]),
    );
    assert!(
        stdout(&made).contains("all 58264 rows"),
        "{}",
        stdout(&made)
    );
    succeed(models("verify").arg(&model));
    succeed(
        models("predict")
            .args(["--contributions", "--keep", "TRANSACTION_ID", "--model"])
            .args([
                &model,
                Path::new("--input"),
                &week,
                Path::new("--output"),
                &scores,
            ]),
    );
    let (week, scores) = (table(&week), table(&scores));
    assert_eq!(scores.num_rows(), WEEK_ROWS);
    assert_eq!(
        scores.column_by_name("TRANSACTION_ID"),
        week.column_by_name("TRANSACTION_ID")
    );
    let pairs = || {
        column(&scores, "probability")
            .into_iter()
            .zip(column(&week, expected))
    };
    let differing = pairs().filter(|(ours, theirs)| ours != theirs).count();
    let furthest = pairs().map(|(ours, theirs)| ulps(ours, theirs)).max();
    eprintln!("{file}: {differing} of {WEEK_ROWS} probabilities differ in the last bit");
    assert!(furthest <= Some(1), "{furthest:?}");
    check_sums(&scores);
}

#[test]
fn lightgbm_s_week_comes_out_of_a_new_model() {
    a_week("lgbm_100_0.1_3.txt", "lgbm");
}

#[test]
fn xgboost_s_week_comes_out_of_a_new_model_from_json() {
    a_week("xgb_exact_100_0.1_3.json", "xgb");
}

#[test]
fn xgboost_s_week_comes_out_of_a_new_model_from_ubjson() {
    a_week("xgb_exact_100_0.1_3.ubj", "xgb");
}

/// Files of every format whose names of inputs are made up, each with rows on which the library was asked.
#[test]
fn every_format_says_what_the_library_says_to_the_bit() {
    for (file, kind, tolerance) in [
        ("lightgbm_categories.txt", "lightgbm", "0"),
        ("xgboost_numbers.json", "xgboost", "0"),
        ("xgboost_numbers.ubj", "xgboost", "0"),
        // Where scikit-learn divides may change the last bit.
        ("isolation_forest.json", "isolation_forest", "1e-15"),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let from = root().join("crates/trees/tests/golden").join(file);
        let rows = crate::read(&from.with_extension("rows"));
        let lines = rows.lines().skip(1).map(|line| {
            let mut parts = line.split(" ; ");
            let inputs = parts.next().unwrap_or_default().replace(' ', ",");
            format!("{inputs},{}\n", parts.next().unwrap_or_default())
        });
        let names: Vec<String> = (0..6).map(|position| format!("f{position}")).collect();
        let text = format!("{},raw\n{}", names.join(","), lines.collect::<String>());
        let samples = directory.path().join("samples.csv");
        std::fs::write(&samples, text).expect("it can be written");
        let model = directory.path().join("model");
        let new = |more: &[&str]| {
            let mut command = models("new");
            command.args([
                "--expected-column",
                "raw",
                "--expected-is",
                "raw",
                "--tolerance",
                tolerance,
            ]);
            command.args(more).args([Path::new("--from"), &from]);
            command.args([
                Path::new("--samples"),
                &samples,
                Path::new("--output"),
                &model,
            ]);
            command
        };
        if kind != "isolation_forest" {
            let said = refused(&mut new(&[]), 3);
            assert!(
                said.contains("give the 6 in training order"),
                "{file}: {said}"
            );
        }
        let said = stdout(&succeed(&mut new(&["--inputs", &names.join(",")])));
        let to_the_bit = said.contains("all the same to the bit");
        assert!(to_the_bit || tolerance != "0", "{file}: {said}");
        let said = stdout(&succeed(models("verify").arg(&model)));
        assert!(said.contains(&format!("({kind})")), "{file}: {said}");
    }
}
