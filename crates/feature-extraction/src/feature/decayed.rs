//! A histogram that forgets: quantiles and robust deviations over all records, weighted by age.
//!
//! One sum of weights per bucket that occurs, sorted by bucket. A rank counts as reached up to 2⁻³⁶ of
//! the total weight below it, so that rounding does not decide between two buckets where a rank
//! falls on their bound.
//!
//! A bucket that holds less than 2⁻⁴⁰ of the total is forgotten when room is needed: a single record
//! is after 40 half-lives. So the buckets are at most those that occurred within about 40
//! half-lives, 64 per power of two from the smallest to the largest value, and at most
//! [`ENTRIES_MAX`], beyond which the lightest is given up. What is forgotten shows in quantiles
//! nearer to 0 or 1 than that, and in no other.
//!
//! Cost, with b buckets: O(log b) and one exponential to update, O(b) to insert a bucket, O(b) to read.
//! Space: 12 bytes per bucket and room for up to half as many more, at most 96 KiB per key.

use crate::feature::decay::{HalfLife, Shift};
use crate::feature::histogram::{Bin, Ranked, bucket_of};
use crate::layout::{get_float, get_time, get64};

/// Most buckets of a key: those of all integers of 64 bits, or of numbers over 128 powers of two.
pub(crate) const ENTRIES_MAX: usize = 8192;

/// Buckets that room is first made for.
const ENTRIES_MIN: usize = 4;

/// Share of the total weight below which a bucket is forgotten: 2^−40.
const LIGHT: f64 = 1.0 / (1u64 << 40) as f64;

/// Share of the total weight to which ranks are told apart: 2^−36.
const RANK_ERROR: f64 = 1.0 / (1u64 << 36) as f64;

/// Relative error to which a written total must be the sum of its weights.
const TOTAL_ERROR: f64 = 1e-6;

/// Words before the entries of a written histogram: `landmark (2) | total (2) | capacity | length`.
const HEAD_WORDS: usize = 6;

/// Words of an entry: `bucket | weight (2)`.
const WORDS: usize = 3;

/// The weighted values of one key.
#[derive(Debug, Default)]
pub(crate) struct Decayed {
    /// Ascending by bucket, weights positive.
    entries: Vec<Entry>,
    /// Time at which a record weighs 1.
    landmark_ms: i64,
    /// Sum of the weights.
    total: f64,
}

/// A bucket and its weight; the bits of the weight in two words, which makes it 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    bucket: i32,
    weight: [u32; 2],
}

impl Entry {
    #[inline]
    fn new(bucket: i32, weight: f64) -> Self {
        let bits = weight.to_bits();
        Self {
            bucket,
            weight: [bits as u32, (bits >> 32) as u32],
        }
    }
}

impl Bin for Entry {
    type Weight = f64;

    #[inline]
    fn bucket(self) -> i32 {
        self.bucket
    }

    #[inline]
    fn weight(self) -> f64 {
        get_float(&self.weight, 0)
    }
}

impl Decayed {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// Forgets everything and gives the room back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes in a record, in order or late. NaN does not count.
    #[inline]
    pub(crate) fn update(&mut self, half_life: HalfLife, now_ms: i64, value: f64) {
        if value.is_nan() {
            return;
        }
        if self.entries.is_empty() {
            self.landmark_ms = now_ms;
        } else if let Some(shift) = half_life.shift(self.landmark_ms, now_ms) {
            self.scale(shift);
        }
        let weight = half_life.weight(self.landmark_ms, now_ms);
        let bucket = bucket_of(value);
        let place = self.place(bucket);
        match self.entries.get_mut(place) {
            Some(entry) if entry.bucket == bucket => {
                *entry = Entry::new(bucket, entry.weight() + weight);
            }
            _ if weight < self.total * LIGHT => return,
            _ => self.insert(place, Entry::new(bucket, weight)),
        }
        self.total += weight;
    }

