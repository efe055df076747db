//! From any Arrow type to the few that expressions read.

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};

use crate::error::ReferenceError;

/// A column of one of the types that expressions read.
#[derive(Debug, Clone)]
pub(crate) enum Reduced {
    Text(StringArray),
    Int64(Int64Array),
    Float64(Float64Array),
    /// Milliseconds since 1970, UTC.
    Time(TimestampMillisecondArray),
}

impl Reduced {
    /// `array` as one of them.
    pub(crate) fn of(name: &str, array: &ArrayRef) -> Result<Self, ReferenceError> {
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
                text(&to(array, &DataType::Utf8)?, name)
            }
            DataType::Dictionary(_, values) => Self::of(name, &to(array, values)?),
            DataType::Boolean => int64(&to(array, &DataType::Int64)?, name),
            found if found.is_integer() => int64(&to(array, &DataType::Int64)?, name),
            found if found.is_floating() || is_decimal(found) => {
                float64(&to(array, &DataType::Float64)?, name)
            }
            DataType::Date32 | DataType::Date64 => {
                let milliseconds = DataType::Timestamp(TimeUnit::Millisecond, None);
                time(&to(array, &milliseconds)?, name)
            }
            // The unit alone changes: an instant is the same in every zone, and one without is UTC.
            DataType::Timestamp(_, zone) => {
                let milliseconds = DataType::Timestamp(TimeUnit::Millisecond, zone.clone());
                time(&to(array, &milliseconds)?, name)
            }
            other => Err(refused(name, other)),
        }
    }

    /// The texts, if it is a column of them.
    pub(crate) fn as_text(&self) -> Option<&StringArray> {
        match self {
            Self::Text(texts) => Some(texts),
            _ => None,
        }
    }

    /// As an array of whatever type.
    pub(crate) fn as_array(&self) -> &dyn Array {
        match self {
            Self::Text(array) => array,
            Self::Int64(array) => array,
            Self::Float64(array) => array,
            Self::Time(array) => array,
        }
    }
}

fn text(array: &ArrayRef, name: &str) -> Result<Reduced, ReferenceError> {
    let found = array.as_string_opt().cloned().map(Reduced::Text);
    found.ok_or_else(|| refused(name, array.data_type()))
}

fn int64(array: &ArrayRef, name: &str) -> Result<Reduced, ReferenceError> {
    let found = array.as_primitive_opt().cloned().map(Reduced::Int64);
    found.ok_or_else(|| refused(name, array.data_type()))
}

fn float64(array: &ArrayRef, name: &str) -> Result<Reduced, ReferenceError> {
    let found = array.as_primitive_opt().cloned().map(Reduced::Float64);
    found.ok_or_else(|| refused(name, array.data_type()))
}

fn time(array: &ArrayRef, name: &str) -> Result<Reduced, ReferenceError> {
    let found: Option<&TimestampMillisecondArray> = array.as_primitive_opt();
    let found = found.map(|times| Reduced::Time(times.clone().with_timezone("UTC")));
    found.ok_or_else(|| refused(name, array.data_type()))
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

fn refused(name: &str, found: &DataType) -> ReferenceError {
    ReferenceError::Type {
        column: name.to_owned(),
        data_type: found.to_string(),
    }
}
