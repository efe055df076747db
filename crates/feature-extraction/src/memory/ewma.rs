//! Mean and deviation that forget: weighted by age, as of the newest record.
//!
//! West's update of a weighted mean and of the sum of weighted squared deviations, on weights of
//! forward decay, so that a late record enters with its own smaller weight and the order of arrival
//! matters to rounding alone. Neither needs the time to be read: they are ratios of weights.
//!
//! Cost: O(1), one exponential to update, a square root to read. Space: 32 bytes per key.

use crate::structures::decay::HalfLife;
use crate::words::{get_float, get_time, get64, set_float, set64};

/// Magnitude from which a value does not count: its square would overflow the sums.
const VALUE_MAX: f64 = 1e140;

/// Least deviation, in units of the mean or of 1, that [`is_spread`].
const SPREAD_MIN: f64 = 1.0 / 1024.0;

/// Time at which a record weighs 1.
const LANDMARK: usize = 0;
/// Sum of weights; 0 until a record counted.
const WEIGHT: usize = 2;
const MEAN: usize = 4;
/// Sum of weighted squared deviations from the mean.
const SQUARES: usize = 6;

/// Words per key.
pub(crate) const WORDS: usize = 8;

/// A decayed mean and deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EwmaSpec {
    pub(crate) half_life: HalfLife,
}

/// Weighted mean of the counted records; NaN if there are none.
#[inline]
pub(crate) fn mean(memory: &[u32]) -> f64 {
    if get64(memory, WEIGHT) == 0 {
        return f64::NAN;
    }
    get_float(memory, MEAN)
}

/// Weighted population standard deviation; NaN if there are no records.
#[inline]
pub(crate) fn stddev(memory: &[u32]) -> f64 {
    if get64(memory, WEIGHT) == 0 {
        return f64::NAN;
    }
    (get_float(memory, SQUARES) / get_float(memory, WEIGHT)).sqrt()
}

/// Deviations from the mean to `value`; NaN if `value` does not count or the deviation is 0, as it is
/// with fewer than two records.
#[inline]
pub(crate) fn z(memory: &[u32], value: f64) -> f64 {
    let deviation = stddev(memory);
    if deviation == 0.0 || !counts(value) {
        return f64::NAN;
    }
    (value - get_float(memory, MEAN)) / deviation
}

/// Whether values differ so much that what has decayed for long shows neither in the deviation nor in
/// distances measured by it.
pub(crate) fn is_spread(memory: &[u32]) -> bool {
    let size = mean(memory).abs().max(1.0);
    stddev(memory) >= size * SPREAD_MIN
}

impl EwmaSpec {
    /// Takes in a record, in order or late. NaN and values of 10^140 or more do not count.
    #[inline]
    pub(crate) fn update(self, memory: &mut [u32], now_ms: i64, value: f64) {
        if !counts(value) {
            return;
        }
        if get64(memory, WEIGHT) == 0 {
            set64(memory, LANDMARK, now_ms.cast_unsigned());
        } else if let Some(shift) = self.half_life.shift(get_time(memory, LANDMARK), now_ms) {
            set64(memory, LANDMARK, shift.landmark_ms.cast_unsigned());
            set_float(memory, WEIGHT, get_float(memory, WEIGHT) * shift.factor);
            set_float(memory, SQUARES, get_float(memory, SQUARES) * shift.factor);
        }
        let weight = self.half_life.weight(get_time(memory, LANDMARK), now_ms);
        if weight == 0.0 {
            return;
        }
        let (before, mean) = (get_float(memory, WEIGHT), get_float(memory, MEAN));
        let total = before + weight;
        let delta = value - mean;
        // From the heavier side: from the lighter one, a mean far from it would lose its digits.
        let mean = if weight > before {
            value - delta * (before / total)
        } else {
            mean + delta * (weight / total)
        };
        let squares = get_float(memory, SQUARES) + delta * delta * weight * (before / total);
        set_float(memory, WEIGHT, total);
        set_float(memory, MEAN, mean);
        set_float(memory, SQUARES, squares);
    }
}

