//! How many values of a window are in each bucket.

use super::bucket::INFINITE;
use super::rank::{Bin, Ranked};

/// How many values of a window are in each bucket.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// Bucket and number of its values, which is never 0; buckets ascend.
    pub(super) bins: Vec<[u32; 2]>,
    /// Values in all buckets.
    pub(super) len: u32,
}

/// Words before the buckets: how many there are, and how many there is space for.
const HEAD_WORDS: usize = 2;

/// Space that is kept whatever is used of it.
pub(super) const BINS_KEPT: usize = 16;

/// Most values that are read back, so that more can still come; no window holds as many.
const VALUES_MAX: u32 = u32::MAX / 2;

impl Histogram {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bins.capacity() * size_of::<[u32; 2]>()
    }

    /// Number of values.
    #[cfg(test)]
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Forgets all values and gives the space back.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn enter(&mut self, bucket: i32) {
        self.len += 1;
        match self.find(bucket) {
            Ok(at) => self.bins[at][1] += 1,
            Err(at) => self.insert(at, bucket),
        }
    }

    /// Takes out a value that was added; nothing where there is none, as may be in state that was read
    /// back, which is not compared with its window's records.
    #[inline]
    pub(crate) fn leave(&mut self, bucket: i32) {
        let Ok(at) = self.find(bucket) else {
            return;
        };
        self.len -= 1;
        self.bins[at][1] -= 1;
        if self.bins[at][1] == 0 {
            self.bins.remove(at);
            self.shrink();
        }
    }

    /// Value of the nearest rank to `q` (0..=1), NaN without values; `own` is one more value, that
    /// is counted without being added.
    pub(crate) fn quantile(&self, q: f64, own: Option<i32>) -> f64 {
        self.ranked(own).quantile(q)
    }

    /// Robust z-score of `x` among the values and `own`, as [`Ranked::robust_z`] defines it; NaN
    /// where it is null.
    pub(crate) fn robust_z(&self, x: f64, log: bool, own: Option<i32>) -> f64 {
        self.ranked(own).robust_z(x, log)
    }

    /// Appends the histogram as words: how many buckets, space for how many, and the buckets.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            bins,
            // The sum of what is written.
            len: _,
        } = self;
        out.extend([bins.len() as u32, bins.capacity() as u32]);
        out.extend_from_slice(bins.as_flattened());
    }

    /// Takes a written histogram from the front of `words`; `None` when it is not one.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let (head, rest) = words.split_first_chunk::<HEAD_WORDS>()?;
        let [len, capacity] = head.map(|word| word as usize);
        let (stored, rest) = rest.split_at_checked(len.checked_mul(2)?)?;
        if len > capacity || capacity > BINS_KEPT.max(4 * len) {
            return None;
        }
        let mut bins = Vec::with_capacity(capacity);
        bins.extend_from_slice(stored.as_chunks().0);
        let mut values = 0u32;
        for bin in &bins {
            values = values.checked_add(bin[1])?;
        }
        let histogram = Self { bins, len: values };
        if values > VALUES_MAX || !histogram.is_valid() {
            return None;
        }
        *words = rest;
        Some(histogram)
    }

    /// Asserts what holds between any two calls.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        assert!(self.is_valid(), "{self:?}");
        let values: u64 = self.bins.iter().map(|bin| bin.weight()).sum();
        assert_eq!(values, u64::from(self.len));
        assert!(self.bins.capacity() <= BINS_KEPT.max(4 * self.bins.len()));
    }

    fn is_valid(&self) -> bool {
        let known = !INFINITE..=INFINITE;
        self.bins.is_sorted_by(|a, b| a.bucket() < b.bucket())
            && self
                .bins
                .iter()
                .all(|bin| bin.weight() != 0 && known.contains(&bin.bucket()) && bin.bucket() != -1)
    }

    #[inline]
    fn ranked(&self, own: Option<i32>) -> Ranked<'_, [u32; 2]> {
        Ranked::new(&self.bins, self.len.into(), own)
    }

    #[inline]
    fn find(&self, bucket: i32) -> Result<usize, usize> {
        self.bins.binary_search_by_key(&bucket, |bin| bin.bucket())
    }

    fn insert(&mut self, at: usize, bucket: i32) {
        if self.bins.len() == self.bins.capacity() {
            self.bins.reserve_exact(4 + self.bins.len() / 2);
        }
        self.bins.insert(at, [bucket.cast_unsigned(), 1]);
    }

    fn shrink(&mut self) {
        let capacity = self.bins.capacity();
        if capacity > BINS_KEPT && 4 * self.bins.len() < capacity {
            self.bins.shrink_to(capacity / 2);
        }
    }
}

/// [`Histogram::quantile`] of the values in these buckets, which are sorted on the way.
pub(crate) fn quantile_of(buckets: &mut [i32], q: f64) -> f64 {
    buckets.sort_unstable();
    Ranked::new(buckets, buckets.len() as u64, None).quantile(q)
}

/// [`Histogram::robust_z`] among the values in these buckets, which are sorted on the way.
pub(crate) fn robust_z_of(buckets: &mut [i32], x: f64, log: bool) -> f64 {
    buckets.sort_unstable();
    Ranked::new(buckets, buckets.len() as u64, None).robust_z(x, log)
}
