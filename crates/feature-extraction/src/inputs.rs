//! What the records of a batch contribute, computed column by column before any state is touched.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, PrimitiveArray, StringArray, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};
use foldhash::quality::FixedState;
use tillwatch_predicate::Predicate;
use tillwatch_records::column::ColumnType;
use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};
use tillwatch_records::{Column, EventBatch, RecordKind};

use crate::catalog::Source;
use crate::feature::histogram::bucket_of;
use crate::feature::place::Place;
use crate::layout::{CountField, Layout, NumberField, RawField, set64, set128};
use crate::plan::{Bit, BitId, Number, NumberId, Plan};

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
    hashes: Vec<Vec<ArrayRef>>,
    /// Values of the plan's numbers.
    numbers: Vec<Float64Array>,
    event_ids: Option<&'a StringArray>,
    /// Which rows satisfy the plan's label predicates.
    labels: Vec<BooleanBuffer>,
    /// When the transaction of a label happened, where one says so.
    occurred_ms: Option<&'a PrimitiveArray<TimestampMillisecondType>>,
    kinds: &'a [RecordKind],
}

impl<'a> Inputs<'a> {
    /// Evaluates filters and expressions over `events`. A column that is not there is null.
    pub(crate) fn new(plan: &'a Plan, events: &'a EventBatch) -> Self {
        let rows = events.len();
        let inputs = |names: &[String]| -> Vec<ArrayRef> {
            names
                .iter()
                .map(|name| array_named(plan, events, name))
                .collect()
        };
        let evaluate = |predicates: &[Arc<Predicate>]| -> Vec<BooleanBuffer> {
            let evaluate = |p: &Arc<Predicate>| p.evaluate(&inputs(p.inputs()), rows);
            predicates.iter().map(evaluate).collect()
        };
        let predicates = evaluate(&plan.predicates);
        let arrays = |sources: &[Source]| -> Vec<ArrayRef> {
            sources.iter().map(|s| array_of(events, s)).collect()
        };
        let sources = |fields: &[NumberField]| -> Vec<ArrayRef> {
            fields.iter().map(|f| array_of(events, &f.source)).collect()
        };
        let numbers = plan.numbers.iter().map(|number| match number {
            Number::Column(source) => as_floats(&array_of(events, source)),
            Number::Expression(e) => e.evaluate(&inputs(e.inputs()), rows),
        });
        let layout = &plan.layout;
        let occurred = events.column(Column::OccurredTime);
        Self {
            plan,
            times_ms: times_of(events),
            bits: plan
                .bits
                .iter()
                .map(|bit| evaluate_bit(bit, &predicates, events))
                .collect(),
            sums: sources(&layout.sums),
            squares: sources(&layout.squares),
            raws: layout
                .raws
                .iter()
                .map(|field| match field {
                    RawField::Hash { sources, .. } => arrays(sources),
                    _ => Vec::new(),
                })
                .collect(),
            hashes: plan.hashes.iter().map(|sources| arrays(sources)).collect(),
            numbers: numbers.collect(),
            event_ids: events.text(Column::EventId),
            labels: if events.all_transactions() {
                Vec::new()
            } else {
                evaluate(&plan.labels)
            },
            occurred_ms: occurred.and_then(|array| array.as_primitive_opt()),
            kinds: &events.kinds,
        }
    }

    /// Whether `bit` is set on `row`.
    #[inline]
    pub(crate) fn bit(&self, bit: BitId, row: usize) -> bool {
        self.bits[bit].value(row)
    }

    /// A number of `row`, NaN where it has no value.
    #[inline]
    pub(crate) fn number(&self, number: NumberId, row: usize) -> f64 {
        let values = &self.numbers[number];
        if values.is_null(row) {
            return f64::NAN;
        }
        values.value(row)
    }

    /// The place that two numbers of `row` name.
    #[inline]
    pub(crate) fn place(&self, lat: NumberId, lon: NumberId, row: usize) -> Place {
        Place {
            lat: self.number(lat, row),
            lon: self.number(lon, row),
        }
    }

    /// Hash of the columns of the plan's `hash` in `row`; 0 where one is null.
    #[inline]
    pub(crate) fn hash(&self, hash: usize, row: usize) -> u64 {
        let arrays = &self.hashes[hash];
        if arrays.iter().any(|array| array.is_null(row)) {
            return 0;
        }
        hash_of(arrays, row)
    }

    /// What a label in `row` finds its transaction by: the hash of its event id, and when the
    /// transaction happened.
    pub(crate) fn label(&self, row: usize) -> Label {
        let bits = self.labels.iter().enumerate();
        Label {
            id: self.id(row),
            occurred_ms: self
                .occurred_ms
                .filter(|times| times.is_valid(row))
                .map(|times| times.value(row)),
            bits: bits.fold(0, |all, (bit, set)| all | u32::from(set.value(row)) << bit),
        }
    }

    /// Identity of the transaction in `row`, or that a label speaks of.
    fn id(&self, row: usize) -> u64 {
        match self.event_ids.filter(|ids| ids.is_valid(row)) {
            Some(ids) => FixedState::with_seed(VALUE_SEED)
                .hash_one(ids.value(row).as_bytes())
                .max(NAMELESS_ID + 1),
            None => NAMELESS_ID,
        }
    }

