//! Columns as doubles.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};

/// Every column as one slice of doubles, NaN where there is no value. A column of doubles without nulls
/// is lent, any other is copied.
pub fn doubles(columns: &[ArrayRef], rows: usize) -> Vec<Cow<'_, [f64]>> {
    let double = |array| match as_doubles(array) {
        Some(values) => Cow::Borrowed(values),
        None => {
            let mut values = vec![f64::NAN; rows];
            for_each_value(array, 0..rows, |row, value| values[row] = value);
            Cow::Owned(values)
        }
    };
    columns.iter().map(double).collect()
}

/// The values of a column of doubles without nulls.
fn as_doubles(array: &ArrayRef) -> Option<&[f64]> {
    let floats = array.as_primitive_opt::<Float64Type>()?;
    (floats.null_count() == 0).then(|| floats.values().as_ref())
}

/// The value of a number, time or truth value as a double; NaN where there is none, and for text.
pub(crate) fn value_at(array: &ArrayRef, row: usize) -> f64 {
    if row >= array.len() || array.is_null(row) {
        return f64::NAN;
    }
    if let Some(array) = array.as_primitive_opt::<Float64Type>() {
        return array.value(row);
    }
    if let Some(array) = array.as_primitive_opt::<Int64Type>() {
        return array.value(row) as f64;
    }
    if let Some(array) = array.as_primitive_opt::<TimestampMillisecondType>() {
        return array.value(row) as f64;
    }
    match array.as_boolean_opt() {
        Some(array) => f64::from(u8::from(array.value(row))),
        None => f64::NAN,
    }
}

/// Calls `each` with every row of `rows` and its value as a double, NaN for null. `rows` must lie
/// within the array.
pub(crate) fn for_each_value(
    array: &ArrayRef,
    rows: std::ops::Range<usize>,
    mut each: impl FnMut(usize, f64),
) {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>()
        && let Some(values) = floats.values().get(rows.clone())
    {
        let pairs = values.iter().enumerate();
        match floats.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => pairs.for_each(|(position, value)| each(position, *value)),
            Some(nulls) => {
                let nulls = nulls.slice(rows.start, values.len());
                pairs
                    .zip(nulls.iter())
                    .for_each(|((position, value), known)| {
                        each(position, if known { *value } else { f64::NAN });
                    });
            }
        }
        return;
    }
    for (position, row) in rows.enumerate() {
        each(position, value_at(array, row));
    }
}
