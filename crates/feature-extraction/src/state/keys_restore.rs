//! The keys of a lane, taken from images.

use tillwatch_records::Entry;

use super::bucket::{Bucket, capacity_max};
use super::key_hash::{BUCKETS, bucket_of, key_hash};
use super::keys::{KeyIndex, Keys};
use super::rewritten::rewrite;
use crate::error::{SnapshotError, damaged};
use crate::plan::{Edit, Plan};
use crate::times::{NEVER_MS, is_event_time};
use crate::words::{push64, take, take64};

/// What the keys of a lane have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeysOwn {
    began_ms: i64,
    evicted_ms: i64,
    /// One per bucket.
    rooms: Vec<Room>,
}

/// What a bucket has room for: with it a restored lane takes as many bytes as the one that was written, so
/// that both reach their budget at the same record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    keys: u32,
    /// At least as many, and there is room for at most an eighth more.
    slots: u32,
    capacity: u32,
}

impl KeysOwn {
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            began_ms,
            evicted_ms,
            rooms,
        } = self;
        push64(out, began_ms.cast_unsigned());
        push64(out, evicted_ms.cast_unsigned());
        for room in rooms {
            room.write(out);
        }
    }

    /// What was written; nothing when it cannot have been.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let began_ms = take64(words)?.cast_signed();
        let evicted_ms = take64(words)?.cast_signed();
        let rooms = (0..BUCKETS).map(|_| Room::read_from(words));
        let rooms = rooms.collect::<Option<_>>()?;
        let is_time = evicted_ms == NEVER_MS || is_event_time(evicted_ms);
        is_time.then_some(Self {
            began_ms,
            evicted_ms,
            rooms,
        })
    }
}

impl Room {
    fn write(self, out: &mut Vec<u32>) {
        let Self {
            keys,
            slots,
            capacity,
        } = self;
        out.extend([keys, slots, capacity]);
    }

    /// What was written; nothing when it cannot have been.
    fn read_from(words: &mut &[u32]) -> Option<Self> {
        let (keys, slots, capacity) = (take(words)?, take(words)?, take(words)?);
        let room = slots as usize..=capacity_max(slots as usize);
        let is_sound = keys <= slots && room.contains(&(capacity as usize));
        is_sound.then_some(Self {
            keys,
            slots,
            capacity,
        })
    }
}

impl Keys {
    /// What keys have in common.
    pub(crate) fn own(&self) -> KeysOwn {
        let Self {
            buckets,
            began_ms,
            evicted_ms,
            // The sum of what the buckets take.
            bytes: _,
            // Places are found again with every batch.
            sweeps: _,
            // Counted for metrics, from where the process began.
            evicted: _,
            // Of the cuts, not of the keys.
            tracking: _,
            gone: _,
            // Room to work in.
            words: _,
        } = self;
        let rooms = buckets.iter().map(|bucket| Room {
            keys: bucket.len() as u32,
            slots: bucket.slots_len() as u32,
            capacity: bucket.capacity() as u32,
        });
        KeysOwn {
            began_ms: *began_ms,
            evicted_ms: *evicted_ms,
            rooms: rooms.collect(),
        }
    }

    /// Puts all keys away and makes room for those that are to come, as far as `bytes_max` lets it. What is
    /// restored counts as known to the store and not touched.
    pub(crate) fn begin_restore(&mut self, plan: &Plan, own: &KeysOwn, bytes_max: u64) {
        *self = Self {
            evicted_ms: own.evicted_ms,
            evicted: self.evicted,
            tracking: self.tracking.afresh(),
            ..Self::new(own.began_ms)
        };
        if fits(plan, &own.rooms, bytes_max) {
            for (bucket, room) in self.buckets.iter_mut().zip(&own.rooms) {
                bucket.reserve(plan, room.capacity as usize);
                bucket.reserve_index(room.keys as usize);
            }
        }
        self.count_bytes();
    }

    /// Takes a key from its image in a lane that had met `clock` records; of another catalog, where there
    /// is an `edit`. Gives its place.
    pub(crate) fn restore(
        &mut self,
        plan: &Plan,
        entry: &Entry<'_>,
        (clock, edit): (u64, Option<&Edit>),
    ) -> Result<KeyIndex, SnapshotError> {
        let Entry {
            space: _,
            hash,
            key,
            image,
        } = *entry;
        let image = image.ok_or(damaged("a key without state"))?;
        if hash != key_hash(key) {
            return Err(damaged("the hash of a key"));
        }
        let number = bucket_of(hash);
        let bucket = &mut self.buckets[number];
        if bucket.find(hash, key).is_some() {
            return Err(damaged("a key that is there twice"));
        }
        let length = image.len() / size_of::<u32>();
        self.words.clear();
        self.words.resize(length, 0);
        if !image.len().is_multiple_of(size_of::<u32>()) {
            return Err(damaged("the image of a key is cut short"));
        }
        bytemuck::cast_slice_mut(&mut self.words).copy_from_slice(image);
        if let Some(edit) = edit {
            let mut words = Vec::new();
            rewrite(edit, plan, key, &self.words, &mut words)
                .ok_or(damaged("the state of a key"))?;
            self.words = words;
        }
        let before = bucket.bytes();
        let slot = bucket
            .restore(plan, (hash, key), clock, &self.words)
            .ok_or(damaged("the state of a key"))?;
        self.bytes = self.bytes + bucket.bytes() - before;
        Ok(KeyIndex {
            bucket: number as u32,
            slot,
        })
    }

    /// Compares the keys with those that were written, and takes up the room that they leave free.
    pub(crate) fn end_restore(
        &mut self,
        plan: &Plan,
        own: &KeysOwn,
        bytes_max: u64,
    ) -> Result<(), SnapshotError> {
        let mut keys = self.buckets.iter().zip(&own.rooms);
        if keys.any(|(bucket, room)| bucket.len() != room.keys as usize) {
            return Err(damaged("keys are missing, or there are too many"));
        }
        if fits(plan, &own.rooms, bytes_max) {
            for (bucket, room) in self.buckets.iter_mut().zip(&own.rooms) {
                (bucket.slots_len()..room.slots as usize).for_each(|_| bucket.push_free(plan));
            }
        }
        self.count_bytes();
        Ok(())
    }

    fn count_bytes(&mut self) {
        self.bytes = self.buckets.iter().map(Bucket::bytes).sum();
    }
}

/// Whether tables with such room can be those of a lane that may take `bytes_max`: they grow by an eighth at
/// most after they fill it, and those of an empty bucket to its first slots. If not, the budget was larger
/// where they were written, and room beyond what keys need is left.
fn fits(plan: &Plan, rooms: &[Room], bytes_max: u64) -> bool {
    let bytes = rooms
        .iter()
        .map(|room| Bucket::bytes_of_tables(plan, room.slots, room.capacity));
    let first = capacity_max(0) as u32;
    let least = BUCKETS as u128 * Bucket::bytes_of_tables(plan, first, first);
    let most = u128::from(bytes_max) + u128::from(bytes_max / 8) + least;
    bytes.sum::<u128>() <= most
}
