//! Share of a cohort's records that satisfy a filter, over all keys of a lane, weighted by age.
//!
//! Two sums of weights per cohort; their ratio needs no time to be read. Cohorts are known by the hash
//! of their values (64 bits).
//!
//! Cost: one look-up, and one exponential to update. Space, per lane and ratio: about 47 to 94 bytes per
//! cohort, at most 5.4 MB.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::plan::RANK_HALF_LIVES;
use crate::structures::decay::{HalfLife, is_landmark};
use crate::words::{get_float, get_time, get64};

/// Most cohorts that are kept apart. A cohort is meant to gather keys (a category of merchants, an
/// issuer); columns with more values than this are no cohorts, and must not fill the lane.
pub(crate) const COHORTS_MAX: usize = 65_536;

/// Capacity of a table that has grown to hold [`COHORTS_MAX`] entries.
const CAPACITY_MAX: usize = 2 * COHORTS_MAX;

/// Words of a written cohort: `hash (2) | landmark (2) | base (2) | part (2) | newest (2)`.
const WORDS: usize = 10;

/// The cohorts of a lane.
#[derive(Debug, Default)]
pub(crate) struct Cohorts(HashTable<Cohort>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Cohort {
    /// Never 0.
    hash: u64,
    /// Time at which a record weighs 1.
    landmark_ms: i64,
    /// Weight of its records, positive.
    base: f64,
    /// Weight of those that satisfy the filter, at most `base`.
    part: f64,
    /// Event time of the newest of them.
    newest_ms: i64,
}

impl Cohorts {
    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.0.allocation_size()
    }

    /// Share of the records of the cohort of hash `cohort`; `fallback` where there are none, or the
    /// record belongs to no cohort: its hash is 0.
    #[inline]
    pub(crate) fn share(&self, cohort: u64, fallback: f64) -> f64 {
        let found = self.0.find(cohort, |known| known.hash == cohort);
        found.map_or(fallback, |known| known.part / known.base)
    }

    /// Whether what is said of a cohort does not depend on records at or before `end_ms`: its newest
    /// one came so many half-lives later that theirs weigh nothing beside it. A record that belongs to
    /// none lacks nothing.
    pub(crate) fn is_whole(&self, half_life: HalfLife, end_ms: i64, cohort: u64) -> bool {
        let whole_at_ms = half_life.later(end_ms, RANK_HALF_LIVES);
        let found = self.0.find(cohort, |known| known.hash == cohort);
        cohort == 0 || found.is_some_and(|known| known.newest_ms >= whole_at_ms)
    }

    /// Takes in an accepted record of the base, in order or late; `is_part` says whether it satisfies
    /// the filter. A cohort beyond the first [`COHORTS_MAX`] is not taken in.
    #[inline]
    pub(crate) fn update(&mut self, half_life: HalfLife, now_ms: i64, cohort: u64, is_part: bool) {
        if cohort == 0 {
            return;
        }
        let is_full = self.0.len() >= COHORTS_MAX;
        match self.0.entry(cohort, |k| k.hash == cohort, |k| k.hash) {
            Entry::Occupied(mut known) => known.get_mut().add(half_life, now_ms, is_part),
            Entry::Vacant(free) if !is_full => {
                free.insert(Cohort {
                    hash: cohort,
                    landmark_ms: now_ms,
                    base: 1.0,
                    part: f64::from(u8::from(is_part)),
                    newest_ms: now_ms,
                });
            }
            Entry::Vacant(_) => {}
        }
    }

    /// Appends the cohorts as words: `capacity | length | cohorts by hash`.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let mut cohorts: Vec<&Cohort> = self.0.iter().collect();
        cohorts.sort_unstable_by_key(|cohort| cohort.hash);
        out.extend([self.0.capacity() as u32, cohorts.len() as u32]);
        for cohort in cohorts {
            let fields = [
                cohort.hash,
                cohort.landmark_ms.cast_unsigned(),
                cohort.base.to_bits(),
                cohort.part.to_bits(),
                cohort.newest_ms.cast_unsigned(),
            ];
            out.extend(fields.iter().flat_map(|&f| [f as u32, (f >> 32) as u32]));
        }
    }

    /// Takes what [`Cohorts::write`] appended from the front of `words`, with the same capacity; `None`
    /// if it cannot have written it.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let head = words.split_off(..2)?;
        let (capacity, length) = (head[0] as usize, head[1] as usize);
        if capacity > CAPACITY_MAX || length > capacity.min(COHORTS_MAX) {
            return None;
        }
        let entries = words.split_off(..length * WORDS)?;
        let mut table = HashTable::with_capacity(capacity);
        let mut previous = 0;
        for words in entries.chunks_exact(WORDS) {
            let cohort = Cohort {
                hash: get64(words, 0),
                landmark_ms: get_time(words, 2),
                base: get_float(words, 4),
                part: get_float(words, 6),
                newest_ms: get_time(words, 8),
            };
            if cohort.hash <= previous || !cohort.is_sound() {
                return None;
            }
            previous = cohort.hash;
            table.insert_unique(cohort.hash, cohort, |known| known.hash);
        }
        (table.capacity() == capacity).then_some(Self(table))
    }
}

impl Cohort {
    #[inline]
    fn add(&mut self, half_life: HalfLife, now_ms: i64, is_part: bool) {
        if let Some(shift) = half_life.shift(self.landmark_ms, now_ms) {
            self.landmark_ms = shift.landmark_ms;
            self.base *= shift.factor;
            self.part *= shift.factor;
        }
        let weight = half_life.weight(self.landmark_ms, now_ms);
        self.base += weight;
        self.newest_ms = self.newest_ms.max(now_ms);
        if is_part {
            self.part += weight;
        }
    }

