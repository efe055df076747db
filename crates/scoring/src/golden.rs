//! Golden vectors: inputs with the output that the model's author got. A model that does not
//! reproduce them is not the model that was tested.
//!
//! Rows are scored in order by a model that has seen nothing, and learnt where it learns: what a later row
//! is compared with is what the rows before it taught. One that says `times` comes that often in a row, so
//! a detector's whole window takes few lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::DataType;
use serde::Deserialize;
use serde_json::Value;
use tillwatch_predicate::Scope;

use crate::error::ScoringError;
use crate::limits::GOLDEN_ROWS_MAX;
use crate::loaded::LoadedModel;
use crate::runner::{Effort, Runner};
use crate::scope::InputScope;

/// What stands in golden.json.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    /// Largest difference that counts as equal; 0 unless the author computed in other precision.
    #[serde(default)]
    tolerance: f64,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// One value per input of the model, in its order; null for missing. JSON has no infinities:
    /// they are the texts "inf" and "-inf".
    inputs: Vec<Value>,
    /// How often the row comes; outputs are those of the last time.
    #[serde(default = "once")]
    times: usize,
    raw: Option<f64>,
    probability: Option<f64>,
}

fn once() -> usize {
    1
}

/// Scores the golden rows, in order and from the beginning, and compares; says how many there are.
pub(crate) fn check(
    file: &str,
    text: &str,
    model: &LoadedModel,
    scope: &InputScope,
) -> Result<usize, ScoringError> {
    let golden: Golden =
        serde_json::from_str(text).map_err(|error| ScoringError::file(file, error.to_string()))?;
    if golden.rows.is_empty() || golden.rows.len() > GOLDEN_ROWS_MAX {
        let message = format!(
            "has {} rows, 1 to {GOLDEN_ROWS_MAX} are checked",
            golden.rows.len()
        );
        return Err(ScoringError::file(file, message));
    }
    let all = (golden.rows.iter()).fold(0_usize, |all, row| all.saturating_add(row.times));
    if all > GOLDEN_ROWS_MAX {
        let message =
            format!("has {all} rows, with `times`; at most {GOLDEN_ROWS_MAX} are checked");
        return Err(ScoringError::file(file, message));
    }
    let inputs = &model.info().inputs;
    let mut runner = Runner::new(&Arc::new(model.clone()), scope);
    let mut unused = Vec::new();
    for (position, row) in golden.rows.iter().enumerate() {
        let number = position + 1;
        if row.inputs.len() != inputs.len() {
            let message = format!(
                "row {number} has {} inputs, the model reads {}",
                row.inputs.len(),
                inputs.len()
            );
            return Err(ScoringError::file(file, message));
        }
        if row.times == 0 {
            let message = format!("row {number}: `times` is 0; use 1 or more");
            return Err(ScoringError::file(file, message));
        }
        let columns = inputs
            .iter()
            .zip(&row.inputs)
            .map(|(input, value)| {
                let array = column(scope.data_type(input), value, row.times).ok_or_else(|| {
                    let message = format!("row {number}: `{value}` is no value of input `{input}`");
                    ScoringError::file(file, message)
                })?;
                Ok((input.as_str(), array))
            })
            .collect::<Result<BTreeMap<&str, ArrayRef>, _>>()?;
        runner.bind(row.times, |input| columns.get(input.name()).map(Arc::clone));
        runner.score(Effort::Full, f64::INFINITY, &mut unused);
        let pairs = [
            ("raw score", row.raw, runner.raw()),
            ("probability", row.probability, runner.probability()),
        ];
        for (what, expected, got) in pairs {
            let got = got.last().copied().unwrap_or(f64::NAN);
            if let Some(expected) = expected
                && !((got - expected).abs() <= golden.tolerance || got == expected)
            {
                return Err(ScoringError::Golden {
                    file: file.to_owned(),
                    row: number,
                    what,
                    expected,
                    got,
                });
            }
        }
    }
    Ok(golden.rows.len())
}

/// A column of `value`, `times` over.
fn column(data_type: Option<DataType>, value: &Value, times: usize) -> Option<ArrayRef> {
    let missing = value.is_null();
    let whole = || match missing {
        true => Some(None),
        false => value.as_i64().map(Some),
    };
    Some(match data_type? {
        DataType::Utf8 => {
            let text = match value {
                Value::Null => None,
                other => Some(other.as_str()?),
            };
            Arc::new(StringArray::from(vec![text; times]))
        }
        DataType::Int64 => Arc::new(Int64Array::from(vec![whole()?; times])),
        DataType::Boolean => {
            let truth = match value {
                Value::Null => None,
                // A truth value counts as 1 or 0 wherever a number is wanted.
                other => Some(match other.as_i64() {
                    Some(0) => false,
                    Some(1) => true,
                    _ => other.as_bool()?,
                }),
            };
            Arc::new(BooleanArray::from(vec![truth; times]))
        }
        DataType::Timestamp(..) => {
            Arc::new(TimestampMillisecondArray::from(vec![whole()?; times]).with_timezone("UTC"))
        }
        _ => {
            let number = match value {
                Value::Null => None,
                Value::String(text) if text == "inf" => Some(f64::INFINITY),
                Value::String(text) if text == "-inf" => Some(f64::NEG_INFINITY),
                other => Some(other.as_f64()?),
            };
            Arc::new(Float64Array::from(vec![number; times]))
        }
    })
}
