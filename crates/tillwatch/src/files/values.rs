//! Values of files as what is asked for: a number or truth value as a double, 1 being true.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;

/// A column of Parquet as `wanted`.
pub fn fit(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, String> {
    let found = column.data_type();
    let value = match found {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    let is_number = value.is_numeric() || matches!(value, DataType::Boolean);
    let is_text = matches!(
        value,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    let is_time = matches!(
        value,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64
    );
    let fits = match wanted {
        _ if value == wanted || matches!(value, DataType::Null) => true,
        DataType::Utf8 => is_text || value.is_integer(),
        DataType::Timestamp(..) => is_time,
        _ => is_number,
    };
    if !fits {
        return Err(format!("has type {found}, {} is needed", words(wanted)));
    }
    cast(column, wanted).map_err(|error| error.to_string())
}

/// A column of text as `wanted`.
pub fn from_text(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, String> {
    let texts = column.as_string::<i32>();
    if *wanted == DataType::Utf8 {
        return Ok(Arc::clone(column));
    }
    if matches!(wanted, DataType::Timestamp(..)) {
        return cast(column, wanted).map_err(|error| error.to_string());
    }
    let numbers = texts.iter().map(|text| match text {
        None => Ok(None),
        Some(text) => number(text).map(Some),
    });
    let numbers: Float64Array = numbers.collect::<Result<_, String>>()?;
    cast(&(Arc::new(numbers) as ArrayRef), wanted).map_err(|error| error.to_string())
}

/// Values of JSON as `wanted`; infinities and NaN are the texts of them, as JSON has none.
pub fn from_json<'a>(
    values: impl Iterator<Item = &'a Value>,
    wanted: &DataType,
) -> Result<ArrayRef, String> {
    if matches!(wanted, DataType::Utf8 | DataType::Timestamp(..)) {
        return from_text(&text_of(values), wanted);
    }
    let numbers = values.map(|value| match value {
        Value::Null => Ok(None),
        Value::Bool(truth) => Ok(Some(f64::from(u8::from(*truth)))),
        Value::String(text) if number(text).is_ok_and(|number| !number.is_finite()) => {
            number(text).map(Some)
        }
        other => match other.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(format!("`{other}` is no number")),
        },
    });
    let numbers: Float64Array = numbers.collect::<Result<_, String>>()?;
    cast(&(Arc::new(numbers) as ArrayRef), wanted).map_err(|error| error.to_string())
}

/// Values of JSON as text: a text as it is, anything else as JSON writes it.
pub fn text_of<'a>(values: impl Iterator<Item = &'a Value>) -> ArrayRef {
    let texts = values.map(|value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    Arc::new(texts.collect::<StringArray>())
}

/// A value as people write it; empty where there is none.
pub fn value_text(column: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options);
    formatter.map_or_else(
        |_| String::new(),
        |formatter| formatter.value(row).to_string(),
    )
}

fn number(text: &str) -> Result<f64, String> {
    match text.trim() {
        "" => Ok(f64::NAN),
        "true" | "True" | "TRUE" => Ok(1.0),
        "false" | "False" | "FALSE" => Ok(0.0),
        text => text.parse().map_err(|_| format!("`{text}` is no number")),
    }
}

fn words(wanted: &DataType) -> &'static str {
    match wanted {
        DataType::Utf8 => "text",
        DataType::Timestamp(..) => "a time",
        _ => "a number or truth value",
    }
}
