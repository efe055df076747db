//! Seeded records that tests compare with a naive computation.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) time_ms: i64,
    pub(crate) value: f64,
    /// From a small set.
    pub(crate) kind: u64,
}

/// `count` records from 2024 on over some days to months, one in five late by up to ten minutes, with
/// bursts, equal times and silences.
pub(crate) fn samples(seed: u64, count: usize) -> Vec<Sample> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut watermark_ms = 1_704_067_200_000;
    let sample = |_| {
        watermark_ms += match random.random_range(0..10) {
            0..3 => 0,
            3..7 => random.random_range(0..60_000),
            7..9 => random.random_range(0..DAY_MS / 12),
            _ => random.random_range(0..2 * DAY_MS),
        };
        let is_late = random.random_range(0..5) == 0;
        let lag_ms = random.random_range(1..600_000);
        Sample {
            time_ms: watermark_ms - if is_late { lag_ms } else { 0 },
            value: match random.random_range(0..8) {
                0 => 0.0,
                1 => -random.random_range(1.0..100.0),
                2 => random.random_range(1.0..100_000.0),
                _ => random.random_range(100.0..300.0),
            },
            kind: random.random_range(1..6),
        }
    };
    (0..count).map(sample).collect()
}

/// Equal to one part in 10⁹.
#[track_caller]
pub(crate) fn assert_close(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(
        found == expected || error <= 1e-9 * expected.abs(),
        "{found} is not {expected}"
    );
}
