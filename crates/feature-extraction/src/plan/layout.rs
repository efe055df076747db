//! What one row of a key's history holds, as 32-bit words.
//!
//! `time (2) | counts (1 each) | sums (2 each) | squares (4 each) | wide sums (4 each) | sums of squared
//! gaps (4 each) | raw values (1 or 2 each) | tops of the sums and squares (1 each), where the key needs
//! them`
//!
//! Counts and sums are running totals of all records *before* the row, wrapping; the difference of
//! two rows is exact as long as the window's own total fits. Raw values are the record's own.
//!
//! A sum has 64 bits, a sum of squares 128, and a window's own may need more. As long as no total of a key
//! has left its bits, the difference of two says whether it fits. From the first one on that would, each row
//! of the key has a word more for every sum, its *top*: 2³² integers of 64 bits fit 96 bits, and their
//! squares 160. So tops are paid for by the keys that need them, which are very few.

use super::ids::{BitId, CountedBy, NumberId};
use crate::catalog::InputColumn;
use crate::words::{add128, difference96, difference160, get64, get128, set64, set128};

/// Words of the event time at the start of a row.
const TIME_WORDS: usize = 2;

/// Words of a running sum of integers, and of one of squares.
pub(crate) const SUM_WORDS: usize = 2;
pub(crate) const SQUARE_WORDS: usize = 4;

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
    /// Running sums of integers, of 64 bits.
    pub(crate) sums: Vec<Term>,
    /// Running sums of squares of integers, of 128 bits.
    pub(crate) squares: Vec<Term>,
    /// Running sums of products that fit 128 bits.
    pub(crate) wide: Vec<Term>,
    pub(crate) gaps: Vec<GapField>,
    pub(crate) raws: Vec<RawField>,
    /// As [`Layout::settle`] found them.
    pub(crate) places: Places,
}

/// How many fields of each kind a row has.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldCounts {
    pub(super) counts: usize,
    pub(super) sums: usize,
    pub(super) squares: usize,
    pub(super) wide: usize,
    pub(super) gaps: usize,
    /// Words of all raw values.
    pub(super) raw_words: usize,
}

/// Words of a row before its fields.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Places {
    pub(crate) sums_at: usize,
    pub(crate) squares_at: usize,
    pub(crate) wide_at: usize,
    pub(crate) gaps_at: usize,
    pub(crate) raws_at: usize,
    /// Words of a row.
    pub(crate) stride: usize,
    /// Words of a row with tops.
    pub(crate) topped_stride: usize,
}