    /// What `rows` contribute, one row of the plan's layout after the other, into `deltas`.
    pub(crate) fn fill(&self, rows: Range<usize>, deltas: &mut Vec<u32>) {
        let layout = &self.plan.layout;
        let stride = layout.stride;
        deltas.clear();
        deltas.resize(rows.len() * stride, 0);
        for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows.clone()) {
            set64(delta, 0, self.times_ms[row].cast_unsigned());
        }
        for (index, field) in layout.counts.iter().enumerate() {
            let at = Layout::COUNTS_AT + index;
            match *field {
                CountField::Bit(bit) => {
                    let bits = &self.bits[bit];
                    for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows.clone()) {
                        delta[at] = u32::from(bits.value(row));
                    }
                }
                CountField::Known {
                    bit,
                    number,
                    is_log,
                } => {
                    for (delta, row) in deltas.chunks_exact_mut(stride).zip(rows.clone()) {
                        let is_known =
                            self.bit(bit, row) && is_number(self.number(number, row), is_log);
                        delta[at] = u32::from(is_known);
                    }
                }
                // Found when the record meets its key.
                CountField::Event(_) => {}
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
        let mut at = layout.raws_at;
        for (field, arrays) in layout.raws.iter().zip(&self.raws) {
            self.fill_raw(field, arrays, at, rows.clone(), deltas);
            at += field.words();
        }
    }

    fn fill_raw(
        &self,
        field: &RawField,
        arrays: &[ArrayRef],
        at: usize,
        rows: Range<usize>,
        deltas: &mut [u32],
    ) {
        let stride = self.plan.layout.stride;
        let rows = deltas.chunks_exact_mut(stride).zip(rows);
        match *field {
            RawField::Hash { bit, .. } => {
                let bits = &self.bits[bit];
                for (delta, row) in rows {
                    if bits.value(row) {
                        set64(delta, at, hash_of(arrays, row));
                    }
                }
            }
            RawField::Float { bit, number } => {
                for (delta, row) in rows {
                    let value = if self.bit(bit, row) {
                        self.number(number, row)
                    } else {
                        f64::NAN
                    };
                    set64(delta, at, value.to_bits());
                }
            }
            RawField::Bucket {
                bit,
                number,
                is_log,
            } => {
                for (delta, row) in rows {
                    if self.bit(bit, row) {
                        delta[at] = bucket_word(self.number(number, row), is_log);
                    }
                }
            }
            RawField::Id => {
                for (delta, row) in rows {
                    if self.kinds[row] == RecordKind::Transaction {
                        set64(delta, at, self.id(row));
                    }
                }
            }
            // No label has arrived yet.
            RawField::Labels => {}
        }
    }
}

/// A label and the transaction that it speaks of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    /// Identity of the transaction, [`NAMELESS_ID`] where the label does not say.
    pub(crate) id: u64,
    pub(crate) occurred_ms: Option<i64>,
    /// One bit per label predicate that it satisfies.
    pub(crate) bits: u32,
}

/// Identity of a transaction without an event id; 0 is that of a record that is no transaction.
pub(crate) const NAMELESS_ID: u64 = 1;

/// What is added to a bucket so that 0 is free to stand for "does not count": buckets lie between
/// ±2¹⁸.
pub(crate) const BUCKET_BIAS: i32 = 1 << 20;

/// The bucket of `value` as a word of a row; 0 where it has none.
#[inline]
pub(crate) fn bucket_word(value: f64, is_log: bool) -> u32 {
    if !is_number(value, is_log) {
        return 0;
    }
    (bucket_of(value) + BUCKET_BIAS).cast_unsigned()
}

/// Whether `value` is there, and has a logarithm if that is what counts.
#[inline]
fn is_number(value: f64, is_log: bool) -> bool {
    !(value.is_nan() || is_log && value <= 0.0)
}

fn array_named(plan: &Plan, events: &EventBatch, name: &str) -> ArrayRef {
    if let Some(array) = events.named(name) {
        return Arc::clone(array);
    }
    let joined = || plan.joined_needed().iter().find(|s| *s.name == *name);
    let kind = Column::from_name(name).map(Column::kind);
    let kind = kind.or_else(|| joined().map(|source| source.kind));
    let data_type = kind.unwrap_or(ColumnType::Float64).data_type();
    new_null_array(&data_type, events.len())
}

fn array_of(events: &EventBatch, source: &Source) -> ArrayRef {
    let found = match source.column {
        Some(column) => events.column(column),
        None => events.named(&source.name),
    };
    match found {
        Some(array) => Arc::clone(array),
        None => new_null_array(&source.kind.data_type(), events.len()),
    }
}

fn as_floats(array: &ArrayRef) -> Float64Array {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return floats.clone();
    }
    match array.as_primitive_opt::<Int64Type>() {
        Some(integers) => integers.unary(|value| value as f64),
        None => Float64Array::new_null(array.len()),
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
    for source in &bit.not_null {
        match events.named(&source.name) {
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
