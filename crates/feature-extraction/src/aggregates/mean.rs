//! Arithmetic mean of an integer column, from its exact sum.
//!
//! Cost: O(1). Space: 8 bytes per record for the sum, 4 for the count, shared by all windows of the same
//! filter and column.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Parts, column};
use crate::plan::column::put;
use crate::plan::{Chunk, Column, Made, Slot, Term};

#[derive(Debug)]
pub(super) struct Mean;

static SIGNATURE: Signature = Signature {
    name: "mean",
    takes: Takes::Integer,
    span: Span::Window,
    keys: &["label", "resolution", "last"],
    check: Signature::no_check,
};

#[derive(Debug)]
struct Quotient {
    sum: Slot,
    count: Slot,
}

impl Definition for Mean {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let count = parts.count(bit);
        let window = parts.window(spec, count);
        let word = parts.sum_word(Term::column(bit, column(spec)));
        let sum = parts.sum_of(spec, window, count, word);
        let number = parts.number_of(spec, window, count);
        let column = Quotient {
            sum: sum.slot,
            count: number.slot,
        };
        let words = format!("mean of {}", sum.subject);
        parts.made(column, words, sum.cost)
    }
}

impl Column for Quotient {
    fn fill(&self, chunk: &Chunk<'_>, run: &mut [f64]) {
        let pairs = chunk.integers(self.count).zip(chunk.integers(self.sum));
        put(run, pairs.map(|(count, sum)| mean(count as f64, sum)));
    }
}

/// Σx / n; NaN of nothing. Rounded once per conversion and once for the division.
#[inline]
fn mean(count: f64, sum: i64) -> f64 {
    if count == 0.0 {
        return f64::NAN;
    }
    sum as f64 / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_themselves_as_mean() {
        let x = 999_999_999_999_i64;
        assert_eq!(mean(3.0, x * 3), x as f64);
        assert!(mean(0.0, 0).is_nan());
    }
}
