//! Golden vectors of a new model.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{Array, ArrayRef, AsArray as _, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use serde_json::{Value, json};

use super::library_file::LibraryFile;
use super::rows::spread;
use crate::cli::models::{Expected, NewArgs};
use crate::commands::models::apply::Applied;
use crate::commands::models::ground::Opened;
use crate::exit::misconfigured;
use crate::files::{Table, Wanted};

/// Golden vectors, beside model.toml.
pub const GOLDEN: &str = "golden.json";

/// Largest difference that counts as equal in what an ONNX runtime says of the same row on another
/// machine: it computes in single precision.
const RUNTIME_TOLERANCE: f64 = 1e-6;

/// Golden vectors.
pub struct Golden {
    pub vectors: Vectors,
    /// Text of golden.json.
    pub text: String,
}

/// Where golden vectors come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Vectors {
    /// A library's own scores.
    Library {
        /// File name of the samples.
        samples: String,
        /// Rows that were compared.
        compared: usize,
        /// Rows whose score differs in any bit.
        differing: usize,
        /// The largest difference.
        largest: f64,
        tolerance: f64,
    },
    /// This program's engine.
    Own,
}

/// Compares the model with every sample and keeps some of them, spread over the file.
pub fn of_samples(args: &NewArgs, path: &Path, column: &str, opened: &Opened) -> Result<Golden> {
    let mut applied = Applied::new(opened);
    let inputs = applied.wanted.len();
    let mut wanted = applied.wanted.clone();
    wanted.push(Wanted {
        name: column.to_owned(),
        data_type: Some(DataType::Float64),
    });
    let mut table = Table::open(path, wanted)?;
    let mut kept = Kept::new(args.golden_rows as usize);
    let (mut compared, mut differing, mut largest, mut first) = (0, 0, 0.0_f64, 0);
    let (what, key) = match args.expected_is {
        Expected::Probability => ("probability", "probability"),
        Expected::Raw => ("raw score", "raw"),
    };
    while let Some(columns) = table.next_batch()? {
        applied.score(&columns[..inputs]);
        let got = match args.expected_is {
            Expected::Probability => applied.runner.probability(),
            Expected::Raw => applied.runner.raw(),
        };
        let expected = columns[inputs].as_primitive::<Float64Type>();
        for (row, (got, expected)) in got.iter().zip(expected).enumerate() {
            let Some(expected) = expected.filter(|expected| !expected.is_nan()) else {
                continue;
            };
            let difference = (got - expected).abs();
            if !(difference <= args.tolerance || *got == expected) {
                return Err(misconfigured(format!(
                    "{}: row {}: expected {what} {expected:?}, got {got:?}; the samples' scores \
                     are not this model's, or their columns not those it was trained on (rows \
                     count from 0)",
                    path.display(),
                    first + row
                )));
            }
            compared += 1;
            differing += usize::from(*got != expected);
            if difference > largest {
                largest = difference;
            }
            kept.offer(|| json!({ "inputs": values(&columns[..inputs], row), key: expected }));
        }
        first += got.len();
    }
    if compared == 0 {
        return Err(misconfigured(format!(
            "{}: no row has a value in `{column}`",
            path.display()
        )));
    }
    Ok(Golden {
        text: text(args.tolerance, &kept.rows()),
        vectors: Vectors::Library {
            samples: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            compared,
            differing,
            largest,
            tolerance: args.tolerance,
        },
    })
}

/// What the model itself says of rows around which it decides.
pub fn of_own_engine(rows: u32, library: &LibraryFile, opened: &Opened) -> Result<Golden> {
    let mut applied = Applied::new(opened);
    let mut values_of = library.values.clone();
    values_of.resize(applied.wanted.len(), Vec::new());
    let rows = spread(&values_of, rows as usize);
    let column = |(input, wanted): (usize, &Wanted)| {
        let values = rows
            .iter()
            .map(|row| Some(row[input]).filter(|v| !v.is_nan()));
        let values: ArrayRef = Arc::new(values.collect::<Float64Array>());
        match &wanted.data_type {
            Some(DataType::Float64) | None => Ok(values),
            // Times are made of whole milliseconds.
            Some(other) => cast(&values, &DataType::Int64).and_then(|whole| cast(&whole, other)),
        }
    };
    let columns = applied.wanted.iter().enumerate().map(column);
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    applied.score(&columns);
    let (raw, probability) = (applied.runner.raw(), applied.runner.probability());
    let rows = raw.iter().zip(probability).enumerate();
    let rows: Vec<Value> = rows
        .map(|(row, (raw, probability))| {
            json!({ "inputs": values(&columns, row), "raw": raw, "probability": probability })
        })
        .collect();
    let tolerance = match library.kind {
        "onnx" => RUNTIME_TOLERANCE,
        _ => 0.0,
    };
    Ok(Golden {
        text: text(tolerance, &rows),
        vectors: Vectors::Own,
    })
}

/// golden.json, one row a line.
fn text(tolerance: f64, rows: &[Value]) -> String {
    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    format!(
        "{{\"tolerance\": {tolerance:?}, \"rows\": [\n{}\n]}}\n",
        rows.join(",\n")
    )
}

/// The values of a row as golden.json has them.
fn values(columns: &[ArrayRef], row: usize) -> Vec<Value> {
    columns.iter().map(|column| value(column, row)).collect()
}

fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    if let Some(column) = column.as_primitive_opt::<Float64Type>() {
        return match column.value(row) {
            f64::INFINITY => json!("inf"),
            f64::NEG_INFINITY => json!("-inf"),
            // JSON has no NaN, which is no value anyway.
            number => json!(number),
        };
    }
    if let Some(text) = column.as_string_opt::<i32>() {
        return json!(text.value(row));
    }
    let whole = cast(column, &DataType::Int64).ok();
    let whole = whole.and_then(|whole| Some(whole.as_primitive_opt::<Int64Type>()?.value(row)));
    json!(whole)
}

/// Some of a number of rows that is not known before, spread over all of them.
struct Kept {
    rows_max: usize,
    /// Every so many rows is kept.
    stride: usize,
    offered: usize,
    rows: Vec<Value>,
}

impl Kept {
    fn new(rows_max: usize) -> Self {
        Self {
            rows_max,
            stride: 1,
            offered: 0,
            rows: Vec::new(),
        }
    }

    fn offer(&mut self, row: impl FnOnce() -> Value) {
        if self.offered.is_multiple_of(self.stride) {
            self.rows.push(row());
        }
        self.offered += 1;
        if self.rows.len() > 2 * self.rows_max {
            let mut position = 0;
            self.rows.retain(|_| {
                position += 1;
                position % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// At most as many as were wanted.
    fn rows(self) -> Vec<Value> {
        let (found, wanted) = (self.rows.len(), self.rows_max);
        let chosen = |place: usize| self.rows[place * found / wanted].clone();
        if found <= wanted {
            return self.rows;
        }
        (0..wanted).map(chosen).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_rows_are_spread_over_all() {
        for offered in [1, 9, 10, 11, 20, 21, 22, 1000] {
            let mut kept = Kept::new(10);
            (0..offered).for_each(|row| kept.offer(|| json!(row)));
            let rows: Vec<u64> = kept.rows().iter().filter_map(Value::as_u64).collect();
            assert_eq!(rows.len(), 10.min(offered as usize));
            assert_eq!(rows[0], 0);
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(rows[rows.len() - 1] * 5 >= (offered - 1) * 3, "{rows:?}");
        }
    }
}
