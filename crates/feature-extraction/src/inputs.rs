//! What the records of a batch contribute, computed column by column before any state is touched.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use arrow::datatypes::TimestampMillisecondType;
use tillwatch_predicate::PredicateSet;
use tillwatch_records::{Column, EventBatch, RecordKind};

use self::arrays::{any_array_of, array_named, array_of, as_floats, times_of, with_nan};
use self::hash::Hashes;
use self::summed::{Summed, is_fixed};
use crate::catalog::InputColumn;
use crate::memory::place::Place;
use crate::plan::{
    Bit, BitId, CountField, Layout, Number, NumberId, Plan, RawField, SQUARE_WORDS, SUM_WORDS, Term,
};
use crate::structures::histogram::bucket_word;
use crate::times::squared;
use crate::words::{set64, set128};

mod arrays;
mod hash;
mod summed;

/// A batch with every filter evaluated.
pub(crate) struct Inputs<'a> {
    plan: &'a Plan,
    /// Event time of each row, within the bounds that decoding enforces.
    pub(crate) times_ms: Vec<i64>,
    /// Which rows count, one per bit of the plan.
    bits: Vec<BooleanBuffer>,
    /// What is summed, what is squared and summed, and what the wide sums are of.
    sums: Vec<Summed>,
    squares: Vec<Summed>,
    wide: Vec<Summed>,
    /// Hashes of the plan's tuples of columns.
    hashes: Vec<Hashes>,
    /// Values of the plan's numbers, NaN where there is none.
    numbers: Vec<ScalarBuffer<f64>>,
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
        let evaluate = |set: &PredicateSet| {
            let names = set.inputs().iter();
            let arrays: Vec<ArrayRef> = names.map(|n| array_named(plan, events, n)).collect();
            set.evaluate(&arrays, rows)
        };
        let filters = evaluate(&plan.filters);
        let times_ms = times_of(events);
        let mut expressions = filters.expressions.into_iter();
        let numbers = plan.numbers.iter().map(|number| match number {
            Number::Column(input) => as_floats(array_of(events, input), rows),
            Number::Expression(_) => with_nan(expressions.next(), rows),
        });
        let numbers: Vec<ScalarBuffer<f64>> = numbers.collect();
        let summed =
            |term: &Term, is_wide| Summed::of((term, is_wide), events, &numbers, &times_ms);
        let sums = plan.layout.sums.iter().map(|t| summed(t, false)).collect();
        let squares = plan.layout.squares.iter();
        let squares = squares.map(|t| summed(t, false)).collect();
        let wide = plan.layout.wide.iter().map(|t| summed(t, true)).collect();
        let tuple = |inputs: &Vec<InputColumn>| {
            let arrays: Vec<ArrayRef> = inputs.iter().map(|s| any_array_of(events, s)).collect();
            Hashes::new(&arrays, rows)
        };
        let occurred = events.column(Column::OccurredTime);
        Self {
            plan,
            times_ms,
            bits: bits_of(plan, &filters.predicates, events),
            sums,
            squares,
            wide,
            hashes: plan.hashes.iter().map(tuple).collect(),
            numbers,
            event_ids: events.text(Column::EventId),
            labels: if events.all_transactions() {
                Vec::new()
            } else {
                evaluate(&plan.label_filters).predicates
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
        self.numbers[number][row]
    }

    /// All numbers of all rows, one list per number of the plan.
    #[inline]
    pub(crate) fn numbers(&self) -> &[ScalarBuffer<f64>] {
        &self.numbers
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
        self.hashes[hash].known(row)
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
            Some(ids) => {
                let id = self.plan.ids.id(ids.value(row).as_bytes());
                id.max(NAMELESS_ID + 1)
            }
            None => NAMELESS_ID,
        }
    }

    /// What `rows` contribute, one row of the plan's layout after the other, into `deltas`.
    pub(crate) fn fill(&self, rows: Range<usize>, deltas: &mut Vec<u32>) {
        let layout = &self.plan.layout;
        deltas.clear();
        deltas.resize(rows.len() * layout.places.stride, 0);
        let times = &self.times_ms[rows.clone()];
        for (delta, time) in deltas.chunks_exact_mut(layout.places.stride).zip(times) {
            set64(delta, 0, time.cast_unsigned());
        }
        let mut rows = Rows {
            first: rows.start,
            stride: layout.places.stride,
            deltas,
        };
        for (at, field) in (Layout::COUNTS_AT..).zip(&layout.counts) {
            self.fill_count(field, at, &mut rows);
        }
        for (index, (term, values)) in layout.sums.iter().zip(&self.sums).enumerate() {
            let at = layout.places.sums_at + SUM_WORDS * index;
            rows.each_set(&self.bits[term.bit], values.values(), |delta, value| {
                set64(delta, at, value.cast_unsigned());
            });
        }
        for (index, (term, values)) in layout.squares.iter().zip(&self.squares).enumerate() {
            let at = layout.places.squares_at + SQUARE_WORDS * index;
            rows.each_set(&self.bits[term.bit], values.values(), |delta, value| {
                set128(delta, at, squared(value));
            });
        }
        for (index, (term, values)) in layout.wide.iter().zip(&self.wide).enumerate() {
            let (at, bits) = (layout.places.wide_at + 4 * index, &self.bits[term.bit]);
            match values {
                Summed::Value(values) => rows.each_set(bits, values, |delta, value| {
                    set128(delta, at, squared(value));
                }),
                Summed::Product(products) => rows.each_set(bits, products, |delta, product| {
                    set128(delta, at, product.cast_unsigned());
                }),
            }
        }
        let mut at = layout.places.raws_at;
        for (field, hash) in layout.raws.iter().zip(&self.plan.raw_hashes) {
            self.fill_raw(field, *hash, at, &mut rows);
            at += field.words();
        }
    }

    fn fill_count(&self, field: &CountField, at: usize, rows: &mut Rows<'_>) {
        match *field {
            CountField::Bit(bit) => rows.each(&self.bits[bit], |delta, is_set, _| {
                delta[at] = u32::from(is_set);
            }),
            CountField::Known {
                bit,
                number,
                is_log,
            } => rows.each_set(&self.bits[bit], &self.numbers[number], |delta, value| {
                delta[at] = u32::from(is_number(value, is_log));
            }),
            CountField::Fixed { bit, number } => {
                rows.each_set(&self.bits[bit], &self.numbers[number], |delta, value| {
                    delta[at] = u32::from(is_fixed(value));
                });
            }
            // Resolved with what the key remembers.
            CountField::Event(_) | CountField::Reused(_) => {}
        }
    }

    fn fill_raw(&self, field: &RawField, hash: Option<usize>, at: usize, rows: &mut Rows<'_>) {
        match *field {
            RawField::Hash { bit, .. } => {
                let values = hash.map_or(&[][..], |hash| self.hashes[hash].values());
                rows.each_set(&self.bits[bit], values, |delta, value| {
                    set64(delta, at, value);
                });
            }
            RawField::Float { bit, number } => {
                let values = &self.numbers[number];
                rows.each(&self.bits[bit], |delta, is_set, row| {
                    let value = if is_set { values[row] } else { f64::NAN };
                    set64(delta, at, value.to_bits());
                });
            }
            RawField::Bucket {
                bit,
                number,
                is_log,
            } => rows.each_set(&self.bits[bit], &self.numbers[number], |delta, value| {
                if is_number(value, is_log) {
                    delta[at] = bucket_word(value);
                }
            }),
            RawField::Id => {
                let deltas = rows.deltas.chunks_exact_mut(rows.stride);
                for (delta, row) in deltas.zip(rows.first..) {
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

/// Rows to be filled, column by column.
struct Rows<'a> {
    /// Number in the batch of the first of them.
    first: usize,
    stride: usize,
    deltas: &'a mut [u32],
}

impl Rows<'_> {
    /// Calls `each` with every row's words, whether its bit is set, and its number in the batch.
    #[inline(always)]
    fn each(&mut self, bits: &BooleanBuffer, mut each: impl FnMut(&mut [u32], bool, usize)) {
        let bits = bits.slice(self.first, self.deltas.len() / self.stride);
        let blocks = self.deltas.chunks_mut(64 * self.stride);
        let starts = (self.first..).step_by(64);
        for ((block, mut word), start) in blocks.zip(bits.bit_chunks().iter_padded()).zip(starts) {
            for (delta, row) in block.chunks_exact_mut(self.stride).zip(start..) {
                each(delta, word & 1 == 1, row);
                word >>= 1;
            }
        }
    }

    /// Calls `each` with the words and the value of every row whose bit is set; of none when there are
    /// no values.
    #[inline(always)]
    fn each_set<T: Copy>(
        &mut self,
        bits: &BooleanBuffer,
        values: &[T],
        mut each: impl FnMut(&mut [u32], T),
    ) {
        if values.is_empty() {
            return;
        }
        self.each(bits, |delta, is_set, row| {
            if is_set {
                each(delta, values[row]);
            }
        });
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

/// Whether `value` is there, and has a logarithm if that is what counts.
#[inline]
fn is_number(value: f64, is_log: bool) -> bool {
    !(value.is_nan() || is_log && value <= 0.0)
}

/// Which rows count, per bit of the plan; `filters` are those of the plan's predicates.
fn bits_of(plan: &Plan, filters: &[BooleanBuffer], events: &EventBatch) -> Vec<BooleanBuffer> {
    let rows = events.len();
    let is_of = |kind: RecordKind| {
        if kind == RecordKind::Transaction && events.all_transactions() {
            return BooleanBuffer::new_set(rows);
        }
        BooleanBuffer::collect_bool(rows, |row| events.kinds[row] == kind)
    };
    let kinds: Vec<_> = plan
        .kinds
        .iter()
        .map(|kind| (*kind, is_of(*kind)))
        .collect();
    let bit = |bit: &Bit| {
        let known = kinds.iter().find(|(kind, _)| *kind == bit.kind);
        let mut set = known.map_or_else(|| is_of(bit.kind), |(_, set)| set.clone());
        for filter in &bit.predicates {
            set = &set & &filters[*filter];
        }
        for input in &bit.not_null {
            match array_of(events, input) {
                None => return BooleanBuffer::new_unset(rows),
                Some(array) => {
                    if let Some(nulls) = array.nulls() {
                        set = &set & nulls.inner();
                    }
                }
            }
        }
        set
    };
    plan.bits.iter().map(bit).collect()
}
