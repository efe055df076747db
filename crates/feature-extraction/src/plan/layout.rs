//! What one row of a key's history holds, as 32-bit words.
//!
//! `time (2) | counts (1 each) | sums (3 each) | squares (5 each) | wide sums (4 each) | sums of squared
//! gaps (4 each) | raw values (1 or 2 each)`
//!
//! Counts and sums are running totals of all records *before* the row, wrapping; the difference of
//! two rows is exact as long as the window's own total fits. That of 2³² integers of 64 bits fits 96, that
//! of their squares 160, so that a total which does not fit the number that is made of it is told from one
//! that does. Raw values are the record's own.

use super::ids::{BitId, CountedBy, NumberId};
use crate::catalog::InputColumn;
use crate::words::{add96, add128, add160, get128};

/// Words of the event time at the start of a row.
const TIME_WORDS: usize = 2;

/// Words of a running sum of integers, and of one of squares.
pub(crate) const SUM_WORDS: usize = 3;
pub(crate) const SQUARE_WORDS: usize = 5;

/// What a running count counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountField {
    /// Records whose bit is set.
    Bit(BitId),
    /// Those of them whose number has a value, and a logarithm where that is asked for.
    Known {
        bit: BitId,
        number: NumberId,
        is_log: bool,
    },
    /// Those of them whose number can be summed exactly.
    Fixed { bit: BitId, number: NumberId },
    /// Records at which a detector found this event: an index into the plan's events.
    Event(usize),
    /// Those of the records whose bit is set that came under an event id that another one had.
    Reused(BitId),
}

/// What a record contributes to a running sum when its bit is set: a value, or the product of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) bit: BitId,
    pub(crate) factor: Factor,
    pub(crate) times: Option<Factor>,
    /// A number without which the record does not count, where it has one.
    pub(crate) known: Option<NumberId>,
}

/// An integer of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Factor {
    /// A column of integers.
    Column(InputColumn),
    /// A number in units of [`FIXED_UNIT`].
    Fixed(NumberId),
    /// The event time in milliseconds.
    Time,
}

/// What numbers are rounded to a multiple of so that sums of them are exact: about a millionth.
pub(crate) const FIXED_UNIT: f64 = 1.0 / (1u64 << 20) as f64;

/// Magnitude from which a number does not count where sums of it are exact: the nearest multiple of
/// [`FIXED_UNIT`] fits 63 bits.
pub(crate) const FIXED_MAX: f64 = (1u64 << 42) as f64;

/// Squares of the times, in milliseconds, from one counted record to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GapField {
    pub(crate) count: CountedBy,
    /// Index of the time of the newest counted record in the plan's `sinces`.
    pub(crate) since: usize,
}

/// A record's own value, kept for aggregates that need more than totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawField {
    /// Hash of one or more columns; 0 where the record does not count.
    Hash {
        bit: BitId,
        inputs: Vec<InputColumn>,
    },
    /// Bits of a float; NaN where the record does not count.
    Float { bit: BitId, number: NumberId },
    /// Histogram bucket; 0 where the record does not count. One word.
    Bucket {
        bit: BitId,
        number: NumberId,
        is_log: bool,
    },
    /// What a label finds its transaction by; 0 where the record is no transaction.
    Id,
    /// One bit per label predicate that the latest label satisfies. One word.
    Labels,
}

/// The fields of a row. Equal fields are stored once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub(crate) counts: Vec<CountField>,
    /// Running sums of integers, of 96 bits.
    pub(crate) sums: Vec<Term>,
    /// Running sums of squares of integers, of 160 bits.
    pub(crate) squares: Vec<Term>,
    /// Running sums of products that fit 128 bits.
    pub(crate) wide: Vec<Term>,
    pub(crate) gaps: Vec<GapField>,
    pub(crate) raws: Vec<RawField>,
    /// Words before the sums, the squares, the wide sums, the gaps, the raw values and the next row, as
    /// [`Layout::settle`] found them.
    pub(crate) sums_at: usize,
    pub(crate) squares_at: usize,
    pub(crate) wide_at: usize,
    pub(crate) gaps_at: usize,
    pub(crate) raws_at: usize,
    pub(crate) stride: usize,
}

impl Term {
    /// Of an integer column.
    pub(crate) fn column(bit: BitId, input: InputColumn) -> Self {
        Self {
            bit,
            factor: Factor::Column(input),
            times: None,
            known: None,
        }
    }

    /// Of the squares of an integer column.
    pub(crate) fn square(bit: BitId, input: InputColumn) -> Self {
        Self {
            times: Some(Factor::Column(input.clone())),
            ..Self::column(bit, input)
        }
    }
}

impl RawField {
    pub(crate) fn words(&self) -> usize {
        match self {
            Self::Hash { .. } | Self::Float { .. } | Self::Id => 2,
            Self::Bucket { .. } | Self::Labels => 1,
        }
    }
}

impl Layout {
    /// Word of the first count.
    pub(crate) const COUNTS_AT: usize = TIME_WORDS;

    /// Places the fields, once all are known.
    pub(crate) fn settle(&mut self) {
        self.sums_at = Self::COUNTS_AT + self.counts.len();
        self.squares_at = self.sums_at + SUM_WORDS * self.sums.len();
        self.wide_at = self.squares_at + SQUARE_WORDS * self.squares.len();
        self.gaps_at = self.wide_at + 4 * self.wide.len();
        self.raws_at = self.gaps_at + 4 * self.gaps.len();
        self.stride = self.raw_at(self.raws.len());
    }

    /// Word of the raw value at `index`.
    pub(crate) fn raw_at(&self, index: usize) -> usize {
        let before = &self.raws[..index];
        self.raws_at + before.iter().map(RawField::words).sum::<usize>()
    }

    /// Word of the raw value equal to `field`, if there is one.
    pub(crate) fn word_of(&self, field: &RawField) -> Option<usize> {
        let index = self.raws.iter().position(|known| known == field)?;
        Some(self.raw_at(index))
    }

    /// Adds the running fields of `delta` to those of `row`.
    #[inline]
    pub(crate) fn add(&self, row: &mut [u32], delta: &[u32]) {
        let counts = Self::COUNTS_AT..self.sums_at;
        for (total, own) in row[counts.clone()].iter_mut().zip(&delta[counts]) {
            *total = total.wrapping_add(*own);
        }
        let sums = self.sums_at..self.squares_at;
        let (totals, owns) = (&mut row[sums.clone()], &delta[sums]);
        let totals = totals.as_chunks_mut::<SUM_WORDS>().0.iter_mut();
        for (total, own) in totals.zip(owns.as_chunks().0) {
            add96(total, own);
        }
        let squares = self.squares_at..self.wide_at;
        let (totals, owns) = (&mut row[squares.clone()], &delta[squares]);
        let totals = totals.as_chunks_mut::<SQUARE_WORDS>().0.iter_mut();
        for (total, own) in totals.zip(owns.as_chunks().0) {
            add160(total, own);
        }
        let wide = self.wide_at..self.raws_at;
        let (totals, owns) = (&mut row[wide.clone()], &delta[wide]);
        let totals = totals.as_chunks_mut::<4>().0.iter_mut();
        for (total, own) in totals.zip(owns.as_chunks::<4>().0) {
            add128(total, 0, get128(own, 0));
        }
    }
}