impl Places {
    /// Of a row with so many fields.
    pub(super) fn of(fields: &FieldCounts) -> Self {
        let sums_at = Layout::COUNTS_AT + fields.counts;
        let squares_at = sums_at + SUM_WORDS * fields.sums;
        let wide_at = squares_at + SQUARE_WORDS * fields.squares;
        let gaps_at = wide_at + 4 * fields.wide;
        let raws_at = gaps_at + 4 * fields.gaps;
        let stride = raws_at + fields.raw_words;
        Self {
            sums_at,
            squares_at,
            wide_at,
            gaps_at,
            raws_at,
            stride,
            topped_stride: stride + fields.sums + fields.squares,
        }
    }
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
        self.places = Places::of(&FieldCounts {
            counts: self.counts.len(),
            sums: self.sums.len(),
            squares: self.squares.len(),
            wide: self.wide.len(),
            gaps: self.gaps.len(),
            raw_words: self.raws.iter().map(RawField::words).sum(),
        });
    }

    /// Word of the raw value at `index`.
    pub(crate) fn raw_at(&self, index: usize) -> usize {
        let before = &self.raws[..index];
        self.places.raws_at + before.iter().map(RawField::words).sum::<usize>()
    }

    /// Word of the raw value equal to `field`, if there is one.
    pub(crate) fn word_of(&self, field: &RawField) -> Option<usize> {
        let index = self.raws.iter().position(|known| known == field)?;
        Some(self.raw_at(index))
    }

    /// Adds the running fields of `delta` to those of `row`, which has no tops; gives whether every total
    /// fits without one.
    #[inline]
    pub(crate) fn add(&self, row: &mut [u32], delta: &[u32]) -> bool {
        let mut fits = true;
        let counts = Self::COUNTS_AT..self.places.sums_at;
        for (total, own) in row[counts.clone()].iter_mut().zip(&delta[counts]) {
            *total = total.wrapping_add(*own);
        }
        let sums = self.places.sums_at..self.places.squares_at;
        let (totals, owns) = (&mut row[sums.clone()], &delta[sums]);
        let totals = totals.as_chunks_mut::<SUM_WORDS>().0.iter_mut();
        for (total, own) in totals.zip(owns.as_chunks::<SUM_WORDS>().0) {
            let (sum, is_over) = integer(total).overflowing_add(integer(own));
            set64(total, 0, sum.cast_unsigned());
            fits &= !is_over;
        }
        let squares = self.places.squares_at..self.places.wide_at;
        let (totals, owns) = (&mut row[squares.clone()], &delta[squares]);
        let totals = totals.as_chunks_mut::<SQUARE_WORDS>().0.iter_mut();
        for (total, own) in totals.zip(owns.as_chunks::<SQUARE_WORDS>().0) {
            let (sum, is_over) = get128(total, 0).overflowing_add(get128(own, 0));
            set128(total, 0, sum);
            fits &= !is_over;
        }
        let wide = self.places.wide_at..self.places.raws_at;
        let (totals, owns) = (&mut row[wide.clone()], &delta[wide]);
        let totals = totals.as_chunks_mut::<4>().0.iter_mut();
        for (total, own) in totals.zip(owns.as_chunks::<4>().0) {
            add128(total, 0, get128(own, 0));
        }
        fits
    }

    /// Whether [`Layout::add`] would give totals that fit without tops.
    pub(crate) fn fits(&self, row: &[u32], delta: &[u32]) -> bool {
        let fits_sum = |at| {
            integer(&row[at..])
                .checked_add(integer(&delta[at..]))
                .is_some()
        };
        let fits_square = |at| get128(row, at).checked_add(get128(delta, at)).is_some();
        let mut sums = (self.places.sums_at..self.places.squares_at).step_by(SUM_WORDS);
        let mut squares = (self.places.squares_at..self.places.wide_at).step_by(SQUARE_WORDS);
        sums.all(fits_sum) && squares.all(fits_square)
    }

    /// As [`Layout::add`], of a row that has tops.
    pub(crate) fn add_topped(&self, row: &mut [u32], delta: &[u32]) {
        let (row, tops) = row.split_at_mut(self.places.stride);
        let (sum_tops, square_tops) = tops.split_at_mut(self.sums.len());
        let sums = (self.places.sums_at..).step_by(SUM_WORDS);
        for (top, at) in sum_tops.iter_mut().zip(sums) {
            let (_, is_carried) = get64(row, at).overflowing_add(get64(delta, at));
            let own = sign(&delta[at..]).wrapping_add(u32::from(is_carried));
            *top = top.wrapping_add(own);
        }
        let squares = (self.places.squares_at..).step_by(SQUARE_WORDS);
        for (top, at) in square_tops.iter_mut().zip(squares) {
            let (_, is_carried) = get128(row, at).overflowing_add(get128(delta, at));
            *top = top.wrapping_add(u32::from(is_carried));
        }
        self.add(row, delta);
    }

    /// Fills in the tops of a row whose totals have fitted without them.
    pub(crate) fn put_tops(&self, row: &mut [u32]) {
        let (row, tops) = row.split_at_mut(self.places.stride);
        let (sum_tops, square_tops) = tops.split_at_mut(self.sums.len());
        let sums = (self.places.sums_at..).step_by(SUM_WORDS);
        for (top, at) in sum_tops.iter_mut().zip(sums) {
            *top = sign(&row[at..]);
        }
        square_tops.fill(0);
    }

    /// The sum of integers at word `at` between two rows with or without tops, and whether that is all of it.
    pub(crate) fn sum_between(&self, end: &[u32], start: &[u32], at: usize) -> (i64, bool) {
        let index = (at - self.places.sums_at) / SUM_WORDS;
        let top = |row: &[u32]| match row.get(self.places.stride + index) {
            Some(top) => *top,
            None => sign(&row[at..]),
        };
        difference96((get64(end, at), top(end)), (get64(start, at), top(start)))
    }

    /// As [`Layout::sum_between`], of a sum of squares.
    pub(crate) fn squares_between(&self, end: &[u32], start: &[u32], at: usize) -> (u128, bool) {
        let index = self.sums.len() + (at - self.places.squares_at) / SQUARE_WORDS;
        let top = |row: &[u32]| row.get(self.places.stride + index).copied().unwrap_or(0);
        difference160((get128(end, at), top(end)), (get128(start, at), top(start)))
    }
}

