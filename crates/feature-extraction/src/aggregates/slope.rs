//! Trend of a number over a window: the slope of the least-squares line through its records, per hour.
//!
//! With τ the time of a record relative to the record at hand, slope = (n·Στy − Στ·Σy) / (n·Στ² − (Στ)²).
//! The sums are those of t, t², y and t·y, kept as running totals of integers, so that they forget
//! exactly; moving them from 1970 to the record at hand is exact as well. Numbers that are no integers are
//! rounded to multiples of [`FIXED_UNIT`] first.
//!
//! Cost: O(1). Space: 68 bytes per record, shared by all windows of the same filter and column.

use tillwatch_records::column::ColumnType;

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Parts, column};
use crate::plan::column::put;
use crate::plan::{
    Chunk, Column, CountField, CountedBy, FIXED_UNIT, Factor, Made, OVERFLOWN, Slot, Term,
};

/// Milliseconds per hour.
const HOUR_MS: f64 = 3_600_000.0;

#[derive(Debug)]
pub(super) struct Slope;

static SIGNATURE: Signature = Signature {
    name: "slope",
    takes: Takes::Number,
    span: Span::Window,
    keys: &["resolution", "last"],
    check: Signature::no_check,
};

#[derive(Debug)]
struct Trend {
    count: Slot,
    /// The first of two each.
    times: Slot,
    values: Slot,
    squared_times: Slot,
    products: Slot,
    /// What a value of 1 stands for.
    unit: f64,
}

/// Sums over the records of a window. What was read back damaged may be any, so nothing here overflows.
#[derive(Debug, Clone, Copy)]
struct Sums {
    count: u32,
    /// Of t, y, t² and t·y, modulo 2¹²⁸.
    times: u128,
    values: u128,
    squared_times: u128,
    products: u128,
}

impl Definition for Slope {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let kind = spec.columns.first().map(|column| column.kind);
        let (count, value, known, unit) = if kind == Some(ColumnType::Int64) {
            let count = parts.count(bit);
            (count, Factor::Column(column(spec)), None, 1.0)
        } else {
            let number = parts.number(spec, 0);
            let count = CountedBy::Word(parts.count_word(CountField::Fixed { bit, number }));
            (count, Factor::Fixed(number), Some(number), FIXED_UNIT)
        };
        let term = |factor: &Factor, times: Option<&Factor>| Term {
            bit,
            factor: factor.clone(),
            times: times.cloned(),
            known,
        };
        let times = parts.wide_word(term(&Factor::Time, None));
        let values = parts.wide_word(term(&value, None));
        let squared_times = parts.wide_word(term(&Factor::Time, Some(&Factor::Time)));
        let products = parts.wide_word(term(&Factor::Time, Some(&value)));
        let window = parts.window(spec, count);
        let trend = Trend {
            count: parts.count_of(window, count),
            times: parts.wide_at(window, times),
            values: parts.wide_at(window, values),
            squared_times: parts.wide_at(window, squared_times),
            products: parts.wide_at(window, products),
            unit,
        };
        let subject = parts.plan.term_words(&term(&value, None));
        let words = format!("change per hour of {subject}");
        parts.made(trend, words, Cost::Totals(window))
    }
}

impl Column for Trend {
    fn fill(&self, chunk: &Chunk<'_>, run: &mut [f64]) {
        let counts = chunk.words(self.count).map(|count| count as u32);
        let of_times = chunk.wide(self.times).zip(chunk.wide(self.squared_times));
        let of_values = chunk.wide(self.values).zip(chunk.wide(self.products));
        let all = counts.zip(of_times).zip(of_values).zip(chunk.times_ms());
        let slopes = all.map(|(((count, of_times), of_values), now_ms)| {
            let sums = Sums {
                count,
                times: of_times.0,
                values: of_values.0,
                squared_times: of_times.1,
                products: of_values.1,
            };
            match sums.slope_per_ms(now_ms) {
                Some(per_ms) => per_ms * HOUR_MS * self.unit,
                None => OVERFLOWN,
            }
        });
        put(run, slopes);
    }

    fn may_overflow(&self) -> bool {
        true
    }
}

