//! From any Arrow type to the few that expressions read.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit, TimestampMillisecondType};

use crate::error::ReferenceError;

/// `array` as Utf8, Int64, Float64 or Timestamp(ms, UTC).
pub(crate) fn reduce(name: &str, array: &ArrayRef) -> Result<ArrayRef, ReferenceError> {
    let to = |array: &ArrayRef, wanted: &DataType| {
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        cast_with_options(array, wanted, &options).map_err(|error| ReferenceError::Value {
            column: name.to_owned(),
            reason: error.to_string(),
        })
    };
    match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            to(array, &DataType::Utf8)
        }
        DataType::Dictionary(_, values) => reduce(name, &to(array, values)?),
        DataType::Boolean => to(array, &DataType::Int64),
        found if found.is_integer() => to(array, &DataType::Int64),
        found if found.is_floating() || is_decimal(found) => to(array, &DataType::Float64),
        DataType::Date32 | DataType::Date64 => in_utc(
            &to(array, &DataType::Timestamp(TimeUnit::Millisecond, None))?,
            name,
        ),
        // The unit alone changes: an instant is the same in every zone, and one without is UTC.
        DataType::Timestamp(_, zone) => {
            let milliseconds = DataType::Timestamp(TimeUnit::Millisecond, zone.clone());
            in_utc(&to(array, &milliseconds)?, name)
        }
        other => Err(refused(name, other)),
    }
}

fn is_decimal(found: &DataType) -> bool {
    matches!(
        found,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

fn in_utc(array: &ArrayRef, name: &str) -> Result<ArrayRef, ReferenceError> {
    match array.as_primitive_opt::<TimestampMillisecondType>() {
        Some(times) => Ok(Arc::new(times.clone().with_timezone("UTC"))),
        None => Err(refused(name, array.data_type())),
    }
}

fn refused(name: &str, found: &DataType) -> ReferenceError {
    ReferenceError::Type {
        column: name.to_owned(),
        data_type: found.to_string(),
    }
}
