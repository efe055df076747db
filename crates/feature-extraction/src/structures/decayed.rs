//! A histogram that forgets: quantiles and robust deviations over all records, weighted by age.
//!
//! One sum of weights per bucket that occurs, sorted by bucket. Weights are whole numbers, in units of
//! 2⁻⁴⁰ of a record at the landmark, so that sums of them are exact whatever their order; the landmark
//! moves every four half-lives, which divides them by a power of two and rounds. A rank counts as
//! reached up to 2⁻³⁶ of the total weight below it, so that rounding does not decide between two
//! buckets where a rank falls on their bound.
//!
//! A bucket that holds less than 2⁻⁴⁰ of the total is forgotten when the landmark moves or room is
//! needed: a single record is after 40 half-lives. So the buckets are at most those that occurred within
//! about 44 half-lives, 64 per power of two from the smallest to the largest value, and at most
//! [`ENTRIES_MAX`], beyond which the lightest is given up. What is forgotten shows in quantiles
//! nearer to 0 or 1 than that, and in no other.
//!
//! Cost, with b buckets: O(log b) and one exponential to update, O(b) to insert a bucket, O(b) for a
//! quantile, O(1) amortised for a robust z-score as long as the distribution moves slowly.
//! Space: 12 bytes per bucket and room for up to half as many more, for four times as many after much was
//! forgotten, at most 96 KiB per key.

use super::decay::{HalfLife, is_landmark};
use super::histogram::{Bin, Middle, Ranked, bucket_of};
use crate::words::{get_time, get64, push64};

/// Most buckets of a key: those of all integers of 64 bits, or of numbers over 128 powers of two.
pub(crate) const ENTRIES_MAX: usize = 8192;

/// Buckets that room is first made for.
const ENTRIES_MIN: usize = 4;

/// Weight of a record at the landmark.
const UNIT: f64 = (1u64 << 40) as f64;

/// Half-lives past the landmark at which it moves: few, so that the weights of a burst stay far from
/// [`TOTAL_MAX`].
const SPAN_MAX: i64 = 4;

/// Total weight from which the landmark moves at once, to where records weigh less: up to here a total
/// is exact as a float too.
const TOTAL_MAX: u64 = 1 << 53;

/// A bucket is forgotten below this negative power of two of the total.
const LIGHT_BITS: u32 = 40;

/// Ranks are told apart to this negative power of two of the total.
const RANK_BITS: u32 = 36;

/// Words before the entries of a written histogram: `landmark (2) | capacity | length`.
const HEAD_WORDS: usize = 4;

/// Words of an entry: `bucket | weight (2)`.
const WORDS: usize = 3;

/// The weighted values of one key.
#[derive(Debug, Default)]
pub(crate) struct Decayed {
    /// Ascending by bucket, weights positive.
    entries: Vec<Entry>,
    /// Time at which a record weighs [`UNIT`].
    landmark_ms: i64,
    /// Sum of the weights, below [`TOTAL_MAX`].
    total: u64,
    middle: Middle,
}

/// A bucket and its weight, which is two words so that both are 12 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    bucket: i32,
    weight: [u32; 2],
}

impl Entry {
    #[inline]
    fn new(bucket: i32, weight: u64) -> Self {
        Self {
            bucket,
            weight: [weight as u32, (weight >> 32) as u32],
        }
    }
}

impl Bin for Entry {
    #[inline]
    fn bucket(self) -> i32 {
        self.bucket
    }

    #[inline]
    fn weight(self) -> u64 {
        get64(&self.weight, 0)
    }
}

impl Decayed {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// Reads a word of the entries that a search looks at first, so that the processor fetches their cache
    /// lines.
    #[inline]
    pub(crate) fn prefetch(&self) -> u32 {
        let quarters = (1..4).map(|quarter| self.entries.len() * quarter / 4);
        let entries = quarters.filter_map(|at| self.entries.get(at));
        entries.fold(0, |seen, entry| seen ^ entry.weight[0])
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
        } else if let Some(halvings) = half_life.halvings(self.landmark_ms, now_ms, SPAN_MAX) {
            self.shift(half_life, halvings);
        }
        let weight = (half_life.weight(self.landmark_ms, now_ms) * UNIT + 0.5) as u64;
        if weight <= self.total >> LIGHT_BITS {
            return;
        }
        let bucket = bucket_of(value);
        let place = self.place(bucket);
        match self.entries.get_mut(place) {
            Some(entry) if entry.bucket == bucket => {
                *entry = Entry::new(bucket, entry.weight() + weight);
                self.middle.grew(place, weight);
            }
            _ => self.insert(place, Entry::new(bucket, weight)),
        }
        self.total += weight;
        if self.total >= TOTAL_MAX {
            self.shift(half_life, SPAN_MAX);
        }
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
    pub(crate) fn robust_z(&mut self, x: f64, log: bool) -> f64 {
        let total = self.reached();
        self.middle.robust_z(&self.entries, total, x, log)
    }