    fn is_sound(&self) -> bool {
        let is_positive = self.base > 0.0 && self.base.is_finite();
        is_positive && is_landmark(self.landmark_ms) && (0.0..=self.base).contains(&self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{DAY_MS, Sample, assert_close, samples};

    fn life(ms: i64) -> HalfLife {
        HalfLife::new(ms)
    }

    /// Spreads small numbers over the hashes, as the engine's hash does.
    fn hash(kind: u64) -> u64 {
        kind.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn filled(seed: u64, count: usize, half_life_ms: i64) -> Cohorts {
        let mut cohorts = Cohorts::default();
        for s in samples(seed, count) {
            cohorts.update(life(half_life_ms), s.time_ms, hash(s.kind), s.value > 200.0);
        }
        cohorts
    }

    #[test]
    fn older_records_count_less() {
        let mut cohorts = Cohorts::default();
        assert_eq!(cohorts.share(7, 0.3), 0.3);
        cohorts.update(life(1000), 0, 7, true);
        assert_eq!(cohorts.share(7, 0.3), 1.0);
        cohorts.update(life(1000), 1000, 7, false);
        assert_close(cohorts.share(7, 0.3), 1.0 / 3.0);
        assert_eq!(cohorts.share(8, 0.3), 0.3);
        cohorts.update(life(1000), 1000, 0, true);
        assert_eq!(cohorts.share(0, 0.3), 0.3);
        // Nothing is left of the first two.
        cohorts.update(life(1000), 1_000_000_000, 7, false);
        assert_eq!(cohorts.share(7, 0.3), 0.0);
    }

    #[test]
    fn is_the_definition_on_random_records() {
        for (seed, half_life_ms) in [(1, 28 * DAY_MS), (2, DAY_MS / 3), (3, 60_000)] {
            let samples = samples(seed, 1000);
            let mut cohorts = Cohorts::default();
            for (n, sample) in samples.iter().enumerate() {
                let same = |s: &&Sample| s.kind == sample.kind;
                let weigh =
                    |s: &Sample| ((s.time_ms - sample.time_ms) as f64 / half_life_ms as f64).exp2();
                let before = || samples[..n].iter().filter(same);
                let base: f64 = before().map(weigh).sum();
                let part: f64 = before().filter(|s| s.value > 200.0).map(weigh).sum();
                let is_first = before().next().is_none();
                let expected = if is_first { 0.5 } else { part / base };
                let found = cohorts.share(hash(sample.kind), 0.5);
                // Below, the naive sums have lost their digits.
                if is_first || (base > 1e-100 && expected > 1e-100) {
                    assert_close(found, expected);
                } else {
                    assert!((0.0..=1.0).contains(&found), "{found}");
                }
                let is_part = sample.value > 200.0;
                let cohort = hash(sample.kind);
                cohorts.update(life(half_life_ms), sample.time_ms, cohort, is_part);
            }
        }
    }

    #[test]
    fn the_number_of_cohorts_is_bounded() {
        let mut cohorts = Cohorts::default();
        for kind in 1..=COHORTS_MAX as u64 + 5 {
            cohorts.update(life(1000), 0, hash(kind), true);
        }
        assert_eq!(cohorts.share(hash(COHORTS_MAX as u64), 0.25), 1.0);
        assert_eq!(cohorts.share(hash(COHORTS_MAX as u64 + 1), 0.25), 0.25);
        cohorts.update(life(1000), 0, hash(1), false);
        assert_eq!(cohorts.share(hash(1), 0.25), 0.5);
        assert!(cohorts.bytes() < 5_400_000, "{}", cohorts.bytes());
        check_restored(&cohorts);
    }

    #[track_caller]
    fn check_restored(cohorts: &Cohorts) {
        let mut words = vec![9];
        cohorts.write(&mut words);
        words.push(9);
        let mut rest = &words[1..];
        let restored = Cohorts::read_from(&mut rest).expect("what was written is read");
        assert_eq!(rest, [9]);
        assert_eq!(restored.bytes(), cohorts.bytes());
        let mut again = vec![9];
        restored.write(&mut again);
        again.push(9);
        assert!(again == words);
    }

    #[test]
    fn is_restored_as_it_was() {
        check_restored(&Cohorts::default());
        for kinds in 1..200 {
            let mut cohorts = Cohorts::default();
            for kind in 1..=kinds {
                cohorts.update(life(1000), kind as i64, hash(kind), kind % 3 == 0);
            }
            check_restored(&cohorts);
        }
    }

    #[test]
    fn what_is_corrupt_is_refused() {
        let mut words = Vec::new();
        filled(5, 300, DAY_MS).write(&mut words);
        for length in 0..words.len() {
            assert!(Cohorts::read_from(&mut &words[..length]).is_none());
        }
        let nan = (f64::NAN.to_bits() >> 32) as u32;
        let changes = [
            (0, u32::MAX),
            (0, 0),
            (0, words[0] + 1),
            (1, u32::MAX),
            (3, u32::MAX),
            (7, nan),
            (7, 0),
            (9, nan),
            (9, 0x8000_0000),
            (9, words[7] + 1),
        ];
        for (at, word) in changes {
            let mut words = words.clone();
            words[at] = word;
            assert!(Cohorts::read_from(&mut words.as_slice()).is_none(), "{at}");
        }
    }
}
