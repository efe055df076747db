//! A latency histogram that lanes write without locks and `/metrics` reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the buckets, in microseconds: 1-2-5 steps from 10 µs to 100 s. What is above goes
/// into a last bucket without bound.
pub const BOUNDS_US: [u64; 22] = [
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
];

const BUCKETS: usize = BOUNDS_US.len() + 1;

/// Counts of durations by bucket, with their sum.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

/// A consistent-enough copy for output.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// (upper bound in seconds, count in this bucket); the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// Sum of all durations, seconds.
    pub sum_s: f64,
    /// Number of durations.
    pub count: u64,
}

impl Histogram {
    /// Counts `count` durations of `us` microseconds.
    pub fn observe(&self, us: u64, count: u64) {
        self.counts[bucket(us)].fetch_add(count, Ordering::Relaxed);
        self.sum_us
            .fetch_add(us.saturating_mul(count), Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn snapshot(&self) -> Snapshot {
        let bounds = BOUNDS_US
            .iter()
            .map(|us| *us as f64 / 1e6)
            .chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds
            .zip(&self.counts)
            .map(|(bound, n)| (bound, n.load(Ordering::Relaxed)))
            .collect();
        let count = buckets.iter().map(|(_, n)| n).sum();
        Snapshot {
            buckets,
            sum_s: self.sum_us.load(Ordering::Relaxed) as f64 / 1e6,
            count,
        }
    }
}

fn bucket(us: u64) -> usize {
    BOUNDS_US.partition_point(|bound| *bound < us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fall_into_their_buckets() {
        let histogram = Histogram::default();
        histogram.observe(10, 1);
        histogram.observe(11, 1);
        histogram.observe(u64::MAX / 2, 1);
        histogram.observe(500, 3);
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count, 6);
        assert_eq!(snapshot.buckets[0], (10e-6, 1));
        assert_eq!(snapshot.buckets[1].1, 1);
        assert_eq!(snapshot.buckets[5].1, 3);
        assert_eq!(snapshot.buckets[BUCKETS - 1].1, 1);
    }
}
