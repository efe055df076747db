//! Cuts of a lane's keys: who was touched or evicted since the last one, and their images.

use std::hint::black_box;

use tillwatch_records::{Entries, Flags, Space};

use super::bucket::Slot;
use super::gap::Gap;
use super::gone::Gone;
use super::history::History;
use super::key_hash::key_hash;
use super::keys::{KeyIndex, Keys};
use super::tracking::{Mark, Tracking};
use crate::plan::Plan;

/// Keys whose memory is fetched at once: more do not fit the nearest cache.
const PREFETCHED_MAX: usize = 64;

impl Keys {
    /// Follows what is touched from here on, as if every key had been and no store knew any. Entries are of
    /// `space`.
    pub(crate) fn track(&mut self, space: Space) {
        self.tracking = Tracking::start(space);
        self.gone = Gone::default();
        for (number, bucket) in self.buckets.iter_mut().enumerate() {
            for slot in 0..bucket.slots_len() as u32 {
                let held = bucket.slot_mut(slot);
                held.history.is_stored = false;
                held.history.mark = Mark::None;
                if held.seen != 0 {
                    let index = KeyIndex {
                        bucket: number as u32,
                        slot,
                    };
                    held.history.mark = self.tracking.list(index);
                }
            }
        }
    }

    /// Begins a cut at the records met so far, in O(1). The one before must be whole.
    pub(crate) fn begin_cut(&mut self) {
        self.tracking.freeze();
        self.gone.freeze();
    }

    /// Goes on with a cut by at most `most` keys; gives how many it looked at.
    pub(crate) fn continue_cut(&mut self, plan: &Plan, out: &mut Entries, most: usize) -> usize {
        self.tracking.take_ahead(out);
        let mut looked_at = 0;
        while looked_at < most && self.write_gone(out) {
            looked_at += 1;
        }
        if !self.tracking.is_given_up() {
            black_box(self.prefetch_frozen(plan, (most - looked_at).min(PREFETCHED_MAX)));
        }
        while looked_at < most && self.write_frozen(plan, out) {
            looked_at += 1;
        }
        looked_at
    }

    /// Gives the cut under way up, see [`Tracking::give_up`].
    pub(crate) fn give_up_cut(&mut self) {
        self.tracking.give_up();
    }

    /// Whether nothing of a cut is left to do.
    pub(crate) fn is_cut_whole(&self) -> bool {
        self.tracking.is_whole() && self.gone.is_whole()
    }