/// The integer that `words` begin with.
#[inline]
fn integer(words: &[u32]) -> i64 {
    get64(words, 0).cast_signed()
}

/// The word above the integer that `words` begin with.
#[inline]
fn sign(words: &[u32]) -> u32 {
    (integer(words) >> 63) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::times::squared;

    /// A row of one sum and one sum of squares.
    fn layout() -> Layout {
        let mut layout = Layout::default();
        let input = InputColumn::event(tillwatch_records::Column::AmountMinor);
        layout.sums.push(Term::column(0, input.clone()));
        layout.squares.push(Term::square(0, input));
        layout.settle();
        layout
    }

    fn delta(layout: &Layout, value: i64) -> Vec<u32> {
        let mut delta = vec![0; layout.places.stride];
        set64(&mut delta, layout.places.sums_at, value.cast_unsigned());
        set128(&mut delta, layout.places.squares_at, squared(value));
        delta
    }

    /// Values at the ends of what integers can be.
    const VALUES: [i64; 9] = [
        i64::MIN,
        i64::MIN + 1,
        -(1 << 62),
        -1,
        0,
        1,
        1 << 40,
        i64::MAX - 1,
        i64::MAX,
    ];

    /// Adds three values to a row, each at first without tops, and gives the row after each.
    fn rows(layout: &Layout, values: [i64; 3]) -> Vec<Vec<u32>> {
        let mut rows = vec![vec![0; layout.places.stride]];
        for value in values {
            let (delta, mut row) = (delta(layout, value), rows[rows.len() - 1].clone());
            if row.len() == layout.places.stride && layout.fits(&row, &delta) {
                assert!(layout.add(&mut row, &delta));
            } else {
                if row.len() == layout.places.stride {
                    assert!(!layout.add(&mut row.clone(), &delta));
                    row.resize(layout.places.topped_stride, 0);
                    layout.put_tops(&mut row);
                }
                layout.add_topped(&mut row, &delta);
            }
            rows.push(row);
        }
        rows
    }

    #[test]
    fn sums_that_fit_are_told_from_those_that_do_not() {
        let layout = layout();
        let mut topped = 0;
        for first in VALUES {
            for second in VALUES {
                for third in VALUES {
                    let values = [first, second, third];
                    let rows = rows(&layout, values);
                    topped += usize::from(rows[3].len() > layout.places.stride);
                    for (from, to) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
                        let own = &values[from..to];
                        let sum: i128 = own.iter().map(|value| i128::from(*value)).sum();
                        let (low, fits) =
                            layout.sum_between(&rows[to], &rows[from], layout.places.sums_at);
                        assert_eq!(low, sum as i64, "{own:?}");
                        assert_eq!(fits, i64::try_from(sum).is_ok(), "{own:?}");
                        let squares: u128 = own.iter().map(|value| squared(*value)).sum();
                        let at = layout.places.squares_at;
                        let found = layout.squares_between(&rows[to], &rows[from], at);
                        assert_eq!(found, (squares, true), "{own:?}");
                    }
                }
            }
        }
        assert!(topped > 100, "{topped}");
    }

    #[test]
    fn squares_that_fit_are_told_from_those_that_do_not() {
        let layout = layout();
        let large = delta(&layout, i64::MIN);
        let mut start = vec![u32::MAX; layout.places.topped_stride];
        start[layout.places.squares_at] = 7;
        let mut end = start.clone();
        for count in 1..9_u128 {
            layout.add_topped(&mut end, &large);
            let found = layout.squares_between(&end, &start, layout.places.squares_at);
            assert_eq!(found, ((1_u128 << 126).wrapping_mul(count), count < 4));
        }
    }
}
