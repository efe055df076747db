//! Weights that halve with age, as forward decay.
//!
//! A record at time t weighs 2^((t − landmark) / half-life): a weight that is found once and never
//! changes, since all weights decay alike. Only ratios of such weights mean anything; a sum as of now
//! is the stored one divided by the weight of now. Before weights grow out of range the landmark moves
//! by whole half-lives, which divides everything stored by a power of two and so rounds nothing.
//! (Cormode, Shkapenyuk, Srivastava, Xu: Forward Decay, ICDE 2009.)
//!
//! Cost: one exponential per weight, about 5 ns.

/// Half-lives past the landmark at which it moves. Weights stay below 2^64, which leaves an `f32` room
/// for 2^63 of them and an `f64` room for their squares.
const SPAN_MAX: i64 = 64;

/// The age at which a record weighs half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HalfLife {
    /// At least 1.
    ms: i64,
}

/// A move of the landmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shift {
    /// Where it is now.
    pub(crate) landmark_ms: i64,
    /// What every stored weight and sum of weights is to be multiplied by: a power of two, or 0.
    pub(crate) factor: f64,
}

impl HalfLife {
    /// At least one millisecond.
    pub(crate) const fn new(ms: i64) -> Self {
        Self {
            ms: if ms < 1 { 1 } else { ms },
        }
    }

    pub(crate) const fn as_ms(self) -> i64 {
        self.ms
    }

    /// Half-lives in a span of time.
    #[inline]
    pub(crate) fn count(self, span_ms: i64) -> f64 {
        span_ms as f64 / self.ms as f64
    }

    /// Weight of a record at `time_ms` relative to one at `landmark_ms`.
    #[inline]
    pub(crate) fn weight(self, landmark_ms: i64, time_ms: i64) -> f64 {
        libm::exp2(self.count(time_ms.saturating_sub(landmark_ms)))
    }

    /// The move that a record at `time_ms` makes due, if any. After it that record weighs at least 1
    /// and less than 2.
    #[inline]
    pub(crate) fn shift(self, landmark_ms: i64, time_ms: i64) -> Option<Shift> {
        let halvings = self.halvings(landmark_ms, time_ms, SPAN_MAX)?;
        Some(Shift {
            landmark_ms: self.later(landmark_ms, halvings),
            factor: halved(halvings),
        })
    }

    /// Whole half-lives from `landmark_ms` to `time_ms`, where they are `least` or more.
    #[inline]
    pub(crate) fn halvings(self, landmark_ms: i64, time_ms: i64, least: i64) -> Option<i64> {
        let span_ms = time_ms.saturating_sub(landmark_ms);
        (span_ms >= self.ms.saturating_mul(least)).then(|| span_ms / self.ms)
    }

    /// The time `halvings` half-lives after `time_ms`.
    #[inline]
    pub(crate) fn later(self, time_ms: i64, halvings: i64) -> i64 {
        time_ms.saturating_add(self.ms.saturating_mul(halvings))
    }
}

/// Whether the time from a landmark to any record can be told: one that was read back may be anywhere.
#[inline]
pub(crate) fn is_landmark(time_ms: i64) -> bool {
    const FARTHEST_MS: u64 = 1 << 62;
    time_ms.unsigned_abs() < FARTHEST_MS
}

/// 2^−`times`; 0 where that is below every normal number.
fn halved(times: i64) -> f64 {
    const BIAS: i64 = 1023;
    let exponent = (BIAS - times).max(0);
    f64::from_bits(exponent.cast_unsigned() << (f64::MANTISSA_DIGITS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves() {
        let day = HalfLife::new(86_400_000);
        assert_eq!(day.weight(0, 0), 1.0);
        assert_eq!(day.weight(0, 86_400_000), 2.0);
        assert_eq!(day.weight(0, -2 * 86_400_000), 0.25);
    }

    #[test]
    fn the_landmark_moves_by_whole_half_lives() {
        let life = HalfLife::new(1000);
        assert_eq!(life.shift(5, 64_004), None);
        for span in [64_000, 64_999, 70_123, 1_100_000, 4_000_000_000_000] {
            let shift = life.shift(5, 5 + span).unwrap();
            assert!((1.0..2.0).contains(&life.weight(shift.landmark_ms, 5 + span)));
            assert_eq!(shift.factor, libm::exp2(-((span / 1000) as f64)), "{span}");
        }
        assert_eq!(halved(1022), f64::MIN_POSITIVE);
        assert_eq!(halved(1023), 0.0);
    }
}
