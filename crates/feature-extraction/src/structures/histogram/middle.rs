//! Median and median deviation of a histogram that changes a little at a time.
//!
//! The median is an entry, and the median deviation is the reach of the smallest window of entries
//! around it, nearest first, that has half of the weight. Where both were found last is remembered
//! with the weight on the way there, so that they are found again in the few steps that they have
//! moved. Weights are whole numbers, so the weights on the way are exact and the answer is that of
//! [`Ranked::robust_z`](super::Ranked::robust_z) whatever is remembered.
//!
//! Cost: O(1) per change, and per step. Space: 32 bytes.

use super::bucket::value_of;
use super::rank::{Bin, is_nearer, is_nearer_log, rank, robust_z};

/// Where the median and its window were found. The default fits every histogram.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Middle {
    /// Weight before entry `place`.
    below: u64,
    /// Weight of the window: entries `low` to `high`, without `high`.
    inner: u64,
    place: u32,
    low: u32,
    high: u32,
}

/// The distribution that it is the middle of.
struct View<'a, B> {
    bins: &'a [B],
    log: bool,
}

impl Middle {
    /// Entry `at` weighs `weight` more.
    #[inline]
    pub(crate) fn grew(&mut self, at: usize, weight: u64) {
        let at = at as u32;
        if at < self.place {
            self.below += weight;
        }
        if (self.low..self.high).contains(&at) {
            self.inner += weight;
        }
    }

    /// An entry that weighs `weight` has come in as number `at`.
    #[inline]
    pub(crate) fn inserted(&mut self, at: usize, weight: u64) {
        let at = at as u32;
        if at <= self.place {
            self.place += 1;
            self.below += weight;
        }
        if at <= self.low {
            self.low += 1;
            self.high += 1;
        } else if at < self.high {
            self.high += 1;
            self.inner += weight;
        }
    }

    /// Robust z-score of `x` among entries that weigh `total`, as
    /// [`Ranked::robust_z`](super::Ranked::robust_z) defines it.
    pub(crate) fn robust_z<B: Bin>(&mut self, bins: &[B], total: u64, x: f64, log: bool) -> f64 {
        if x.is_nan() || (log && x <= 0.0) || bins.is_empty() {
            return f64::NAN;
        }
        let view = View { bins, log };
        let rank = rank(total, 0.5);
        self.find_median(&view, rank);
        self.find_window(&view, rank);
        let farthest = self.farthest(&view);
        let value = |entry| value_of(view.bucket(entry));
        robust_z(x, value(self.place), value(farthest), log)
    }

    /// Moves to the first entry that, with those before it, weighs `rank` or more.
    fn find_median<B: Bin>(&mut self, view: &View<'_, B>, rank: u64) {
        let last = view.len() - 1;
        if self.place > last {
            *self = Self::default();
        }
        while self.place > 0 && self.below >= rank {
            self.place -= 1;
            self.below -= view.weight(self.place);
        }
        while self.place < last && self.below + view.weight(self.place) < rank {
            self.below += view.weight(self.place);
            self.place += 1;
        }
    }

    /// Makes the window the fewest entries nearest to the median that weigh `rank` or more.
    fn find_window<B: Bin>(&mut self, view: &View<'_, B>, rank: u64) {
        let place = self.place;
        if !(self.low..self.high).contains(&place) || self.high > view.len() {
            (self.low, self.high) = (place, place + 1);
            self.inner = view.weight(place);
        }
        while self.low < place
            && self.high < view.len()
            && view.is_nearer(self.low, place, self.high)
        {
            self.drop_low(view);
            self.take_high(view);
        }
        while self.low > 0
            && self.high - 1 > place
            && !view.is_nearer(self.low - 1, place, self.high - 1)
        {
            self.drop_high(view);
            self.take_low(view);
        }
        while self.inner < rank {
            match (self.low > 0, self.high < view.len()) {
                (false, false) => break,
                (true, true) if view.is_nearer(self.low - 1, place, self.high) => {
                    self.take_high(view);
                }
                (true, _) => self.take_low(view),
                (false, true) => self.take_high(view),
            }
        }
        while self.high - self.low > 1 {
            let farthest = self.farthest(view);
            if self.inner - view.weight(farthest) < rank {
                break;
            }
            if farthest == self.low {
                self.drop_low(view);
            } else {
                self.drop_high(view);
            }
        }
    }

    /// The entry of the window that is farthest from the median.
    #[inline]
    fn farthest<B: Bin>(&self, view: &View<'_, B>) -> u32 {
        let (low, high) = (self.low, self.high - 1);
        if low == self.place {
            high
        } else if high == self.place || view.is_nearer(low, self.place, high) {
            low
        } else {
            high
        }
    }

