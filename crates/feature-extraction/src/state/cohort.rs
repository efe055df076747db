//! Share of a cohort's records that satisfy a filter, over all keys of a lane, weighted by age.
//!
//! Two sums of weights per cohort; their ratio needs no time to be read. Cohorts are known by the hash
//! of their values (64 bits).
//!
//! Cost: one look-up, and one exponential to update. Space, per lane and ratio: about 56 to 112 bytes per
//! cohort, at most 6.5 MB.
//!
//! A cut writes those that were touched since the last one, each as an entry of its own: a full table takes
//! longer to copy than a lane may pause.

#[cfg(test)]
mod tests;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;
use tillwatch_records::{Entries, Entry, Space};

use super::tracking::{Mark, Tracking};
use crate::plan::RANK_HALF_LIVES;
use crate::structures::decay::{HalfLife, is_landmark};
use crate::times::NEVER_MS;
use crate::words::{push64, take, take64};

/// Most cohorts that are kept apart. A cohort is meant to gather keys (a category of merchants, an
/// issuer); columns with more values than this are no cohorts, and must not fill the lane.
pub(crate) const COHORTS_MAX: usize = 65_536;

/// Bytes of the key of an entry: the number of the ratio, and the hash of the cohort.
const KEY_BYTES: usize = size_of::<u32>() + size_of::<u64>();

/// Capacity of a table that has grown to hold [`COHORTS_MAX`] entries.
const CAPACITY_MAX: usize = 2 * COHORTS_MAX;

/// The cohorts of one ratio of a lane.
#[derive(Debug)]
pub(crate) struct Cohorts {
    /// Which ratio of the plan it is.
    ratio: u32,
    known: HashTable<Cohort>,
    /// No record that it may lack is newer; [`NEVER_MS`] where none is missing.
    pub(crate) end_ms: i64,
    /// The hashes of those that were touched.
    tracking: Tracking<u64>,
}

/// What a ratio has besides its cohorts: how many there are, and for how many there is room, with which a
/// restored lane takes as many bytes as the one that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CohortsOwn {
    cohorts: u32,
    capacity: u32,
    end_ms: i64,
}

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
    /// When it was touched last.
    mark: Mark,
}

impl CohortsOwn {
    /// Of a ratio that is new: no record up to `end_ms` is in it.
    pub(crate) fn without(end_ms: i64) -> Self {
        Self {
            cohorts: 0,
            capacity: 0,
            end_ms,
        }
    }

    pub(crate) fn write(self, out: &mut Vec<u32>) {
        let Self {
            cohorts,
            capacity,
            end_ms,
        } = self;
        out.extend([cohorts, capacity]);
        push64(out, end_ms.cast_unsigned());
    }

    /// What was written; nothing when it cannot have been.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let (cohorts, capacity) = (take(words)?, take(words)?);
        let end_ms = take64(words)?.cast_signed();
        let most = capacity.min(COHORTS_MAX as u32);
        let is_sound = capacity as usize <= CAPACITY_MAX && cohorts <= most;
        is_sound.then_some(Self {
            cohorts,
            capacity,
            end_ms,
        })
    }
}

impl Cohorts {
    /// Of the plan's ratio with this number, none yet; no record that is missing is newer than `end_ms`.
    pub(crate) fn new(ratio: usize, end_ms: i64) -> Self {
        Self {
            ratio: ratio as u32,
            known: HashTable::new(),
            end_ms,
            tracking: Tracking::default(),
        }
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.known.allocation_size()
    }

    /// Share of the records of the cohort of hash `cohort`; `fallback` where there are none, or the
    /// record belongs to no cohort: its hash is 0.
    #[inline]
    pub(crate) fn share(&self, cohort: u64, fallback: f64) -> f64 {
        let found = self.find(cohort);
        found.map_or(fallback, |known| known.part / known.base)
    }

    /// Whether what is said of a cohort does not depend on what is missing: its newest record came so many
    /// half-lives later that the others weigh nothing beside it. A record that belongs to none lacks nothing.
    pub(crate) fn is_whole(&self, half_life: HalfLife, cohort: u64) -> bool {
        if cohort == 0 || self.end_ms == NEVER_MS {
            return true;
        }
        let whole_at_ms = half_life.later(self.end_ms, RANK_HALF_LIVES);
        let found = self.find(cohort);
        found.is_some_and(|known| known.newest_ms >= whole_at_ms)
    }

    /// Takes in an accepted record of the base, in order or late; `is_part` says whether it satisfies
    /// the filter. A cohort beyond the first [`COHORTS_MAX`] is not taken in.
    #[inline]
    pub(crate) fn update(&mut self, half_life: HalfLife, now_ms: i64, cohort: u64, is_part: bool) {
        if cohort == 0 {
            return;
        }
        let is_full = self.known.len() >= COHORTS_MAX;
        let tracking = &mut self.tracking;
        match self.known.entry(cohort, |k| k.hash == cohort, |k| k.hash) {
            Place::Occupied(mut known) => {
                let known = known.get_mut();
                if !tracking.knows(known.mark) {
                    known.touch(self.ratio, tracking);
                }
                known.add(half_life, now_ms, is_part);
            }
            Place::Vacant(free) if !is_full => {
                let mark = match tracking.is_on() {
                    true => tracking.list(cohort),
                    false => Mark::None,
                };
                free.insert(Cohort {
                    hash: cohort,
                    landmark_ms: now_ms,
                    base: 1.0,
                    part: f64::from(u8::from(is_part)),
                    newest_ms: now_ms,
                    mark,
                });
            }
            Place::Vacant(_) => {}
        }
    }

