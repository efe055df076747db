//! What the records of a batch contribute, computed column by column before any state is touched.

use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};
use foldhash::quality::FixedState;
use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};
use tillwatch_records::{Column, EventBatch, RecordKind};

use crate::layout::{Layout, NumberField, RawField, set64, set128};
use crate::plan::{Bit, Plan};

/// Seed of the hash of values; part of the state's meaning, so it never changes.
const VALUE_SEED: u64 = 0x7469_6c6c_7761_7463;

/// Stands for null inside a tuple of values.
const NULL_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

/// A batch with every filter evaluated.
pub(crate) struct Inputs<'a> {
    plan: &'a Plan,
    /// Event time of each row, within the bounds that decoding enforces.
    pub(crate) times_ms: Vec<i64>,
    /// Which rows count, one per bit of the plan.
    bits: Vec<BooleanBuffer>,
    /// Arrays of the columns that fields read.
    sums: Vec<ArrayRef>,
    squares: Vec<ArrayRef>,
    raws: Vec<Vec<ArrayRef>>,
    /// Values of the plan's expressions.
    pub(crate) expressions: Vec<Float64Array>,
}

impl<'a> Inputs<'a> {
    /// Evaluates filters and expressions over `events`. A column that is not projected is null.
    pub(crate) fn new(plan: &'a Plan, events: &EventBatch) -> Self {
        let rows = events.len();
        let column = |column: Column| array_of(events, column);
        let inputs = |names: &[String]| -> Vec<ArrayRef> {
            let columns = names.iter().filter_map(|name| Column::from_name(name));
            columns.map(column).collect()
        };
        let predicates: Vec<BooleanBuffer> = plan
            .predicates
            .iter()
            .map(|predicate| predicate.evaluate(&inputs(predicate.inputs()), rows))
            .collect();
        let expressions = plan
            .expressions
            .iter()
            .map(|expression| expression.evaluate(&inputs(expression.inputs()), rows));
        let numbers = |fields: &[NumberField]| fields.iter().map(|f| column(f.column)).collect();
        let layout = &plan.layout;
        Self {
            plan,
            times_ms: times_of(events),
            bits: plan
                .bits
                .iter()
                .map(|bit| evaluate_bit(bit, &predicates, events))
                .collect(),
            sums: numbers(&layout.sums),
            squares: numbers(&layout.squares),
            raws: layout
                .raws
                .iter()
                .map(|field| match field {
                    RawField::Hash { columns, .. } => columns.iter().map(|c| column(*c)).collect(),
                    RawField::Float { column: of, .. } => vec![column(*of)],
                })
                .collect(),
            expressions: expressions.collect(),
        }
    }

    /// Whether `bit` is set on `row`.
    #[inline]
    pub(crate) fn bit(&self, bit: usize, row: usize) -> bool {
        self.bits[bit].value(row)
    }