/// Whether a value counts.
#[inline]
pub(crate) fn counts(value: f64) -> bool {
    value.abs() < VALUE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{DAY_MS, Sample, assert_close, samples};

    fn spec(ms: i64) -> EwmaSpec {
        EwmaSpec {
            half_life: HalfLife::new(ms),
        }
    }

    /// Mean and standard deviation by definition, as of the newest record.
    fn naive(samples: &[Sample], half_life_ms: i64) -> (f64, f64) {
        let newest = samples.iter().map(|s| s.time_ms).max().unwrap_or(0);
        let weigh = |s: &Sample| ((s.time_ms - newest) as f64 / half_life_ms as f64).exp2();
        let total: f64 = samples.iter().map(weigh).sum();
        let mean = samples.iter().map(|s| weigh(s) * s.value).sum::<f64>() / total;
        let squares: f64 = samples
            .iter()
            .map(|s| weigh(s) * (s.value - mean).powi(2))
            .sum();
        (mean, (squares / total).sqrt())
    }

    #[test]
    fn a_value_one_half_life_old_counts_half() {
        let mut memory = [0; WORDS];
        assert!(mean(&memory).is_nan() && stddev(&memory).is_nan() && z(&memory, 1.0).is_nan());
        spec(1000).update(&mut memory, 5000, 4.0);
        assert_eq!((mean(&memory), stddev(&memory)), (4.0, 0.0));
        assert!(z(&memory, 1.0).is_nan());
        spec(1000).update(&mut memory, 6000, 1.0);
        assert_eq!(mean(&memory), 2.0);
        assert_close(stddev(&memory), 2f64.sqrt());
        assert_close(z(&memory, 3.0), 0.5f64.sqrt());
        assert!(z(&memory, f64::NAN).is_nan());
    }

    #[test]
    fn late_records_enter_with_their_weight() {
        let (mut ordered, mut late) = ([0; WORDS], [0; WORDS]);
        for (time, value) in [(0, 1.0), (1000, 2.0), (5000, 7.0)] {
            spec(3000).update(&mut ordered, time, value);
        }
        for (time, value) in [(1000, 2.0), (5000, 7.0), (0, 1.0)] {
            spec(3000).update(&mut late, time, value);
        }
        assert_close(mean(&late), mean(&ordered));
        assert_close(stddev(&late), stddev(&ordered));
    }

    #[test]
    fn is_the_definition_on_random_records() {
        for (seed, half_life_ms) in [(1, DAY_MS), (2, 60_000), (3, 3_600_000), (4, 400 * DAY_MS)] {
            let samples = samples(seed, 600);
            let mut memory = [0; WORDS];
            for (n, sample) in samples.iter().enumerate() {
                spec(half_life_ms).update(&mut memory, sample.time_ms, sample.value);
                if n % 7 == 0 {
                    let (expected, deviation) = naive(&samples[..=n], half_life_ms);
                    assert_close(mean(&memory), expected);
                    assert_close(stddev(&memory), deviation);
                }
            }
        }
    }

    #[test]
    fn stays_exact_over_centuries_and_silence() {
        let mut memory = [0; WORDS];
        let mut now_ms = 0;
        for year in 0..200 {
            for _ in 0..20 {
                now_ms += 3_600_000;
                spec(DAY_MS).update(&mut memory, now_ms, 5.0);
            }
            assert_eq!(mean(&memory), 5.0, "year {year}");
            assert_eq!(stddev(&memory), 0.0);
            now_ms += 365 * DAY_MS * (1 + year % 4);
        }
        // So long a silence that nothing of before is left.
        spec(1000).update(&mut memory, now_ms, 1e120);
        spec(1000).update(&mut memory, now_ms + DAY_MS, 3.0);
        assert_eq!((mean(&memory), stddev(&memory)), (3.0, 0.0));
    }

    #[test]
    fn what_is_too_large_does_not_count() {
        let mut memory = [0; WORDS];
        for value in [f64::NAN, f64::INFINITY, -1e140] {
            spec(1).update(&mut memory, 7, value);
        }
        assert_eq!(memory, [0; WORDS]);
    }
}
