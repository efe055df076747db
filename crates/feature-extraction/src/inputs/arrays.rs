//! The columns of a batch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, new_null_array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{Float64Type, Int64Type};
use tillwatch_records::column::ColumnType;
use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};
use tillwatch_records::{Column, EventBatch};

use crate::catalog::InputColumn;
use crate::plan::Plan;

/// The column called `name`; null where it is not there.
pub(super) fn array_named(plan: &Plan, events: &EventBatch, name: &str) -> ArrayRef {
    if let Some(array) = events.named(name) {
        return Arc::clone(array);
    }
    let joined = || plan.joined_needed().iter().find(|s| *s.name == *name);
    let kind = Column::from_name(name).map(Column::kind);
    let kind = kind.or_else(|| joined().map(|input| input.kind));
    let data_type = kind.unwrap_or(ColumnType::Float64).data_type();
    new_null_array(&data_type, events.len())
}

/// The column of `input`, where it is there.
pub(super) fn array_of<'a>(events: &'a EventBatch, input: &InputColumn) -> Option<&'a ArrayRef> {
    match input.column {
        Some(column) => events.column(column),
        None => events.named(&input.name),
    }
}

/// As [`array_of`]; null where it is not there.
pub(super) fn any_array_of(events: &EventBatch, input: &InputColumn) -> ArrayRef {
    match array_of(events, input) {
        Some(array) => Arc::clone(array),
        None => new_null_array(&input.kind.data_type(), events.len()),
    }
}

/// The numbers of a column, NaN where there is none.
pub(super) fn as_floats(array: Option<&ArrayRef>, rows: usize) -> ScalarBuffer<f64> {
    let floats = array.and_then(|array| {
        let integers = || array.as_primitive_opt::<Int64Type>();
        let floats = array.as_primitive_opt::<Float64Type>().cloned();
        floats.or_else(|| Some(integers()?.unary(|value| value as f64)))
    });
    with_nan(floats, rows)
}

/// The values, NaN where there is none.
pub(super) fn with_nan(array: Option<Float64Array>, rows: usize) -> ScalarBuffer<f64> {
    match array {
        Some(array) if array.null_count() == 0 => array.into_parts().1,
        Some(array) => array
            .iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect(),
        None => vec![f64::NAN; rows].into(),
    }
}

/// Event times; a batch without them falls back to the record timestamps.
pub(super) fn times_of(events: &EventBatch) -> Vec<i64> {
    let times = events
        .event_times_ms()
        .unwrap_or(&events.record_timestamps_ms);
    times
        .iter()
        .map(|time| (*time).clamp(EVENT_TIME_MS_MIN, EVENT_TIME_MS_MAX))
        .collect()
}
