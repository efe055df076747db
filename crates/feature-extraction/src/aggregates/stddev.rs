//! Population standard deviation of an integer column, from exact sums: 0 for a single record.
//!
//! Cost: O(1). Space, shared by all windows of the same filter and column: 8 bytes per record for the sum,
//! 16 for the sum of squares, 4 for the count.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Parts, column};
use crate::plan::column::put;
use crate::plan::{Chunk, Column, Made, OVERFLOWN, Slot, Term};

#[derive(Debug)]
pub(super) struct Stddev;

static SIGNATURE: Signature = Signature {
    name: "stddev",
    takes: Takes::Integer,
    span: Span::Window,
    keys: &["resolution", "last"],
    check: Signature::no_check,
};

#[derive(Debug)]
struct Deviation {
    count: Slot,
    sum: Slot,
    /// The first of two.
    squares: Slot,
}

impl Definition for Stddev {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let count = parts.count(bit);
        let squares = parts.square_word(Term::square(bit, column(spec)));
        let window = parts.window(spec, count);
        let sum = parts.sum_word(Term::column(bit, column(spec)));
        let deviation = Deviation {
            count: parts.count_of(window, count),
            sum: parts.sum_at(window, sum),
            squares: parts.squares_at(window, squares),
        };
        let words = format!("standard deviation of {}", parts.plan.sum_words(sum));
        parts.made(deviation, words, Cost::Totals(window))
    }
}

impl Column for Deviation {
    fn fill(&self, chunk: &Chunk<'_>, run: &mut [f64]) {
        let counts = chunk.words(self.count).map(|count| count as u32);
        let sums = counts.zip(chunk.integers(self.sum));
        let all = sums.zip(chunk.wide(self.squares));
        put(
            run,
            all.map(|((count, sum), squares)| stddev(count, sum, squares)),
        );
    }

    fn may_overflow(&self) -> bool {
        true
    }
}

/// Population standard deviation, √(n·Σx² − (Σx)²) / n; NaN of nothing. The difference is exact, so
/// equal values give exactly 0, whatever their size. Of ten million amounts of the largest size it
/// fits; where n·Σx² has more than 128 bits it is [`OVERFLOWN`].
#[inline]
fn stddev(count: u32, sum: i64, squares: u128) -> f64 {
    if count == 0 {
        return f64::NAN;
    }
    let n = f64::from(count);
    let magnitude = u128::from(sum.unsigned_abs());
    let Some(scaled) = u128::from(count).checked_mul(squares) else {
        return OVERFLOWN;
    };
    let spread = scaled.saturating_sub(magnitude * magnitude);
    let spread = match u64::try_from(spread) {
        Ok(small) => small as f64,
        Err(_) => rounded(spread),
    };
    spread.sqrt() / n
}

/// Apart, since converting so wide a number takes longer than all the rest.
#[cold]
#[inline(never)]
fn rounded(wide: u128) -> f64 {
    wide as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::is_overflown;

    #[test]
    fn equal_values_do_not_deviate() {
        let x = 999_999_999_999_i64;
        let squares = (x as u128) * (x as u128) * 3;
        assert_eq!(stddev(3, x * 3, squares), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_no_value() {
        let square = 1 << 126;
        assert_eq!(stddev(1, i64::MIN, square), 0.0);
        let large = 9_000_000_000_000_000_000_u128;
        assert_eq!(stddev(2, 0, 2 * large * large), 9e18);
        assert!(is_overflown(stddev(4, 0, square)));
    }

    #[test]
    fn is_the_population_deviation() {
        assert_eq!(stddev(2, 4, 10), 1.0);
        assert_eq!(stddev(1, 7, 49), 0.0);
        assert_eq!(stddev(4, -4, 20), 2.0);
        assert!(stddev(0, 0, 0).is_nan());
    }
}