impl Sums {
    /// Slope in units of the values per millisecond; NaN where the records do not have two different
    /// times. Exact but for the conversion of numerator and denominator and for their division; nothing where
    /// one of the products that they are made of does not fit 128 bits.
    fn slope_per_ms(self, now_ms: i64) -> Option<f64> {
        let (n, now) = (i128::from(self.count), i128::from(now_ms));
        let (times, values) = (self.times.cast_signed(), self.values.cast_signed());
        // Moved to the record at hand. Sums of ages and of ages times values fit: of 2²⁸ records in 400 days,
        // the second has at most 126 bits. What is more than that on the way wraps, and comes back.
        let ages = times.wrapping_sub(n * now);
        let squared_ages = self.squared_times.cast_signed();
        let squared_ages = squared_ages.wrapping_sub(times.wrapping_mul(2 * now));
        let squared_ages = squared_ages.wrapping_add(n * now * now);
        let products = self.products.cast_signed();
        let products = products.wrapping_sub(values.wrapping_mul(now));
        let spread = difference((n, squared_ages), (ages, ages))?;
        if spread == 0.0 {
            return Some(f64::NAN);
        }
        Some(difference((n, products), (ages, values))? / spread)
    }
}

/// a·b − c·d, exact before it is rounded; nothing where it does not fit.
fn difference((a, b): (i128, i128), (c, d): (i128, i128)) -> Option<f64> {
    let exact = a.checked_mul(b)?.checked_sub(c.checked_mul(d)?)?;
    Some(exact as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_704_067_200_000;

    /// Of records at these ages in milliseconds.
    fn sums(records: &[(i64, i64)]) -> Sums {
        let at = |age_ms: i64| NOW_MS - age_ms;
        let wide = |product: fn(i64, i64) -> i128| {
            let products = records.iter().map(|(age, y)| product(at(*age), *y));
            products.sum::<i128>().cast_unsigned()
        };
        Sums {
            count: records.len() as u32,
            times: wide(|t, _| i128::from(t)),
            values: wide(|_, y| i128::from(y)),
            squared_times: wide(|t, _| i128::from(t) * i128::from(t)),
            products: wide(|t, y| i128::from(t) * i128::from(y)),
        }
    }

    fn slope(records: &[(i64, i64)]) -> f64 {
        sums(records).slope_per_ms(NOW_MS).expect("it fits")
    }

    #[test]
    fn is_the_slope_of_a_line() {
        assert_eq!(slope(&[(3, 10), (2, 12), (0, 16)]), 2.0);
        assert_eq!(slope(&[(1_000, 5), (0, 5)]), 0.0);
        // Of scattered values: covariance over variance.
        assert_eq!(slope(&[(2, 1), (1, 5), (0, 2)]), 0.5);
    }

    #[test]
    fn one_time_has_no_slope() {
        assert!(slope(&[]).is_nan());
        assert!(slope(&[(7, 3)]).is_nan());
        assert!(slope(&[(7, 3), (7, 9)]).is_nan());
    }

    #[test]
    fn large_numbers_leave_nothing_behind() {
        let year_ms = 400 * 24 * 3_600_000;
        let large = 999_999_999_999;
        assert_eq!(slope(&[(year_ms, large), (1, large), (0, large)]), 0.0);
        assert_eq!(slope(&[(1, large), (0, large + 3)]), 3.0);
        let records: Vec<(i64, i64)> = (0..1_000)
            .map(|n| (n * year_ms / 999, -(1 << 52) * (n % 2)))
            .collect();
        assert!(slope(&records).is_finite());
        let many: Vec<(i64, i64)> = (0..70_000)
            .map(|n| (n * year_ms / 70_000, i64::MIN))
            .collect();
        assert_eq!(sums(&many).slope_per_ms(NOW_MS), None, "more than 128 bits");
        // Of a few records any values fit.
        let line: Vec<(i64, i64)> = (0..100)
            .map(|n| (n * year_ms / 99, if n < 50 { i64::MAX } else { i64::MIN }))
            .collect();
        assert!(slope(&line) > 0.0);
    }

    #[test]
    fn damaged_sums_do_no_harm() {
        for extreme in [i64::MIN, i64::MAX] {
            let sums = Sums {
                count: u32::MAX,
                times: extreme as u128,
                values: u128::MAX >> 1,
                squared_times: u128::MAX,
                products: i128::MIN.cast_unsigned(),
            };
            let _ = sums.slope_per_ms(NOW_MS);
        }
    }
}
