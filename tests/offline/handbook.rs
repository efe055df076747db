//! The published features of the Fraud Detection Handbook's transactions, computed by one command. The
//! data is beside the project, not in it: without it this test says so and passes.

use std::path::Path;

use arrow::array::{AsArray as _, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{succeed, tillwatch};
use crate::{data, root};

/// All of the set.
const ROWS: i64 = 1_754_155;

/// Rows whose customer columns may differ, of all: the published windows count two transactions of the
/// same second in another order.
const SAME_SECOND_ROWS_MAX: usize = 20;

const TOLERANCE: f64 = 1e-6;

/// What must be the same to the last row.
const EXACT: [&str; 8] = [
    "TX_DURING_WEEKEND",
    "TX_DURING_NIGHT",
    "TERMINAL_ID_NB_TX_1DAY_WINDOW",
    "TERMINAL_ID_NB_TX_7DAY_WINDOW",
    "TERMINAL_ID_NB_TX_30DAY_WINDOW",
    "TERMINAL_ID_RISK_1DAY_WINDOW",
    "TERMINAL_ID_RISK_7DAY_WINDOW",
    "TERMINAL_ID_RISK_30DAY_WINDOW",
];

const CUSTOMER: [&str; 6] = [
    "CUSTOMER_ID_NB_TX_1DAY_WINDOW",
    "CUSTOMER_ID_NB_TX_7DAY_WINDOW",
    "CUSTOMER_ID_NB_TX_30DAY_WINDOW",
    "CUSTOMER_ID_AVG_AMOUNT_1DAY_WINDOW",
    "CUSTOMER_ID_AVG_AMOUNT_7DAY_WINDOW",
    "CUSTOMER_ID_AVG_AMOUNT_30DAY_WINDOW",
];

#[test]
fn the_whole_set_has_the_published_features() {
    let (Some(transactions), Some(published)) = (
        data("handbook/transactions.parquet"),
        data("handbook/features.parquet"),
    ) else {
        return;
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("out.parquet");
    succeed(
        tillwatch()
            .args(["score", "--features", "--config"])
            .arg(root().join("examples/handbook/tillwatch.toml"))
            .arg("--input")
            .arg(&transactions)
            .arg("--output")
            .arg(&output),
    );
    let names: Vec<&str> = EXACT.iter().chain(&CUSTOMER).copied().collect();
    let ours: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let ours = Table::read(&output, "event_id", &ours);
    let theirs = Table::read(&published, "TRANSACTION_ID", &names);
    // Rows come in the order of the input, which is that of the ids.
    assert_eq!(ours.ids, (0..ROWS).collect::<Vec<_>>());
    let mut theirs_at = vec![usize::MAX; ours.ids.len()];
    for (row, id) in theirs.ids.iter().enumerate() {
        theirs_at[*id as usize] = row;
    }
    let mut different = vec![0_usize; names.len()];
    let mut customer_rows = 0;
    for (row, at) in theirs_at.into_iter().enumerate() {
        let is_same = |column: usize| {
            let (our, their) = (ours.columns[column][row], theirs.columns[column][at]);
            // A NaN differs.
            (our - their).abs() <= TOLERANCE
        };
        let differing: Vec<usize> = (0..names.len()).filter(|c| !is_same(*c)).collect();
        customer_rows += usize::from(differing.iter().any(|column| *column >= EXACT.len()));
        differing.iter().for_each(|column| different[*column] += 1);
    }
    let counts: Vec<String> = names
        .iter()
        .zip(&different)
        .map(|(name, count)| format!("{name}: {count}"))
        .collect();
    let counts = format!(
        "rows of {ROWS} that differ:\n{}\nin any customer column: {customer_rows}",
        counts.join("\n")
    );
    println!("{counts}");
    assert!(different[..EXACT.len()].iter().all(|n| *n == 0), "{counts}");
    assert!(customer_rows <= SAME_SECOND_ROWS_MAX, "{counts}");
}

/// Columns of a file as doubles, null as NaN.
struct Table {
    ids: Vec<i64>,
    columns: Vec<Vec<f64>>,
}

impl Table {
    fn read(path: &Path, id: &str, names: &[impl AsRef<str>]) -> Self {
        let file = std::fs::File::open(path).expect("the file is there");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
        let mut table = Self {
            ids: Vec::new(),
            columns: vec![Vec::new(); names.len()],
        };
        for batch in reader.build().expect("it can be read") {
            let batch = batch.expect("it can be read");
            let ids = column(&batch, id, &DataType::Int64);
            table.ids.extend(ids.as_primitive::<Int64Type>().values());
            for (name, values) in names.iter().zip(&mut table.columns) {
                let column = column(&batch, name.as_ref(), &DataType::Float64);
                let column: &Float64Array = column.as_primitive();
                values.extend(column.iter().map(|value| value.unwrap_or(f64::NAN)));
            }
        }
        table
    }
}

fn column(batch: &RecordBatch, name: &str, kind: &DataType) -> arrow::array::ArrayRef {
    let column = batch
        .column_by_name(name)
        .unwrap_or_else(|| panic!("there is no column {name}"));
    cast(column, kind).expect("it is of that kind")
}
