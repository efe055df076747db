//! Quantile, median and median deviation of weighted buckets, by walking over them in order.
//!
//! A slice of anything that has a bucket and a weight will do, sorted by bucket (equal ones may
//! repeat): the counts of a [`Histogram`](super::Histogram), the weights of a decayed one, or the
//! plain buckets of records, each with weight 1. Weights are whole numbers, so that the answer depends
//! on nothing but the buckets and what they weigh, and all of them agree bit for bit. Cost: O(b) for b
//! entries, nothing is allocated.

use super::bucket::value_of;

/// Makes the median deviation of normally distributed values their standard deviation.
const DEVIATIONS: f64 = 1.4826;

/// Relative distance beyond which two logarithms of this module's arguments cannot compare wrongly.
const CLEAR: f64 = 1e-9;

/// An entry of a distribution: values of one bucket and what they count.
pub(crate) trait Bin: Copy {
    fn bucket(self) -> i32;

    fn weight(self) -> u64;
}

/// One value.
impl Bin for i32 {
    #[inline]
    fn bucket(self) -> i32 {
        self
    }

    #[inline]
    fn weight(self) -> u64 {
        1
    }
}

/// A bucket and the number of its values.
impl Bin for [u32; 2] {
    #[inline]
    fn bucket(self) -> i32 {
        self[0].cast_signed()
    }

    #[inline]
    fn weight(self) -> u64 {
        self[1].into()
    }
}

/// Entries in the order of their buckets, and perhaps one value more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranked<'a, B: Bin> {
    bins: &'a [B],
    /// Weight of the entries and of the own value.
    total: u64,
    own: Option<i32>,
    /// Entry before which the own value stands.
    own_at: usize,
}

impl<'a, B: Bin> Ranked<'a, B> {
    /// `bins` in ascending order of their buckets, weighing `total` together; `own` is the bucket
    /// of one more value of weight 1.
    #[inline]
    pub(crate) fn new(bins: &'a [B], mut total: u64, own: Option<i32>) -> Self {
        debug_assert!(bins.is_sorted_by_key(|bin| bin.bucket()));
        let mut own_at = bins.len();
        if let Some(own) = own {
            total += 1;
            own_at = bins.partition_point(|bin| bin.bucket() < own);
        }
        Self {
            bins,
            total,
            own,
            own_at,
        }
    }

    /// Value of the nearest rank to `q` (0..=1): that of the first entry that reaches the share `q`
    /// of the weight. NaN when there is none.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        debug_assert!((0.0..=1.0).contains(&q), "the share {q} is not in 0..=1");
        self.find(rank(self.total, q))
            .map_or(f64::NAN, |entry| value_of(self.bucket(entry)))
    }

    /// Distance of `x` from the median in median deviations, scaled to standard deviations; with
    /// `log`, that of the logarithms of numbers above 0.
    ///
    /// NaN when there is no weight, when the median deviation is 0, or when `x` is NaN or, with
    /// `log`, not above 0. Median and median deviation are lower medians.
    pub(crate) fn robust_z(&self, x: f64, log: bool) -> f64 {
        if x.is_nan() || (log && x <= 0.0) {
            return f64::NAN;
        }
        let Some(entry) = self.find(rank(self.total, 0.5)) else {
            return f64::NAN;
        };
        let farthest = if log {
            self.farthest(entry, is_nearer_log)
        } else {
            self.farthest(entry, is_nearer)
        };
        let value = |entry| value_of(self.bucket(entry));
        robust_z(x, value(entry), value(farthest), log)
    }

    /// Entry at the lower median of the distances from the value of `entry`, by taking the nearest
    /// entry of either side until half of the weight is reached.
    ///
    /// `is_nearer(left, median, right)` says whether `right` is.
    #[inline]
    fn farthest(&self, entry: usize, is_nearer: impl Fn(f64, f64, f64) -> bool) -> usize {
        let rank = rank(self.total, 0.5);
        let median = value_of(self.bucket(entry));
        let (mut left, mut right) = (entry, entry + 1);
        let mut reached = self.weight(entry);
        let mut last = entry;
        while reached < rank {
            last = match (left > 0, right < self.len()) {
                (false, false) => break,
                (true, false) => left - 1,
                (false, true) => right,
                (true, true) => {
                    let below = value_of(self.bucket(left - 1));
                    let above = value_of(self.bucket(right));
                    if above == median || is_nearer(below, median, above) {
                        right
                    } else {
                        left - 1
                    }
                }
            };
            if last < left {
                left = last;
            } else {
                right = last + 1;
            }
            reached += self.weight(last);
        }
        last
    }

    /// First entry that, with those before it, weighs `rank` or more.
    #[inline]
    fn find(&self, rank: u64) -> Option<usize> {
        let mut reached = 0;
        let (before, after) = self.bins.split_at(self.own_at);
        for (entry, bin) in before.iter().enumerate() {
            reached += bin.weight();
            if reached >= rank {
                return Some(entry);
            }
        }
        let mut entry = self.own_at;
        if self.own.is_some() {
            reached += 1;
            if reached >= rank {
                return Some(entry);
            }
            entry += 1;
        }
        for bin in after {
            reached += bin.weight();
            if reached >= rank {
                return Some(entry);
            }
            entry += 1;
        }
        None
    }

    #[inline]
    fn len(&self) -> usize {
        self.bins.len() + usize::from(self.own.is_some())
    }

    #[inline]
    fn bucket(&self, entry: usize) -> i32 {
        match self.own {
            Some(own) if entry == self.own_at => own,
            Some(_) if entry > self.own_at => self.bins[entry - 1].bucket(),
            _ => self.bins[entry].bucket(),
        }
    }

    #[inline]
    fn weight(&self, entry: usize) -> u64 {
        match self.own {
            Some(_) if entry == self.own_at => 1,
            Some(_) if entry > self.own_at => self.bins[entry - 1].weight(),
            _ => self.bins[entry].weight(),
        }
    }
}

/// Weight that the smallest values must reach together for the last of them to be the `q`-quantile of
/// `total`.
#[inline]
pub(super) fn rank(total: u64, q: f64) -> u64 {
    ((q * total as f64).ceil() as u64).min(total).max(1)
}

/// Robust z-score of `x`, where `farthest` lies a median deviation away from the median; NaN when they
/// are equal.
#[inline]
pub(super) fn robust_z(x: f64, median: f64, farthest: f64, log: bool) -> f64 {
    if median == farthest {
        return f64::NAN;
    }
    let (distance, deviation) = if log {
        let median = libm::log(median);
        (libm::log(x) - median, libm::log(farthest) - median)
    } else {
        (x - median, farthest - median)
    };
    distance / (DEVIATIONS * deviation.abs())
}

/// Whether `above` is nearer to `median` than `below`.
#[inline]
pub(super) fn is_nearer(below: f64, median: f64, above: f64) -> bool {
    above - median < median - below
}

/// Whether the logarithm of `above` is nearer to that of `median` than that of `below`; the
/// logarithms themselves are taken only where their rounding may decide.
#[inline]
pub(super) fn is_nearer_log(below: f64, median: f64, above: f64) -> bool {
    let (product, square) = (below * above, median * median);
    if product.is_normal() && square.is_normal() && (product - square).abs() > CLEAR * square {
        return product < square;
    }
    is_nearer(libm::log(below), libm::log(median), libm::log(above))
}
