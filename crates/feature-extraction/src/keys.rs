//! The keys of a lane: dense numbers, their state, and who goes when memory runs out.
//!
//! State is counted as the allocator gives it. Past the budget every key idle for longer than its
//! time to live goes, then the least recently seen ones until a sixteenth of the budget is free, so
//! that the sweep over all keys is paid for by many records.

use hashbrown::HashTable;

use crate::feature::distinct::{Counts, Table};
use crate::feature::extreme::Queue;
use crate::fold::KeyParts;
use crate::history::{History, NEVER_MS};
use crate::plan::Plan;

/// What an allocation costs besides what was asked for.
const ALLOCATION_BYTES: usize = 16;

/// Part of the budget that a sweep frees, and part of the keys that one round of it drops.
const SWEEP_PART: usize = 16;

/// Dense number of a key within its lane.
pub(crate) type KeyIndex = u32;

/// All keys of a lane.
#[derive(Debug)]
pub(crate) struct Keys {
    /// Hash and number of each key.
    index: HashTable<(u64, KeyIndex)>,
    slots: Vec<Slot>,
    /// As many as the plan has, per slot.
    queues: Vec<Queue>,
    tables: Vec<Table>,
    free: Vec<KeyIndex>,
    /// Bytes of everything the slots point to.
    heap_bytes: usize,
    /// Newest watermark of an evicted key; [`NEVER_MS`] before the first eviction.
    evicted_ms: i64,
    /// Rises with every sweep: numbers found before it may be stale.
    pub(crate) epoch: u64,
    pub(crate) evicted: u64,
}