    /// Bytes of images that wait for the next slice.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.tracking.ahead_bytes()
    }

    /// Lists a key that is about to change. If the cut under way wants its image, that is made first.
    #[cold]
    pub(super) fn touch(&mut self, plan: &Plan, index: KeyIndex) {
        self.image_owed(plan, index);
        self.history_mut(index).mark = self.tracking.list(index);
    }

    /// Lists a key that has just got its place.
    pub(super) fn follow_new(&mut self, index: KeyIndex, key: &[u8]) {
        let is_stored = self.gone.is_back(key);
        // The key that had the place before may have been listed under it.
        if !self.tracking.knows(self.history(index).mark) {
            self.history_mut(index).mark = self.tracking.list(index);
        }
        self.history_mut(index).is_stored = is_stored;
    }

    /// Notes that a key is about to be evicted.
    pub(super) fn follow_gone(&mut self, plan: &Plan, index: KeyIndex) {
        self.image_owed(plan, index);
        let history = &mut self.buckets[index.bucket as usize]
            .slot_mut(index.slot)
            .history;
        if history.is_stored {
            self.gone.note(history.key());
        }
        if !self.tracking.knows(history.mark) {
            history.mark = Mark::None;
        }
    }

    /// Lets every key lack records up to `end_ms`, those that are new later as well.
    #[cold]
    pub(crate) fn miss(&mut self, plan: &Plan, end_ms: i64) {
        self.began_ms = self.began_ms.max(end_ms);
        let buckets = self.buckets.iter().enumerate();
        let held = buckets.flat_map(|(bucket, keys)| {
            keys.entries().map(move |(_, slot)| KeyIndex {
                bucket: bucket as u32,
                slot: *slot,
            })
        });
        let held: Vec<KeyIndex> = held.collect();
        for index in held {
            let parts = self.parts(plan, index, None);
            let before = parts.bytes();
            Gap::widen(parts.gap, plan, end_ms, Flags::WARMING);
            let after = parts.bytes();
            self.settle(index, before, after);
        }
    }

    /// Reads a word of all that imaging the next frozen keys needs, one kind of access at a time, so that the
    /// processor waits for many cache lines at once.
    fn prefetch_frozen(&self, plan: &Plan, most: usize) -> u32 {
        let upcoming = self.tracking.upcoming(most);
        let held = || upcoming.iter().filter(|index| self.slot(**index).seen != 0);
        let slots = held().fold(0, |seen, index| seen ^ self.history(*index).rows());
        let parts = held().fold(slots, |seen, index| {
            seen ^ self.prefetch_parts(plan, *index) ^ self.history(*index).first_word()
        });
        held().fold(parts, |seen, index| {
            seen ^ self.prefetch_values(plan, *index, 0) ^ self.history(*index).prefetch(plan)
        })
    }

    /// Writes the next tombstone, if there is one.
    fn write_gone(&mut self, out: &mut Entries) -> bool {
        let Some(key) = self.gone.next_frozen() else {
            return false;
        };
        let hash = key_hash(&key);
        if !self.tracking.is_given_up() {
            out.push_gone(self.tracking.space(), hash, &key);
        } else if self.find(hash, &key).is_none() {
            // One that is back is marked as known to a store.
            self.gone.note(&key);
        }
        true
    }

    /// Writes the next key that is frozen and was not touched since, or looks at one that was.
    fn write_frozen(&mut self, plan: &Plan, out: &mut Entries) -> bool {
        let Some(index) = self.tracking.next_frozen() else {
            return false;
        };
        let (slot, tracking) = (self.slot(index), &self.tracking);
        let mark = slot.history.mark;
        if mark == Mark::None || tracking.knows(mark) {
            return true;
        }
        if slot.seen == 0 {
            self.history_mut(index).mark = Mark::None;
        } else if tracking.is_given_up() {
            self.history_mut(index).mark = self.tracking.list(index);
        } else {
            self.image(plan, index, out);
            self.history_mut(index).mark = Mark::None;
        }
        true
    }

    /// Makes the image that the cut under way wants of a key, if it does.
    fn image_owed(&mut self, plan: &Plan, index: KeyIndex) {
        if self.tracking.is_owed(self.history(index).mark) {
            let mut ahead = std::mem::take(self.tracking.ahead());
            self.image(plan, index, &mut ahead);
            *self.tracking.ahead() = ahead;
        }
    }

    /// Writes a key's image. From then on a store may know it.
    fn image(&mut self, plan: &Plan, index: KeyIndex, out: &mut Entries) {
        let bucket = &mut self.buckets[index.bucket as usize];
        self.words.clear();
        bucket.write_slot(plan, index.slot, &mut self.words);
        let history = &mut bucket.slot_mut(index.slot).history;
        history.is_stored = true;
        let key = history.key();
        out.push(self.tracking.space(), key_hash(key), key, |out| {
            out.extend_from_slice(bytemuck::cast_slice(&self.words));
        });
    }

    fn slot(&self, index: KeyIndex) -> &Slot {
        self.buckets[index.bucket as usize].slot(index.slot)
    }

    fn history_mut(&mut self, index: KeyIndex) -> &mut History {
        let bucket = &mut self.buckets[index.bucket as usize];
        &mut bucket.slot_mut(index.slot).history
    }
}