    /// Value that a share `q` (0..=1) of the weight does not exceed, as [`Ranked::quantile`] defines it;
    /// NaN without values.
    #[inline]
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        self.ranked().quantile(q)
    }

    /// Robust z-score of `x` among the values, as [`Ranked::robust_z`] defines it. With `log`, only
    /// values above 0 may have been taken in.
    #[inline]
    pub(crate) fn robust_z(&self, x: f64, log: bool) -> f64 {
        self.ranked().robust_z(x, log)
    }

    #[inline]
    fn ranked(&self) -> Ranked<'_, Entry> {
        Ranked::new(&self.entries, self.total * (1.0 - RANK_ERROR), None)
    }

    /// Index of the entry of `bucket`, or where it is to be.
    #[inline]
    fn place(&self, bucket: i32) -> usize {
        self.entries.partition_point(|entry| entry.bucket < bucket)
    }

    fn insert(&mut self, place: usize, entry: Entry) {
        if self.entries.len() < self.entries.capacity() {
            self.entries.insert(place, entry);
        } else {
            self.make_room();
            self.entries.insert(self.place(entry.bucket), entry);
        }
    }

    /// Forgets what is light, and grows by half if that freed less than a quarter.
    #[cold]
    fn make_room(&mut self) {
        self.prune(self.total);
        let (length, capacity) = (self.entries.len(), self.entries.capacity());
        if length <= capacity / 4 * 3 && length < capacity {
            return;
        }
        if capacity < ENTRIES_MAX {
            let wanted = capacity + (capacity / 2).max(ENTRIES_MIN);
            self.entries.reserve_exact(wanted.min(ENTRIES_MAX) - length);
        } else if length >= ENTRIES_MAX {
            self.drop_lightest();
        }
    }

    /// Drops the entries that are light next to `total`.
    fn prune(&mut self, total: f64) {
        self.entries.retain(|entry| entry.weight() >= total * LIGHT);
        self.total = self.entries.iter().map(|entry| entry.weight()).sum();
        let length = self.entries.len();
        if self.entries.capacity() > capacity_max(length) {
            self.entries.shrink_to(2 * length);
        }
    }

    fn drop_lightest(&mut self) {
        let weights = self.entries.iter().map(|entry| entry.weight()).enumerate();
        if let Some((place, weight)) = weights.min_by(|a, b| a.1.total_cmp(&b.1)) {
            self.entries.remove(place);
            self.total -= weight;
        }
    }

    /// Moves the landmark to a record that is about to be added, with a weight of at least 1.
    #[cold]
    fn scale(&mut self, shift: Shift) {
        self.landmark_ms = shift.landmark_ms;
        for entry in &mut self.entries {
            *entry = Entry::new(entry.bucket, entry.weight() * shift.factor);
        }
        self.prune((self.total * shift.factor).max(1.0));
    }

    /// Appends the histogram as words.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        for field in [self.landmark_ms.cast_unsigned(), self.total.to_bits()] {
            out.extend([field as u32, (field >> 32) as u32]);
        }
        out.extend([self.entries.capacity() as u32, self.entries.len() as u32]);
        for entry in &self.entries {
            out.extend([
                entry.bucket.cast_unsigned(),
                entry.weight[0],
                entry.weight[1],
            ]);
        }
    }

    /// Takes what [`Decayed::write`] appended from the front of `words`, with the same capacity; `None`
    /// if it cannot have written it.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let head = words.split_off(..HEAD_WORDS)?;
        let (capacity, length) = (head[4] as usize, head[5] as usize);
        if capacity > ENTRIES_MAX.min(capacity_max(length)) || length > capacity {
            return None;
        }
        let written = words.split_off(..length * WORDS)?;
        let mut entries: Vec<Entry> = Vec::new();
        entries.reserve_exact(capacity);
        entries.extend(written.chunks_exact(WORDS).map(|words| Entry {
            bucket: words[0].cast_signed(),
            weight: [words[1], words[2]],
        }));
        let read = Self {
            entries,
            landmark_ms: get_time(head, 0),
            total: f64::from_bits(get64(head, 2)),
        };
        read.is_sound().then_some(read)
    }

    fn is_sound(&self) -> bool {
        let weights = self.entries.iter().map(|entry| entry.weight());
        let sum: f64 = weights.clone().sum();
        let bounds = bucket_of(f64::NEG_INFINITY)..=bucket_of(f64::INFINITY);
        self.entries.is_sorted_by(|a, b| a.bucket < b.bucket)
            && self.entries.iter().all(|e| bounds.contains(&e.bucket))
            && weights.clone().all(|weight| weight > 0.0)
            && sum.is_finite()
            && (self.total - sum).abs() <= sum * TOTAL_ERROR
    }
}

/// Most entries that there is room for with `length` of them.
fn capacity_max(length: usize) -> usize {
    4 * length + ENTRIES_MIN
}

#[cfg(test)]
mod tests;