    /// What `rows` contribute, one row of the plan's layout after the other, into `deltas`.
    pub(crate) fn fill(&self, rows: std::ops::Range<usize>, deltas: &mut Vec<u32>) {
        let layout = &self.plan.layout;
        let stride = layout.stride;
        deltas.clear();
        deltas.resize(rows.len() * stride, 0);
        for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows.clone()) {
            set64(delta, 0, self.times_ms[row].cast_unsigned());
        }
        for (index, bit) in layout.counts.iter().enumerate() {
            let (at, bits) = (Layout::COUNTS_AT + index, &self.bits[*bit]);
            for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows.clone()) {
                delta[at] = u32::from(bits.value(row));
            }
        }
        for (index, (field, array)) in layout.sums.iter().zip(&self.sums).enumerate() {
            let at = layout.sums_at + 2 * index;
            let Some(array) = array.as_primitive_opt::<Int64Type>() else {
                continue;
            };
            let (bits, values) = (&self.bits[field.bit], array.values());
            for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows.clone()) {
                let value = if bits.value(row) { values[row] } else { 0 };
                set64(delta, at, value.cast_unsigned());
            }
        }
        for (index, (field, array)) in layout.squares.iter().zip(&self.squares).enumerate() {
            let at = layout.squares_at + 4 * index;
            let Some(array) = array.as_primitive_opt::<Int64Type>() else {
                continue;
            };
            let (bits, values) = (&self.bits[field.bit], array.values());
            for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows.clone()) {
                let value = if bits.value(row) { values[row] } else { 0 };
                let magnitude = u128::from(value.unsigned_abs());
                set128(delta, at, magnitude * magnitude);
            }
        }
        for (index, (field, arrays)) in layout.raws.iter().zip(&self.raws).enumerate() {
            let at = layout.raws_at + 2 * index;
            self.fill_raw(field, arrays, at, rows.clone(), deltas);
        }
    }

    fn fill_raw(
        &self,
        field: &RawField,
        arrays: &[ArrayRef],
        at: usize,
        rows: std::ops::Range<usize>,
        deltas: &mut [u32],
    ) {
        let stride = self.plan.layout.stride;
        match field {
            RawField::Hash { bit, .. } => {
                let bits = &self.bits[*bit];
                for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows) {
                    if bits.value(row) {
                        set64(delta, at, hash_of(arrays, row));
                    }
                }
            }
            RawField::Float { bit, .. } => {
                let bits = &self.bits[*bit];
                let values = arrays
                    .first()
                    .and_then(|a| a.as_primitive_opt::<Float64Type>());
                for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows) {
                    let value = values.filter(|_| bits.value(row)).map(|v| v.value(row));
                    set64(delta, at, value.unwrap_or(f64::NAN).to_bits());
                }
            }
        }
    }
}

fn array_of(events: &EventBatch, column: Column) -> ArrayRef {
    match events.column(column) {
        Some(array) => array.clone(),
        None => new_null_array(&column.kind().data_type(), events.len()),
    }
}

/// Event times; a batch without them falls back to the record timestamps.
fn times_of(events: &EventBatch) -> Vec<i64> {
    let times = events
        .event_times_ms()
        .unwrap_or(&events.record_timestamps_ms);
    times
        .iter()
        .map(|time| (*time).clamp(EVENT_TIME_MS_MIN, EVENT_TIME_MS_MAX))
        .collect()
}

fn evaluate_bit(bit: &Bit, predicates: &[BooleanBuffer], events: &EventBatch) -> BooleanBuffer {
    let rows = events.len();
    let mut set = if bit.kind == RecordKind::Transaction && events.all_transactions() {
        BooleanBuffer::new_set(rows)
    } else {
        BooleanBuffer::collect_bool(rows, |row| events.kinds[row] == bit.kind)
    };
    for predicate in &bit.predicates {
        set = &set & &predicates[*predicate];
    }
    for column in &bit.not_null {
        match events.column(*column) {
            None => return BooleanBuffer::new_unset(rows),
            Some(array) => {
                if let Some(nulls) = array.nulls() {
                    set = &set & nulls.inner();
                }
            }
        }
    }
    set
}

/// Hash of the values of `row`; never 0, which stands for "does not count".
fn hash_of(arrays: &[ArrayRef], row: usize) -> u64 {
    let mut hash = VALUE_SEED;
    for array in arrays {
        let value = if array.is_null(row) {
            NULL_HASH
        } else {
            hash_value(array, row, hash)
        };
        hash = value;
    }
    hash.max(1)
}

fn hash_value(array: &ArrayRef, row: usize, seed: u64) -> u64 {
    let state = FixedState::with_seed(seed);
    if let Some(text) = array.as_string_opt::<i32>() {
        state.hash_one(text.value(row).as_bytes())
    } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        state.hash_one(numbers.value(row))
    } else if let Some(times) = array.as_primitive_opt::<TimestampMillisecondType>() {
        state.hash_one(times.value(row))
    } else if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        // Adding zero makes one value of the two zeros.
        state.hash_one((floats.value(row) + 0.0).to_bits())
    } else {
        debug_assert!(false, "a column of a type that no canonical column has");
        NULL_HASH
    }
}
