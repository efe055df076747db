//! A share of a lane's keys, found by hash: dense numbers and their state.
//!
//! Tables are in shares so that one that grows is small: a record waits for no copy of all of them.

use hashbrown::HashTable;

use super::gap::{self, GapSlot};
use super::history::History;
use super::ids::Ids;
use super::key_parts::KeyParts;
use crate::plan::Plan;
use crate::structures::{Decayed, HeldSlot, Queue};

/// What an allocation costs besides what was asked for.
pub(crate) const ALLOCATION_BYTES: usize = 16;

/// Bytes of an entry of the index: hash and number, and a control byte.
pub(crate) const ENTRY_BYTES: usize = size_of::<(u64, u32)>() + 1;

/// Keys of a lane whose hash has the same high bits.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// Hash and slot of each key.
    pub(super) index: HashTable<(u64, u32)>,
    pub(super) slots: Vec<Slot>,
    /// As many as the plan has, per slot.
    pub(super) queues: Vec<Queue>,
    pub(super) holdings: Vec<HeldSlot>,
    pub(super) decayed: Vec<Decayed>,
    /// Slots without a key; the last is taken first.
    pub(super) free: Vec<u32>,
    /// Bytes of everything the slots point to.
    pub(super) heap_bytes: usize,
}

/// A key, or room for one. All of it is looked at for every record, so it is small and in one place: where
/// its parts are in tables of their own, the processor has to find one more page of memory for each.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) history: History,
    pub(crate) ids: Ids,
    /// What it may lack.
    pub(crate) gap: GapSlot,
    /// When it was last seen, in records of the lane; 0 while the slot is free.
    pub(crate) seen: u64,
}

const _: () = assert!(size_of::<Slot>() == 88);

impl Slot {
    /// Room for a key.
    pub(super) fn vacant() -> Self {
        Self {
            history: History::vacant(),
            ids: Ids::default(),
            gap: None,
            seen: 0,
        }
    }
}

impl Bucket {
    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Estimated bytes of all state: what is allocated, as far as that does not depend on how the
    /// bucket came to be what it is.
    pub(crate) fn bytes(&self) -> usize {
        self.heap_bytes + self.table_bytes()
    }

    /// Bytes of the tables of slots, and of an index for as many keys.
    #[inline]
    pub(crate) fn table_bytes(&self) -> usize {
        index_bytes(self.slots.len())
            + self.slots.capacity() * size_of::<Slot>()
            + self.queues.capacity() * size_of::<Queue>()
            + self.holdings.capacity() * size_of::<HeldSlot>()
            + self.decayed.capacity() * size_of::<Decayed>()
            + self.slots.capacity() * size_of::<u32>()
    }

