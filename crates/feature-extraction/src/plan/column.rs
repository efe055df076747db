//! A feature's values, made of what was taken of the records of a chunk: one column after the other, in loops
//! that do the same to every record.

use std::fmt::Debug;

use arrow::buffer::ScalarBuffer;

use super::ids::{NumberId, Slot};

/// What was taken of the records of a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk<'a> {
    /// Record after record, one value per slot.
    pub(crate) values: &'a [u64],
    pub(crate) slots: usize,
    /// Row of the batch of each record.
    pub(crate) rows: &'a [usize],
    /// Event time of each record of the batch.
    pub(crate) times_ms: &'a [i64],
    /// The numbers of the records of the batch, one list per number of the plan.
    pub(crate) numbers: &'a [ScalarBuffer<f64>],
}

/// How the values of a feature are made. Called once per chunk, so that its loop is compiled for this feature
/// alone.
pub(crate) trait Column: Debug + Send + Sync {
    /// Writes the value of every record of `chunk` to `run`, in order; NaN where there is none.
    fn fill(&self, chunk: &Chunk<'_>, run: &mut [f64]);

    /// Whether `run` may get [`OVERFLOWN`] where the value of a record cannot be told.
    fn may_overflow(&self) -> bool {
        false
    }
}

/// What stands for the value of a record for which numbers on the way to it do not fit. No value, as any NaN,
/// but told from the others by its bits.
pub(crate) const OVERFLOWN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Whether a value is [`OVERFLOWN`].
#[inline]
pub(crate) fn is_overflown(value: f64) -> bool {
    value.to_bits() == OVERFLOWN.to_bits()
}

impl<'a> Chunk<'a> {
    /// The words of a slot.
    #[inline]
    pub(crate) fn words(&self, slot: Slot) -> impl Iterator<Item = u64> + use<'a> {
        // Without a slot there are no features to be made of one.
        let records = self.values.chunks_exact(self.slots.max(1));
        records.map(move |values| values[slot])
    }

    /// A slot that holds the bits of floats.
    #[inline]
    pub(crate) fn floats(&self, slot: Slot) -> impl Iterator<Item = f64> + use<'a> {
        self.words(slot).map(f64::from_bits)
    }

    /// A slot that holds integers.
    #[inline]
    pub(crate) fn integers(&self, slot: Slot) -> impl Iterator<Item = i64> + use<'a> {
        self.words(slot).map(u64::cast_signed)
    }

    /// Two slots that hold numbers of 128 bits, the low half first.
    #[inline]
    pub(crate) fn wide(&self, slot: Slot) -> impl Iterator<Item = u128> + use<'a> {
        let halves = self.words(slot).zip(self.words(slot + 1));
        halves.map(|(low, high)| u128::from(low) | u128::from(high) << 64)
    }

    /// The event times of the records.
    #[inline]
    pub(crate) fn times_ms(&self) -> impl Iterator<Item = i64> + use<'a> {
        let times_ms = self.times_ms;
        self.rows.iter().map(|row| times_ms[*row])
    }

    /// A number of the records themselves.
    #[inline]
    pub(crate) fn numbers(&self, number: NumberId) -> impl Iterator<Item = f64> + use<'a> {
        let numbers = &self.numbers[number];
        self.rows.iter().map(|row| numbers[*row])
    }
}

/// A feature that is an integer that was taken.
#[derive(Debug)]
pub(crate) struct Integer(pub(crate) Slot);

impl Column for Integer {
    fn fill(&self, chunk: &Chunk<'_>, run: &mut [f64]) {
        put(run, chunk.integers(self.0).map(|value| value as f64));
    }
}

/// A feature that is a float that was taken.
#[derive(Debug)]
pub(crate) struct Float(pub(crate) Slot);

impl Column for Float {
    fn fill(&self, chunk: &Chunk<'_>, run: &mut [f64]) {
        put(run, chunk.floats(self.0));
    }
}

/// Writes `values` to `run`.
#[inline]
pub(crate) fn put(run: &mut [f64], values: impl Iterator<Item = f64>) {
    for (place, value) in run.iter_mut().zip(values) {
        *place = value;
    }
}
