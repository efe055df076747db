//! A week of transactions through the models that LightGBM and XGBoost trained on the weeks before it. The
//! data is beside the project, not in it: without it these tests say so and pass.

use std::fs::File;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tillwatch_trees::{Forest, Format, load};

use crate::data;

/// Rows of the week.
const ROWS: usize = 58_264;

/// Raw scores of the libraries, as `scripts/golden_trees.py --week` digests them.
const LIGHTGBM: u64 = 0x1912_ddeb_5b87_99ad;
const XGBOOST: u64 = 0xe461_420c_cd1b_6905;

#[test]
fn lightgbm_s_week_to_the_bit() {
    check("lgbm_100_0.1_3.txt", Format::LightGbmText, "lgbm", LIGHTGBM);
}

#[test]
fn xgboost_s_week_to_the_bit_from_json() {
    check(
        "xgb_exact_100_0.1_3.json",
        Format::XgBoostJson,
        "xgb",
        XGBOOST,
    );
}

#[test]
fn xgboost_s_week_to_the_bit_from_ubjson() {
    check(
        "xgb_exact_100_0.1_3.ubj",
        Format::XgBoostUbj,
        "xgb",
        XGBOOST,
    );
}

/// Raw scores have `digest`; probabilities are those in column `expected`.
fn check(model: &str, format: Format, expected: &str, digest: u64) {
    let (Some(model), Some(table)) = (
        data(&format!("golden/{model}")),
        data("golden/test_week_features_scores.parquet"),
    ) else {
        return;
    };
    let bytes = std::fs::read(model).expect("a model");
    assert_eq!(Format::sniff(&bytes), Some(format));
    let forest = load(&bytes, format).expect("a model").forest;
    let file = File::open(table).expect("a table");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(ParquetRecordBatchReaderBuilder::build)
        .expect("a table");
    let (mut rows, mut state) = (0, 0xcbf2_9ce4_8422_2325_u64);
    for batch in reader {
        let batch = batch.expect("a batch");
        let probabilities = column(&batch, expected);
        for (raw, probability) in raw_scores(&forest, &batch).into_iter().zip(probabilities) {
            state = (state ^ raw.to_bits()).wrapping_mul(0x100_0000_01b3);
            let ours = forest.link().probability(raw);
            assert_eq!(ours.to_bits(), probability.to_bits(), "row {rows}: {ours}");
            rows += 1;
        }
    }
    assert_eq!(rows, ROWS);
    assert_eq!(state, digest, "{state:#018x}");
}

fn raw_scores(forest: &Forest, batch: &RecordBatch) -> Vec<f64> {
    let columns: Vec<Vec<f64>> = forest
        .features()
        .iter()
        .map(|feature| column(batch, feature))
        .collect();
    let row = |row| columns.iter().map(|column| column[row]).collect::<Vec<_>>();
    (0..batch.num_rows())
        .map(|position| forest.raw_score(&row(position)))
        .collect()
}

fn column(batch: &RecordBatch, name: &str) -> Vec<f64> {
    let column = batch.column_by_name(name).expect("a column");
    let column = cast(column, &DataType::Float64).expect("numbers");
    let column = column.as_primitive::<Float64Type>();
    column
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect()
}