    /// Follows what is touched from here on, as if every cohort had been. Entries are of `space`.
    pub(crate) fn track(&mut self, space: Space) {
        self.tracking = Tracking::start(space);
        for known in &mut self.known {
            known.mark = self.tracking.list(known.hash);
        }
    }

    /// Begins a cut, in O(1). The one before must be whole.
    pub(crate) fn begin_cut(&mut self) {
        self.tracking.freeze();
    }

    /// Goes on with a cut by at most `most` cohorts; gives how many it looked at.
    pub(crate) fn continue_cut(&mut self, out: &mut Entries, most: usize) -> usize {
        self.tracking.take_ahead(out);
        let mut looked_at = 0;
        while looked_at < most
            && let Some(hash) = self.tracking.next_frozen()
        {
            looked_at += 1;
            let Some(known) = self.known.find_mut(hash, |known| known.hash == hash) else {
                continue;
            };
            if known.mark == Mark::None || self.tracking.knows(known.mark) {
                continue;
            }
            if self.tracking.is_given_up() {
                known.mark = self.tracking.list(hash);
            } else {
                known.image(self.ratio, self.tracking.space(), out);
                known.mark = Mark::None;
            }
        }
        looked_at
    }

    /// Gives the cut under way up, see [`Tracking::give_up`].
    pub(crate) fn give_up_cut(&mut self) {
        self.tracking.give_up();
    }

    /// Whether nothing of a cut is left to do.
    pub(crate) fn is_cut_whole(&self) -> bool {
        self.tracking.is_whole()
    }

    /// Bytes of images that wait for the next slice.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.tracking.ahead_bytes()
    }

    /// What there is besides cohorts.
    pub(crate) fn own(&self) -> CohortsOwn {
        let Self {
            known,
            end_ms,
            // Its place among the plan's.
            ratio: _,
            // Of the cuts, not of the cohorts.
            tracking: _,
        } = self;
        CohortsOwn {
            cohorts: known.len() as u32,
            capacity: known.capacity() as u32,
            end_ms: *end_ms,
        }
    }

    /// Puts all cohorts away and makes room for those that are to come. What is restored counts as not
    /// touched.
    pub(crate) fn begin_restore(&mut self, own: CohortsOwn) {
        self.tracking = self.tracking.afresh();
        self.known = HashTable::with_capacity(own.capacity as usize);
        self.end_ms = own.end_ms;
    }

    /// Which ratio of its catalog an entry is about.
    pub(crate) fn ratio_of(entry: &Entry<'_>) -> Option<usize> {
        let (ratio, _) = name_of(entry.key)?;
        Some(ratio as usize)
    }

    /// Takes a cohort of this ratio, whichever number that had, from its image; nothing if it cannot have
    /// been written.
    pub(crate) fn restore(&mut self, entry: &Entry<'_>) -> Option<()> {
        let (_, hash) = name_of(entry.key)?;
        let is_meant = hash == entry.hash && hash != 0;
        let cohort = Cohort::read_from(hash, entry.image?)?;
        let is_new = self.find(hash).is_none() && self.known.len() < self.known.capacity();
        (is_meant && is_new).then(|| {
            self.known.insert_unique(hash, cohort, |known| known.hash);
        })
    }

    /// Whether what was restored is as many as were written.
    pub(crate) fn is_restored(&self, own: CohortsOwn) -> bool {
        self.own() == own
    }

    #[inline]
    fn find(&self, cohort: u64) -> Option<&Cohort> {
        self.known.find(cohort, |known| known.hash == cohort)
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

    /// Lists it, and images it if the cut under way wants it as it is.
    #[cold]
    fn touch(&mut self, ratio: u32, tracking: &mut Tracking<u64>) {
        if tracking.is_owed(self.mark) {
            let space = tracking.space();
            self.image(ratio, space, tracking.ahead());
        }
        self.mark = tracking.list(self.hash);
    }

    /// Writes its image: `landmark (2) | base (2) | part (2) | newest (2)`.
    fn image(&self, ratio: u32, space: Space, out: &mut Entries) {
        let Self {
            hash,
            landmark_ms,
            base,
            part,
            newest_ms,
            // Of the cuts, not of the cohort.
            mark: _,
        } = self;
        let fields = [
            landmark_ms.cast_unsigned(),
            base.to_bits(),
            part.to_bits(),
            newest_ms.cast_unsigned(),
        ];
        let mut key = [0; KEY_BYTES];
        key[..4].copy_from_slice(&ratio.to_le_bytes());
        key[4..].copy_from_slice(&hash.to_le_bytes());
        out.push(space, *hash, &key, |out| {
            out.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
        });
    }

    /// What was written of the cohort of this hash; nothing when it cannot have been.
    fn read_from(hash: u64, image: &[u8]) -> Option<Self> {
        let (fields, []) = image.as_chunks() else {
            return None;
        };
        let &[landmark, base, part, newest] = fields else {
            return None;
        };
        let cohort = Self {
            hash,
            landmark_ms: i64::from_le_bytes(landmark),
            base: f64::from_le_bytes(base),
            part: f64::from_le_bytes(part),
            newest_ms: i64::from_le_bytes(newest),
            mark: Mark::None,
        };
        cohort.is_sound().then_some(cohort)
    }

    fn is_sound(&self) -> bool {
        let is_positive = self.base > 0.0 && self.base.is_finite();
        is_positive && is_landmark(self.landmark_ms) && (0.0..=self.base).contains(&self.part)
    }
}

/// The number of the ratio and the hash of the cohort in the key of an entry.
fn name_of(key: &[u8]) -> Option<(u32, u64)> {
    let (ratio, hash) = key.split_first_chunk()?;
    let hash = u64::from_le_bytes(hash.try_into().ok()?);
    Some((u32::from_le_bytes(*ratio), hash))
}
