//! The keys of a lane in a fixed number of buckets, and who goes when their bytes reach the budget.
//!
//! State is counted as the allocator gives it. Past the budget every key idle for longer than its
//! time to live goes, then the least recently seen ones until a sixteenth of the budget is free, so
//! that the sweep over all keys is paid for by many records.

use tillwatch_records::Flags;

use super::bucket::Bucket;
use super::gap::{Gap, GapSlot};
use super::gone::Gone;
use super::history::History;
use super::ids::Ids;
use super::key_hash::{BUCKETS, bucket_of};
use super::key_parts::KeyParts;
use super::tracking::Tracking;
use crate::plan::Plan;
use crate::structures::{Decayed, Queue};
use crate::times::NEVER_MS;

/// Part of the budget that a sweep frees, and part of the keys that one round of it drops.
const SWEEP_PART: usize = 16;

/// A key's place within its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyIndex {
    pub(super) bucket: u32,
    pub(super) slot: u32,
}

/// All keys of a lane.
#[derive(Debug)]
pub(crate) struct Keys {
    /// [`BUCKETS`] of them.
    pub(super) buckets: Vec<Bucket>,
    /// Sum of [`Bucket::bytes`].
    pub(super) bytes: usize,
    /// No record from before the lane began has a later event time, once that is known, else the last time
    /// there is; [`NEVER_MS`] where it began with the first record.
    pub(crate) began_ms: i64,
    /// Newest watermark of an evicted key; [`NEVER_MS`] before the first eviction.
    pub(crate) evicted_ms: i64,
    /// Places found before the last sweep may be stale.
    pub(crate) sweeps: u64,
    pub(crate) evicted: u64,
    /// Which keys were touched.
    pub(super) tracking: Tracking<KeyIndex>,
    /// Which are gone.
    pub(super) gone: Gone,
    /// Room for the words of one key.
    pub(super) words: Vec<u32>,
}

