//! The rows at hand, and what a node is asked about them.

use arrow::array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::ArrowPrimitiveType;

use super::arena::Arena;
use super::bits::{bits, low_bits, word};
use super::lanes::{LANES, Logic};
use super::memo::Memo;

/// Up to 64 consecutive rows of the inputs.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    inputs: &'a [ArrayRef],
    /// Texts that no input holds.
    pub(super) arena: &'a Arena,
    /// What a set keeps of shared nodes.
    pub(super) memo: Option<&'a Memo>,
    pub(super) start: usize,
    /// 1 to 64.
    pub(crate) len: usize,
    /// The low `len` bits.
    pub(crate) all: u64,
}

/// A node that gives a value per row.
pub(crate) trait Evaluate {
    /// One row's value.
    type Item<'a>: Copy + PartialOrd + Default
    where
        Self: 'a;

    /// Writes the values of the block's rows into `lanes` and returns which of them are known. The
    /// lanes of unknown ones hold anything.
    fn evaluate<'a>(&'a self, block: &Block<'a>, lanes: &mut [Self::Item<'a>; LANES]) -> u64;
}

impl<'a> Block<'a> {
    /// Where the blocks of `rows` rows start.
    pub(crate) fn starts(rows: usize) -> impl Iterator<Item = usize> {
        (0..rows).step_by(LANES)
    }

    /// The block of `rows` rows that starts at `start`, which is below `rows`. An arena serves one
    /// block, so that what it keeps stays small.
    pub(crate) fn at(inputs: &'a [ArrayRef], rows: usize, start: usize, arena: &'a Arena) -> Self {
        let len = LANES.min(rows - start);
        Self {
            inputs,
            arena,
            memo: None,
            start,
            len,
            all: low_bits(len),
        }
    }

    /// The block with somewhere to keep what shared nodes give; forgets what another block left there.
    pub(crate) fn with_memo(self, memo: &'a Memo) -> Self {
        memo.next_block();
        Self {
            memo: Some(memo),
            ..self
        }
    }

    fn array<T: 'static>(&self, slot: usize) -> Option<&'a T> {
        let array = self.inputs.get(slot)?;
        let typed = array.as_any().downcast_ref::<T>();
        debug_assert!(typed.is_some(), "input {slot} has {:?}", array.data_type());
        debug_assert!(array.len() >= self.start + self.len);
        typed.filter(|_| array.len() >= self.start + self.len)
    }

    fn primitive<T: ArrowPrimitiveType>(&self, slot: usize) -> Option<(&'a [T::Native], u64)> {
        let array = self.array::<PrimitiveArray<T>>(slot)?;
        let values = array.values().get(self.start..self.start + self.len)?;
        Some((values, self.known(array.nulls())))
    }

    /// The values of an integer column and which are not null.
    pub(crate) fn ints(&self, slot: usize) -> Option<(&'a [i64], u64)> {
        self.primitive::<arrow::datatypes::Int64Type>(slot)
    }

    /// The same of a time column.
    pub(crate) fn times(&self, slot: usize) -> Option<(&'a [i64], u64)> {
        self.primitive::<arrow::datatypes::TimestampMillisecondType>(slot)
    }

    /// The same of a column of doubles; NaN counts as null.
    pub(crate) fn floats(&self, slot: usize) -> Option<(&'a [f64], u64)> {
        let (values, known) = self.primitive::<arrow::datatypes::Float64Type>(slot)?;
        let numbers = || bits(values, |value| !value.is_nan());
        let numbers = match self.memo {
            Some(memo) => memo.numbers(slot, numbers),
            None => numbers(),
        };
        Some((values, known & numbers))
    }

    /// A text column, the row it starts at, and which rows are not null.
    pub(crate) fn texts(&self, slot: usize) -> Option<(&'a StringArray, usize, u64)> {
        let array = self.array::<StringArray>(slot)?;
        Some((array, self.start, self.known(array.nulls())))
    }

    /// The truth values of a boolean column.
    pub(super) fn bools(&self, slot: usize) -> Option<Logic> {
        let array = self.array::<BooleanArray>(slot)?;
        let known = self.known(array.nulls());
        let truth = word(array.values(), self.start) & known;
        Some(Logic { truth, known })
    }

    /// Which rows of column `slot` are not null, without reading values of other types than doubles.
    fn known(&self, nulls: Option<&NullBuffer>) -> u64 {
        match nulls {
            None => self.all,
            Some(nulls) => word(nulls.inner(), self.start) & self.all,
        }
    }

    /// Truth values that are known everywhere in the block.
    pub(super) fn certain(&self, truth: u64) -> Logic {
        Logic {
            truth,
            known: self.all,
        }
    }
}