    #[inline]
    fn ranked(&self) -> Ranked<'_, Entry> {
        Ranked::new(&self.entries, self.reached(), None)
    }

    /// The total, less what ranks are not told apart by.
    #[inline]
    fn reached(&self) -> u64 {
        self.total - (self.total >> RANK_BITS)
    }

    /// Index of the entry of `bucket`, or where it is to be.
    #[inline]
    fn place(&self, bucket: i32) -> usize {
        self.entries.partition_point(|entry| entry.bucket < bucket)
    }

    fn insert(&mut self, place: usize, entry: Entry) {
        let mut place = place;
        if self.entries.len() == self.entries.capacity() {
            self.make_room();
            place = self.place(entry.bucket);
        }
        self.entries.insert(place, entry);
        self.middle.inserted(place, entry.weight());
    }

    /// Forgets what is light, and grows by half if that freed less than a quarter.
    #[cold]
    fn make_room(&mut self) {
        self.prune();
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

    /// Drops the entries that are light.
    fn prune(&mut self) {
        let least = (self.total >> LIGHT_BITS).max(1);
        self.entries.retain(|entry| entry.weight() >= least);
        self.total = self.entries.iter().map(|entry| entry.weight()).sum();
        self.middle = Middle::default();
        let length = self.entries.len();
        if self.entries.capacity() > capacity_max(length) {
            self.entries.shrink_to(2 * length);
        }
    }

    fn drop_lightest(&mut self) {
        let weights = self.entries.iter().map(|entry| entry.weight());
        if let Some((place, weight)) = weights.enumerate().min_by_key(|(_, weight)| *weight) {
            self.entries.remove(place);
            self.total -= weight;
        }
    }

    /// Moves the landmark and divides the weights.
    #[cold]
    fn shift(&mut self, half_life: HalfLife, halvings: i64) {
        self.landmark_ms = half_life.later(self.landmark_ms, halvings);
        let bits = u32::try_from(halvings).unwrap_or(u32::MAX);
        for entry in &mut self.entries {
            let half = 1u64.checked_shl(bits - 1).unwrap_or(0);
            let weight = (entry.weight() + half).checked_shr(bits).unwrap_or(0);
            *entry = Entry::new(entry.bucket, weight);
        }
        self.total = self.entries.iter().map(|entry| entry.weight()).sum();
        self.prune();
    }

    /// Appends the histogram as words.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            entries,
            landmark_ms,
            // The sum of what is written.
            total: _,
            // Found again, wherever the search begins.
            middle: _,
        } = self;
        push64(out, landmark_ms.cast_unsigned());
        out.extend([entries.capacity() as u32, entries.len() as u32]);
        for entry in entries {
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
        let (capacity, length) = (head[2] as usize, head[3] as usize);
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
        let bounds = bucket_of(f64::NEG_INFINITY)..=bucket_of(f64::INFINITY);
        let landmark_ms = get_time(head, 0);
        let is_sound = is_landmark(landmark_ms)
            && entries.is_sorted_by(|a, b| a.bucket < b.bucket)
            && entries
                .iter()
                .all(|e| bounds.contains(&e.bucket) && e.weight() > 0);
        let mut weights = entries.iter().map(|entry| entry.weight());
        let total = weights.try_fold(0, |sum: u64, weight| sum.checked_add(weight))?;
        (is_sound && total < TOTAL_MAX).then_some(Self {
            entries,
            landmark_ms,
            total,
            middle: Middle::default(),
        })
    }
}

/// Most entries that there is room for with `length` of them.
fn capacity_max(length: usize) -> usize {
    4 * length + ENTRIES_MIN
}

#[cfg(test)]
mod tests;
