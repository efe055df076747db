//! What the records of a batch contribute to running sums.

use arrow::array::AsArray;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Int64Type;
use tillwatch_records::EventBatch;

use super::arrays::array_of;
use crate::plan::{FIXED_MAX, FIXED_UNIT, Factor, Term};

/// What the records of a batch contribute to a running sum; nothing where a column is missing.
pub(super) enum Summed {
    /// Integers, or what is squared.
    Value(ScalarBuffer<i64>),
    Product(Vec<i128>),
}

impl Summed {
    /// What `term` is in every record; `is_wide` says whether its sum has 128 bits.
    pub(super) fn of(
        (term, is_wide): (&Term, bool),
        events: &EventBatch,
        numbers: &[ScalarBuffer<f64>],
        times_ms: &[i64],
    ) -> Self {
        let values = |factor: &Factor| -> ScalarBuffer<i64> {
            match factor {
                Factor::Column(input) => {
                    let array = array_of(events, input);
                    let integers = array.and_then(|array| array.as_primitive_opt::<Int64Type>());
                    integers.map_or_else(Default::default, |array| array.values().clone())
                }
                Factor::Fixed(number) => numbers[*number].iter().copied().map(fixed).collect(),
                Factor::Time => times_ms.to_vec().into(),
            }
        };
        let mut value = values(&term.factor);
        if let Some(known) = term.known {
            let known = value.iter().zip(&*numbers[known]);
            let known = known.map(|(value, number)| if is_fixed(*number) { *value } else { 0 });
            value = known.collect();
        }
        match &term.times {
            Some(times) if *times != term.factor => {
                let times = values(times);
                let pairs = value.iter().zip(times.iter());
                Self::Product(
                    pairs
                        .map(|(a, b)| i128::from(*a) * i128::from(*b))
                        .collect(),
                )
            }
            None if is_wide => Self::Product(value.iter().copied().map(i128::from).collect()),
            _ => Self::Value(value),
        }
    }

    /// The values of a sum of 64 bits, which is none of products.
    pub(super) fn values(&self) -> &[i64] {
        match self {
            Self::Value(values) => values,
            Self::Product(_) => &[],
        }
    }
}

/// Whether sums of a number are exact.
#[inline]
pub(super) fn is_fixed(value: f64) -> bool {
    value.abs() < FIXED_MAX
}

/// A number in units of [`FIXED_UNIT`]; 0 where sums of it would not be exact.
#[inline]
fn fixed(value: f64) -> i64 {
    if is_fixed(value) {
        (value / FIXED_UNIT).round_ties_even() as i64
    } else {
        0
    }
}