    /// The slot of `key`, if it has state.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let same = |(known, slot): &(u64, u32)| {
            *known == hash && self.slots[*slot as usize].history.key() == key
        };
        self.index.find(hash, same).map(|(_, slot)| *slot)
    }

    /// The slot of a key with this hash.
    #[inline]
    pub(crate) fn find_hash(&self, hash: u64) -> Option<u32> {
        let found = self.index.find(hash, |(known, _)| *known == hash);
        found.map(|(_, slot)| *slot)
    }

    /// Reads a word of every cache line that says where the slot's ids, queues, holdings and decayed values
    /// are, so that the processor fetches those of many keys at once.
    #[inline]
    pub(crate) fn prefetch_parts(&self, plan: &Plan, number: u32) -> u32 {
        let (queues, holdings, decayed) = self.slices(plan, number);
        let lengths = queues.iter().fold(0, |seen, queue| seen ^ queue.bytes());
        let held = holdings.iter().filter(|held| held.is_some()).count();
        let room = decayed
            .iter()
            .fold(0, |seen, decayed| seen ^ decayed.bytes());
        (self.slot(number).ids.bytes() ^ lengths ^ held ^ room) as u32
    }

    /// As [`Bucket::prefetch_parts`], of what these point to; of the ids, of what looking for `id` needs.
    #[inline]
    pub(crate) fn prefetch_values(&self, plan: &Plan, number: u32, id: u64) -> u32 {
        let (queues, holdings, decayed) = self.slices(plan, number);
        let known = self.slot(number).ids.prefetch(id);
        let mut seen = queues
            .iter()
            .fold(known, |seen, queue| seen ^ queue.prefetch());
        for held in holdings.iter().flatten() {
            seen ^= held.bytes() as u32;
        }
        decayed
            .iter()
            .fold(seen, |seen, decayed| seen ^ decayed.prefetch())
    }

    /// What the slot has besides its history.
    #[inline]
    fn slices(&self, plan: &Plan, number: u32) -> (&[Queue], &[HeldSlot], &[Decayed]) {
        let at = number as usize;
        let (queues, holdings) = (plan.extremes.len(), plan.holdings.len());
        let decayed = plan.decayed.len();
        (
            &self.queues[at * queues..][..queues],
            &self.holdings[at * holdings..][..holdings],
            &self.decayed[at * decayed..][..decayed],
        )
    }

    /// [`Bucket::table_bytes`] of so many slots with room for `capacity`, which may be any numbers.
    pub(super) fn bytes_of_tables(plan: &Plan, slots: u32, capacity: u32) -> u128 {
        let slot = size_of::<Slot>()
            + plan.extremes.len() * size_of::<Queue>()
            + plan.holdings.len() * size_of::<HeldSlot>()
            + plan.decayed.len() * size_of::<Decayed>()
            + size_of::<u32>();
        index_bytes(slots as usize) as u128 + slot as u128 * u128::from(capacity)
    }

    /// Gives `key`, which has no state, a slot.
    pub(crate) fn insert(&mut self, plan: &Plan, hash: u64, key: &[u8], gap: GapSlot) -> u32 {
        let mut slot = Slot {
            history: History::new(plan, key),
            ids: Ids::default(),
            gap,
            seen: 1,
        };
        self.heap_bytes += slot.history.bytes() + gap::bytes(&slot.gap) + ALLOCATION_BYTES;
        let number = match self.free.pop() {
            Some(number) => {
                let free = &mut self.slots[number as usize];
                slot.history.mark = free.history.mark;
                *free = slot;
                number
            }
            None => self.push(plan, slot),
        };
        self.enter_index(hash, number);
        number
    }

    /// Room for more slots, by an eighth at a time: a large table doubled would waste half of it.
    fn make_room(&mut self, plan: &Plan) {
        if self.slots.len() < self.slots.capacity() {
            return;
        }
        self.reserve(plan, capacity_max(self.slots.len()));
    }

    /// Room for exactly `capacity` slots.
    pub(super) fn reserve(&mut self, plan: &Plan, capacity: usize) {
        fn reserve<T>(table: &mut Vec<T>, capacity: usize) {
            table.reserve_exact(capacity.saturating_sub(table.len()));
        }
        reserve(&mut self.slots, capacity);
        reserve(&mut self.queues, capacity * plan.extremes.len());
        reserve(&mut self.holdings, capacity * plan.holdings.len());
        reserve(&mut self.decayed, capacity * plan.decayed.len());
        reserve(&mut self.free, capacity);
    }

    /// Adds a slot whose windows hold nothing; gives its number.
    pub(super) fn push(&mut self, plan: &Plan, slot: Slot) -> u32 {
        self.make_room(plan);
        self.slots.push(slot);
        let slots = self.slots.len();
        self.queues
            .resize_with(slots * plan.extremes.len(), Queue::default);
        self.holdings
            .resize_with(slots * plan.holdings.len(), || None);
        self.decayed
            .resize_with(slots * plan.decayed.len(), Decayed::default);
        (slots - 1) as u32
    }

    /// Room for so many keys in the index.
    pub(super) fn reserve_index(&mut self, keys: usize) {
        self.index.reserve(keys, |(known, _)| *known);
    }

    pub(super) fn enter_index(&mut self, hash: u64, number: u32) {
        self.index
            .insert_unique(hash, (hash, number), |(known, _)| *known);
    }

    /// Hash and slot of each key.
    pub(super) fn entries(&self) -> impl Iterator<Item = &(u64, u32)> {
        self.index.iter()
    }

    /// Adds room for a key that has a slot's number of its own and no key.
    pub(super) fn push_free(&mut self, plan: &Plan) {
        let number = self.push(plan, Slot::vacant());
        self.free.push(number);
    }

    /// The state of a slot.
    #[inline]
    pub(crate) fn slot(&self, number: u32) -> &Slot {
        &self.slots[number as usize]
    }

    /// As [`Bucket::slot`], to be marked.
    #[inline]
    pub(super) fn slot_mut(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize]
    }

    /// Number of slots, with a key or without.
    pub(super) fn slots_len(&self) -> usize {
        self.slots.len()
    }

    /// Slots that there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// The key's state to be changed; [`Bucket::settle`] wants to know of it afterwards. `seen` is the
    /// number of the record that asks.
    #[inline]
    pub(crate) fn parts(&mut self, plan: &Plan, number: u32, seen: Option<u64>) -> KeyParts<'_> {
        let at = number as usize;
        let (queues, holdings) = (plan.extremes.len(), plan.holdings.len());
        let decayed = plan.decayed.len();
        let slot = &mut self.slots[at];
        slot.seen = seen.unwrap_or(slot.seen);
        KeyParts {
            history: &mut slot.history,
            ids: &mut slot.ids,
            gap: &mut slot.gap,
            queues: &mut self.queues[at * queues..][..queues],
            holdings: &mut self.holdings[at * holdings..][..holdings],
            decayed: &mut self.decayed[at * decayed..][..decayed],
        }
    }

    /// Counts what a change of a key's state allocated or freed: its [`KeyParts::bytes`] before and
    /// after.
    #[inline]
    pub(crate) fn settle(&mut self, before: usize, after: usize) {
        self.heap_bytes = self.heap_bytes + after - before;
    }

    /// Counts the slot's bytes, once everything is in it.
    pub(super) fn count_slot(&mut self, plan: &Plan, number: u32) {
        self.heap_bytes += self.parts(plan, number, None).bytes() + ALLOCATION_BYTES;
    }

    /// Frees a slot whose key has this hash; gives the key's watermark.
    pub(crate) fn evict(&mut self, plan: &Plan, hash: u64, number: u32) -> i64 {
        let parts = self.parts(plan, number, None);
        let before = parts.bytes() + ALLOCATION_BYTES;
        let watermark_ms = parts.history.watermark_ms;
        parts.queues.fill_with(Queue::default);
        parts.holdings.fill_with(|| None);
        parts.decayed.fill_with(Decayed::default);
        let slot = &mut self.slots[number as usize];
        let mark = slot.history.mark;
        *slot = Slot::vacant();
        // Whoever follows what is touched knows the slot by it.
        slot.history.mark = mark;
        self.heap_bytes -= before;
        if let Ok(entry) = self.index.find_entry(hash, |(_, known)| *known == number) {
            entry.remove();
        }
        self.free.push(number);
        watermark_ms
    }
}

/// Bytes of an index with room for so many keys.
#[inline]
fn index_bytes(keys: usize) -> usize {
    // It is at most seven eighths full and grows by doubling.
    let entries = match keys {
        0 => 0,
        keys => (keys * 8 / 7 + 1).next_power_of_two(),
    };
    entries * ENTRY_BYTES
}

/// Most slots that there is room for where there are so many.
pub(super) fn capacity_max(slots: usize) -> usize {
    slots + (slots / 8).max(4)
}