    #[inline]
    fn take_low<B: Bin>(&mut self, view: &View<'_, B>) {
        self.low -= 1;
        self.inner += view.weight(self.low);
    }

    #[inline]
    fn take_high<B: Bin>(&mut self, view: &View<'_, B>) {
        self.inner += view.weight(self.high);
        self.high += 1;
    }

    #[inline]
    fn drop_low<B: Bin>(&mut self, view: &View<'_, B>) {
        self.inner -= view.weight(self.low);
        self.low += 1;
    }

    #[inline]
    fn drop_high<B: Bin>(&mut self, view: &View<'_, B>) {
        self.high -= 1;
        self.inner -= view.weight(self.high);
    }
}

impl<B: Bin> View<'_, B> {
    #[inline]
    fn len(&self) -> u32 {
        self.bins.len() as u32
    }

    #[inline]
    fn bucket(&self, entry: u32) -> i32 {
        self.bins[entry as usize].bucket()
    }

    #[inline]
    fn weight(&self, entry: u32) -> u64 {
        self.bins[entry as usize].weight()
    }

    /// Whether entry `above` is nearer to `median` than entry `below`.
    #[inline]
    fn is_nearer(&self, below: u32, median: u32, above: u32) -> bool {
        let value = |entry| value_of(self.bucket(entry));
        let (below, median, above) = (value(below), value(median), value(above));
        if self.log {
            is_nearer_log(below, median, above)
        } else {
            is_nearer(below, median, above)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structures::histogram::{Ranked, bucket_of};
    use crate::tests::samples;

    /// A histogram that only grows, and whether its middle is that of the definition.
    fn check(values: impl Iterator<Item = (f64, u64)>, log: bool, every: usize) {
        let mut bins: Vec<(i32, u64)> = Vec::new();
        let (mut middle, mut total) = (Middle::default(), 0);
        for (n, (value, weight)) in values.enumerate() {
            let bucket = bucket_of(value);
            match bins.binary_search_by_key(&bucket, |bin| bin.0) {
                Ok(at) => {
                    bins[at].1 += weight;
                    middle.grew(at, weight);
                }
                Err(at) => {
                    bins.insert(at, (bucket, weight));
                    middle.inserted(at, weight);
                }
            }
            total += weight;
            if n % every == 0 {
                let found = middle.robust_z(&bins, total, 321.0, log);
                let expected = Ranked::new(&bins, total, None).robust_z(321.0, log);
                assert_eq!(found.to_bits(), expected.to_bits(), "{n}: {bins:?}");
            }
        }
    }

    impl Bin for (i32, u64) {
        fn bucket(self) -> i32 {
            self.0
        }

        fn weight(self) -> u64 {
            self.1
        }
    }

    #[test]
    fn is_the_middle_by_definition() {
        for seed in 0..40 {
            let samples = samples(seed, 300);
            let growing = |n: usize| 1u64 << (n / 12 % 40);
            for every in [1, 7, 41] {
                let values = || samples.iter().map(|s| s.value).enumerate();
                check(values().map(|(_, v)| (v, 1)), false, every);
                check(values().map(|(n, v)| (v, growing(n))), false, every);
                let positive = || values().filter(|(_, v)| *v > 0.0);
                check(positive().map(|(n, v)| (v, growing(n))), true, every);
                // Few values, so that distances are often equal.
                check(values().map(|(n, v)| (v % 5.0, growing(n))), false, every);
                check(values().map(|(_, v)| ((v % 7.0).trunc(), 1)), false, every);
            }
        }
    }

    #[test]
    fn infinities_are_borne() {
        let values = [
            f64::INFINITY,
            1.0,
            f64::NEG_INFINITY,
            f64::INFINITY,
            1.0,
            2.0,
        ];
        check(values.into_iter().cycle().take(40).zip(1..), false, 1);
        check(values.into_iter().zip([1; 6]), false, 1);
    }

    #[test]
    fn one_middle_serves_both_scales() {
        let bins: Vec<(i32, u64)> = (100..160).map(|n| (bucket_of(f64::from(n)), 3)).collect();
        let mut merged: Vec<(i32, u64)> = Vec::new();
        for bin in bins {
            match merged.last_mut() {
                Some(last) if last.0 == bin.0 => last.1 += bin.1,
                _ => merged.push(bin),
            }
        }
        let total = merged.iter().map(|bin| bin.1).sum();
        let mut middle = Middle::default();
        for log in [false, true, false, true] {
            let expected = Ranked::new(&merged, total, None).robust_z(9.0, log);
            assert_eq!(middle.robust_z(&merged, total, 9.0, log), expected);
        }
        assert!(middle.robust_z::<(i32, u64)>(&[], 0, 9.0, false).is_nan());
        assert!(middle.robust_z(&merged, total, 0.0, true).is_nan());
    }
}
