//! Coefficients as JSON, and those that scikit-learn standardised for.

use super::*;

#[test]
fn coefficients_are_read_from_json_too() {
    let description = LOGISTIC_TOML.replace("line.toml", "line.json");
    let json = r#"{
        "intercept": -3.0,
        "term": [
            {"input": "amount_minor", "coefficient": 0.5, "mean": 1000.0, "scale": 1000.0},
            {"input": "count_24h", "coefficient": 0.25, "missing": 4.0}
        ]
    }"#;
    let files = |json: &str| {
        let golden = ("golden.json", GOLDEN);
        load(&description, &[("line.json", json), golden])
    };
    // The golden vectors are those of the same coefficients in TOML.
    assert_eq!(files(json).unwrap().info().kind, "logistic");
    let error = |json: &str| files(json).unwrap_err().to_string();
    expect![
        "line.json: unknown field `maen`, expected one of `input`, `coefficient`, `mean`, \
         `scale`, `missing` at line 4 column 64; did you mean `mean`?"
    ]
    .assert_eq(&error(&json.replace("mean", "maen")));
    expect!["line.json: expected value at line 1 column 1"].assert_eq(&error("intercept = -3.0"));
    assert!(files(&json.replace("0.25", "0.125")).is_err());
}

/// What scikit-learn 1.9 fitted to 400 made-up rows.
const SKLEARN_JSON: &str = r#"{"intercept": 0.0890886560976788, "term": [
    {"input": "count_24h", "coefficient": 0.9900924125890729, "mean": 8.7475, "scale": 3.085246140909996},
    {"input": "amount_minor", "coefficient": 0.784829137549177, "mean": 24137.805, "scale": 14684.436551396007}]}"#;

/// What it says of four of them.
const SKLEARN_GOLDEN: &str = r#"{"tolerance": 1e-12, "rows": [
    {"inputs": [0.0, 100], "raw": -4.002821076798399, "probability": 0.017936449808151355},
    {"inputs": [9.0, 25000], "raw": 0.21620008053437476, "probability": 0.5538404636226694},
    {"inputs": [31.0, 49999], "raw": 8.612368015188125, "probability": 0.9998181902671183},
    {"inputs": [4.0, 12345], "raw": -2.0647229786096095, "probability": 0.1125731384359264}]}"#;

/// A pipeline of scikit-learn's StandardScaler and LogisticRegression: `decision_function` is
/// intercept_ + Σ coef_ (x − mean_) / scale_.
#[test]
fn a_standardised_regression_is_that_of_scikit_learn() {
    let description = LOGISTIC_TOML
        .replace("line.toml", "line.json")
        .replace("golden.json", "sklearn.json");
    let artefacts = [
        ("line.json", SKLEARN_JSON),
        ("sklearn.json", SKLEARN_GOLDEN),
    ];
    load(&description, &artefacts).unwrap();
}