#[derive(Debug)]
struct Slot {
    /// `None` while the slot is free.
    key: Option<Box<[u8]>>,
    hash: u64,
    history: History,
    /// Until this event time a part of its history may be missing.
    suspect_until_ms: i64,
    /// When it was last seen, in records of the lane.
    seen: u64,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            queues: Vec::new(),
            tables: Vec::new(),
            free: Vec::new(),
            heap_bytes: 0,
            evicted_ms: NEVER_MS,
            epoch: 0,
            evicted: 0,
        }
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Estimated bytes of all state.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.heap_bytes
            + self.index.allocation_size()
            + self.slots.capacity() * size_of::<Slot>()
            + self.queues.capacity() * size_of::<Queue>()
            + self.tables.capacity() * size_of::<Table>()
            + self.free.capacity() * size_of::<KeyIndex>()
    }

    /// The number of `key`, if it has state.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<KeyIndex> {
        let same = |(known, index): &(u64, KeyIndex)| {
            *known == hash && self.slots[*index as usize].key.as_deref() == Some(key)
        };
        self.index.find(hash, same).map(|(_, index)| *index)
    }

    /// Gives `key`, which has no state, a number. `now_ms` is the time of its first record.
    pub(crate) fn insert(&mut self, plan: &Plan, hash: u64, key: &[u8], now_ms: i64) -> KeyIndex {
        let slot = Slot {
            key: Some(key.into()),
            hash,
            history: History::new(plan),
            suspect_until_ms: self.suspect_until(plan, now_ms),
            seen: 0,
        };
        self.heap_bytes += heap_bytes_of(&slot);
        let index = if let Some(index) = self.free.pop() {
            self.slots[index as usize] = slot;
            index
        } else {
            let index = self.slots.len();
            grow(&mut self.slots, 1);
            grow(&mut self.queues, plan.extremes.len());
            grow(&mut self.tables, plan.distincts.len());
            self.slots.push(slot);
            let queues = (index + 1) * plan.extremes.len();
            self.queues.resize_with(queues, Queue::default);
            let tables = (index + 1) * plan.distincts.len();
            self.tables.resize_with(tables, || None);
            index as KeyIndex
        };
        self.index
            .insert_unique(hash, (hash, index), |(known, _)| *known);
        index
    }

    /// Until when the state of a key that starts at `now_ms` may lack evicted history: as far as the
    /// newest evicted record reaches into later windows. A key that starts more than the time to live
    /// after it would have started afresh anyway.
    fn suspect_until(&self, plan: &Plan, now_ms: i64) -> i64 {
        if self.evicted_ms == NEVER_MS || now_ms - self.evicted_ms > plan.idle_ttl_ms() {
            return NEVER_MS;
        }
        let reach_ms = if plan.sinces.is_empty() {
            plan.retention_ms()
        } else {
            plan.idle_ttl_ms()
        };
        self.evicted_ms + reach_ms
    }

    /// Whether history of the key at `now_ms` may have been evicted.
    #[inline]
    pub(crate) fn is_suspect(&self, index: KeyIndex, now_ms: i64) -> bool {
        now_ms <= self.slots[index as usize].suspect_until_ms
    }

    /// Whether a record at `now_ms` of a key without state may lack evicted history.
    pub(crate) fn is_stranger_suspect(&self, plan: &Plan, now_ms: i64) -> bool {
        now_ms <= self.suspect_until(plan, now_ms)
    }

    /// The key's records.
    #[inline]
    pub(crate) fn history(&self, index: KeyIndex) -> &History {
        &self.slots[index as usize].history
    }

    /// Forgets the key's records, but not the key.
    pub(crate) fn reset(&mut self, plan: &Plan, index: KeyIndex) {
        let (bytes, parts) = self.parts(plan, index, None);
        parts.history.reset(plan);
        parts.queues.iter_mut().for_each(Queue::clear);
        parts.tables.iter_mut().for_each(|table| *table = None);
        self.settle(plan, index, bytes);
    }

    /// The key's state to be changed, and its bytes now, for [`Keys::settle`] afterwards. `seen` is
    /// the number of the record that asks.
    #[inline]
    pub(crate) fn parts(
        &mut self,
        plan: &Plan,
        index: KeyIndex,
        seen: Option<u64>,
    ) -> (usize, KeyParts<'_>) {
        let bytes = self.mutable_bytes(plan, index);
        let index = index as usize;
        let (queues, tables) = (plan.extremes.len(), plan.distincts.len());
        let slot = &mut self.slots[index];
        slot.seen = seen.unwrap_or(slot.seen);
        let parts = KeyParts {
            history: &mut slot.history,
            queues: &mut self.queues[index * queues..][..queues],
            tables: &mut self.tables[index * tables..][..tables],
        };
        (bytes, parts)
    }

    /// Counts what a change of the key's state allocated or freed since it had `before` bytes.
    #[inline]
    pub(crate) fn settle(&mut self, plan: &Plan, index: KeyIndex, before: usize) {
        let after = self.mutable_bytes(plan, index);
        self.heap_bytes = self.heap_bytes + after - before;
    }

    #[inline]
    fn mutable_bytes(&self, plan: &Plan, index: KeyIndex) -> usize {
        let index = index as usize;
        let (queues, tables) = (plan.extremes.len(), plan.distincts.len());
        let queues = &self.queues[index * queues..][..queues];
        let tables = &self.tables[index * tables..][..tables];
        self.slots[index].history.bytes()
            + queues.iter().map(Queue::bytes).sum::<usize>()
            + tables
                .iter()
                .flatten()
                .map(|table| Counts::bytes(table))
                .sum::<usize>()
    }

    /// Evicts keys until the state fits `bytes_max` with room to spare, but never the last one.
    #[cold]
    pub(crate) fn sweep(&mut self, plan: &Plan, bytes_max: usize, watermark_ms: i64) {
        self.epoch += 1;
        let dead_ms = watermark_ms.saturating_sub(plan.idle_ttl_ms());
        let mut live: Vec<(u64, KeyIndex)> = Vec::with_capacity(self.len());
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            if slot.key.is_none() {
                continue;
            }
            if slot.history.watermark_ms < dead_ms {
                self.evict(plan, index as KeyIndex);
            } else {
                live.push((slot.seen, index as KeyIndex));
            }
        }
        let target = bytes_max - bytes_max / SWEEP_PART;
        let mut live = live.as_mut_slice();
        while self.bytes() > target && live.len() > 1 {
            let round = (live.len() / SWEEP_PART).max(1);
            live.select_nth_unstable(round - 1);
            let (oldest, rest) = live.split_at_mut(round);
            for (_, index) in oldest.iter() {
                self.evict(plan, *index);
            }
            live = rest;
        }
    }

    fn evict(&mut self, plan: &Plan, index: KeyIndex) {
        let mutable = self.mutable_bytes(plan, index);
        let at = index as usize;
        let (queues, tables) = (plan.extremes.len(), plan.distincts.len());
        self.queues[at * queues..][..queues].fill_with(Queue::default);
        self.tables[at * tables..][..tables].fill_with(|| None);
        let slot = &mut self.slots[at];
        self.evicted_ms = self.evicted_ms.max(slot.history.watermark_ms);
        let key_bytes = slot.key.take().map_or(0, |key| key_bytes(&key));
        slot.history.release();
        self.heap_bytes -= mutable + key_bytes;
        if let Ok(entry) = self
            .index
            .find_entry(slot.hash, |(_, known)| *known == index)
        {
            entry.remove();
        }
        self.free.push(index);
        self.evicted += 1;
    }
}

fn key_bytes(key: &[u8]) -> usize {
    // The key and the history are one allocation each.
    key.len() + 2 * ALLOCATION_BYTES
}

fn heap_bytes_of(slot: &Slot) -> usize {
    slot.history.bytes() + slot.key.as_deref().map_or(0, key_bytes)
}

/// Makes room for `more`, by an eighth at a time: a large table doubled would waste half of it.
fn grow<T>(table: &mut Vec<T>, more: usize) {
    if table.capacity() - table.len() < more {
        table.reserve_exact(more.max(table.len() / 8).max(16));
    }
}