impl Keys {
    /// Of a lane that lacks no record after `began_ms`, see [`Keys::began_ms`].
    pub(crate) fn new(began_ms: i64) -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| Bucket::default()).collect(),
            bytes: 0,
            began_ms,
            evicted_ms: NEVER_MS,
            sweeps: 0,
            evicted: 0,
            tracking: Tracking::default(),
            gone: Gone::default(),
            words: Vec::new(),
        }
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.buckets.iter().map(Bucket::len).sum()
    }

    /// Estimated bytes of all state.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The place of `key`, if it has state.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<KeyIndex> {
        let bucket = bucket_of(hash);
        let slot = self.buckets[bucket].find(hash, key)?;
        Some(KeyIndex {
            bucket: bucket as u32,
            slot,
        })
    }

    /// The place of a key with this hash. Two keys may share a hash, so the caller compares the name.
    #[inline]
    pub(crate) fn find_hash(&self, hash: u64) -> Option<KeyIndex> {
        let bucket = bucket_of(hash);
        let slot = self.buckets[bucket].find_hash(hash)?;
        Some(KeyIndex {
            bucket: bucket as u32,
            slot,
        })
    }

    /// As [`Bucket::prefetch_parts`].
    #[inline]
    pub(crate) fn prefetch_parts(&self, plan: &Plan, index: KeyIndex) -> u32 {
        self.buckets[index.bucket as usize].prefetch_parts(plan, index.slot)
    }

    /// As [`Bucket::prefetch_values`].
    #[inline]
    pub(crate) fn prefetch_values(&self, plan: &Plan, index: KeyIndex, id: u64) -> u32 {
        self.buckets[index.bucket as usize].prefetch_values(plan, index.slot, id)
    }

    /// Gives `key`, which has no state, a place. `now_ms` is the time of its first record.
    pub(crate) fn insert(&mut self, plan: &Plan, hash: u64, key: &[u8], now_ms: i64) -> KeyIndex {
        let gap = self.gap_of_new(plan, now_ms);
        let number = bucket_of(hash);
        let bucket = &mut self.buckets[number];
        let before = bucket.bytes();
        let slot = bucket.insert(plan, hash, key, gap);
        self.bytes = self.bytes + bucket.bytes() - before;
        let index = KeyIndex {
            bucket: number as u32,
            slot,
        };
        if self.tracking.is_on() {
            self.follow_new(index, key);
        }
        index
    }

    /// What a key may lack whose first record is accepted at `now_ms`. One that starts more than the time to
    /// live after all that may be missing would have started afresh anyway.
    fn gap_of_new(&self, plan: &Plan, now_ms: i64) -> GapSlot {
        let ttl_ms = plan.idle_ttl_ms();
        let (end_ms, cause) = self.missing(|end_ms| now_ms <= end_ms.saturating_add(ttl_ms));
        (!cause.is_empty()).then(|| Box::new(Gap::new(plan, end_ms, cause)))
    }

    /// The newest event time of what may be missing of a key without state, and why: as far as `counts` says
    /// of such a time that it does.
    fn missing(&self, counts: impl Fn(i64) -> bool) -> (i64, Flags) {
        let causes = [
            (self.began_ms, Flags::WARMING),
            (self.evicted_ms, Flags::STATE_EVICTED),
        ];
        let causes = causes.into_iter();
        let missing = causes.filter(|(end_ms, _)| *end_ms != NEVER_MS && counts(*end_ms));
        missing.fold(
            (NEVER_MS, Flags::empty()),
            |(end_ms, all), (other_ms, cause)| (end_ms.max(other_ms), all | cause),
        )
    }

    /// The marks of a record at `now_ms` of a key without state that leaves no trace: a lane that lacks
    /// nothing may know of the key, and would not let it start afresh because of this record.
    pub(crate) fn stranger_marks(&self, plan: &Plan, now_ms: i64) -> Flags {
        let is_remembered = plan.whole.needed != 0;
        let reach_ms = plan.whole.windows_ms;
        let (_, cause) =
            self.missing(|end_ms| is_remembered || now_ms < end_ms.saturating_add(reach_ms));
        cause
    }

    /// The key's records.
    #[inline]
    pub(crate) fn history(&self, index: KeyIndex) -> &History {
        &self.buckets[index.bucket as usize].slot(index.slot).history
    }

    /// The ids that the key knows.
    #[inline]
    pub(crate) fn ids(&self, index: KeyIndex) -> &Ids {
        &self.buckets[index.bucket as usize].slot(index.slot).ids
    }

    /// Forgets the key's records, but not the key, which was idle until a record at `now_ms`.
    pub(crate) fn reset(&mut self, plan: &Plan, index: KeyIndex, now_ms: i64) {
        let parts = self.parts(plan, index, None);
        let before = parts.bytes();
        if let Some(gap) = parts.gap {
            *parts.gap = gap.afresh(plan, parts.history.watermark_ms, now_ms);
        }
        parts.history.reset(plan);
        parts.ids.clear();
        parts.queues.iter_mut().for_each(Queue::clear);
        parts.holdings.iter_mut().for_each(|held| *held = None);
        parts.decayed.iter_mut().for_each(Decayed::clear);
        let after = parts.bytes();
        self.settle(index, before, after);
    }

    /// The key's state to be changed; [`Keys::settle`] wants to know of it afterwards. `seen` is the
    /// number of the record that asks.
    #[inline]
    pub(crate) fn parts(
        &mut self,
        plan: &Plan,
        index: KeyIndex,
        seen: Option<u64>,
    ) -> KeyParts<'_> {
        let mark = self.history(index).mark;
        if !self.tracking.knows(mark) {
            self.touch(plan, index);
        }
        self.buckets[index.bucket as usize].parts(plan, index.slot, seen)
    }

    /// As [`Bucket::settle`].
    #[inline]
    pub(crate) fn settle(&mut self, index: KeyIndex, before: usize, after: usize) {
        self.buckets[index.bucket as usize].settle(before, after);
        self.bytes = self.bytes + after - before;
    }

    /// Evicts keys until the state fits `bytes_max` with room to spare, but never the last one.
    #[cold]
    pub(crate) fn sweep(&mut self, plan: &Plan, bytes_max: usize, watermark_ms: i64) {
        self.sweeps += 1;
        let dead_ms = watermark_ms.saturating_sub(plan.idle_ttl_ms());
        let mut live: Vec<Candidate> = Vec::with_capacity(self.len());
        for (bucket, keys) in self.buckets.iter().enumerate() {
            for (hash, slot) in keys.entries() {
                let key = keys.slot(*slot);
                let is_dead = key.history.watermark_ms < dead_ms;
                live.push(Candidate {
                    seen: if is_dead { 0 } else { key.seen },
                    hash: *hash,
                    index: KeyIndex {
                        bucket: bucket as u32,
                        slot: *slot,
                    },
                });
            }
        }
        let dead = live.iter().filter(|key| key.seen == 0).count();
        let target = bytes_max - bytes_max / SWEEP_PART;
        let mut round = dead;
        let mut live = live.as_mut_slice();
        loop {
            if round > 0 {
                live.select_nth_unstable_by_key(round - 1, |key| (key.seen, key.hash));
                let (oldest, rest) = live.split_at_mut(round);
                // Their slots are taken again in this order.
                oldest.sort_unstable_by_key(|key| (key.seen, key.hash));
                for key in oldest.iter() {
                    self.evict(plan, *key);
                }
                live = rest;
            }
            if self.bytes <= target || live.len() <= 1 {
                return;
            }
            round = (live.len() / SWEEP_PART).max(1);
        }
    }

    fn evict(&mut self, plan: &Plan, key: Candidate) {
        if self.tracking.is_on() {
            self.follow_gone(plan, key.index);
        }
        let bucket = &mut self.buckets[key.index.bucket as usize];
        let before = bucket.bytes();
        let watermark_ms = bucket.evict(plan, key.hash, key.index.slot);
        self.bytes = self.bytes + bucket.bytes() - before;
        self.evicted_ms = self.evicted_ms.max(watermark_ms);
        self.evicted += 1;
    }
}

/// A key that may be evicted. The hash decides among keys seen by the same record, so that slots do not.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    seen: u64,
    hash: u64,
    index: KeyIndex,
}
