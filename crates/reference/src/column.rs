//! From any Arrow type to the few that expressions read.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, StringArray,
    TimestampMillisecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use tillwatch_records::blanks::trimmed;
use tillwatch_records::code::{CodeForm, Edition};
use tillwatch_records::column::Column;

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
            // Codes are texts, whatever the file types them as.
            found if form(name).is_some() && found.is_integer() => {
                text(&to(array, &DataType::Utf8)?, name)
            }
            _ if form(name).is_some() && is_whole(array) => {
                text(&to(&to(array, &DataType::Int64)?, &DataType::Utf8)?, name)
            }
            // Many writers leave out the mark that bytes are text.
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => {
                let bytes = to(array, &DataType::Binary)?;
                match is_utf8(&bytes) {
                    true => text(&to(&bytes, &DataType::Utf8)?, name),
                    false => Err(refused(name, array.data_type())),
                }
            }
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
    let found = array
        .as_string_opt()
        .map(|texts| Reduced::Text(as_records_have_it(name, texts)));
    found.ok_or_else(|| refused(name, array.data_type()))
}

/// `texts` as the decoder makes them of records, so that both are the same text: without blanks around them,
/// codes in the form of their column. Blanks alone are null.
fn as_records_have_it(name: &str, texts: &StringArray) -> StringArray {
    let form = form(name);
    let mut code = Vec::new();
    let texts = texts.iter().map(|text| {
        let written = text?;
        let text = trimmed(written.as_bytes());
        code.clear();
        match form {
            Some(form) if !text.is_empty() && !form.fits(text) => {
                form.mend(text, Edition::Unknown, &mut code);
            }
            _ => code.extend_from_slice(text),
        }
        let is_blank = text.is_empty() && !written.is_empty();
        (!is_blank).then(|| String::from_utf8_lossy(&code).into_owned())
    });
    texts.collect()
}

/// The form of the codes of the records' column that is called `name`, if it has codes.
fn form(name: &str) -> Option<CodeForm> {
    Column::from_name(name).and_then(CodeForm::of)
}

/// Whether all values are bytes that are text.
fn is_utf8(array: &ArrayRef) -> bool {
    let bytes: Option<&BinaryArray> = array.as_binary_opt();
    bytes.is_some_and(|bytes| {
        let mut values = bytes.iter().flatten();
        values.all(|value| std::str::from_utf8(value).is_ok())
    })
}

/// Whether all values are doubles that are integers exactly.
fn is_whole(array: &ArrayRef) -> bool {
    let exact_below = (1_i64 << f64::MANTISSA_DIGITS) as f64;
    let doubles: Option<&Float64Array> = array.as_primitive_opt();
    doubles.is_some_and(|doubles| {
        let mut values = doubles.iter().flatten();
        values.all(|value| value.fract() == 0.0 && value.abs() < exact_below)
    })
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
