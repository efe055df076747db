//! The keys of a bucket as words, and back.

use super::bucket::{Bucket, Slot};
use super::gap::Gap;
use super::history::History;
use super::ids::Ids;
use super::key_hash::{bucket_of, key_hash};
use crate::error::{SnapshotError, damaged};
use crate::plan::Plan;
use crate::structures::{Decayed, Held, Queue};
use crate::words::{push64, take, take_run, take64};

impl Bucket {
    /// Appends the keys and their state.
    pub(crate) fn write(&self, plan: &Plan, out: &mut Vec<u32>) {
        out.reserve(self.bytes() / size_of::<u32>());
        out.extend([
            self.slots.len() as u32,
            self.slots.capacity() as u32,
            self.free.len() as u32,
        ]);
        out.extend_from_slice(&self.free);
        for (number, slot) in self.slots.iter().enumerate() {
            if slot.seen == 0 {
                continue;
            }
            out.push(number as u32);
            Gap::write(&slot.gap, out);
            push64(out, slot.seen);
            slot.history.write(out);
            self.ids[number].write(out);
            let at = number * plan.extremes.len();
            for queue in &self.queues[at..at + plan.extremes.len()] {
                queue.write(out);
            }
            let at = number * plan.holdings.len();
            for held in &self.holdings[at..at + plan.holdings.len()] {
                out.push(u32::from(held.is_some()));
                if let Some(held) = held {
                    held.write(out);
                }
            }
            let at = number * plan.decayed.len();
            for decayed in &self.decayed[at..at + plan.decayed.len()] {
                decayed.write(out);
            }
        }
    }

    /// What was written of the bucket with this number.
    pub(crate) fn read_from(
        plan: &Plan,
        number: usize,
        mut words: &[u32],
    ) -> Result<Self, SnapshotError> {
        let words = &mut words;
        let mut bucket = Self::default();
        let slots = take(words).ok_or(damaged("no slots"))? as usize;
        let capacity = take(words).ok_or(damaged("no capacity"))? as usize;
        let free = take(words).ok_or(damaged("no free slots"))? as usize;
        let free = take_run(words, free).ok_or(damaged("free slots are cut short"))?;
        // Slots are free or take so much at least, and grow by an eighth.
        let parts = plan.extremes.len() + plan.holdings.len() + plan.decayed.len();
        let keys_max = words.len() / (plan.fixed_words + plan.layout.stride + parts);
        let keys = slots.checked_sub(free.len());
        let keys = keys.filter(|keys| *keys <= keys_max);
        let keys = keys.ok_or(damaged("more slots than it can have"))?;
        if !(slots..=slots + (slots / 8).max(4)).contains(&capacity) {
            return Err(damaged("room for more slots than it can have"));
        }
        let mut is_free = vec![false; slots];
        for number in free {
            let seen = is_free.get_mut(*number as usize);
            let seen = seen.ok_or(damaged("a free slot that does not exist"))?;
            if std::mem::replace(seen, true) {
                return Err(damaged("a slot that is free twice"));
            }
        }
        bucket.reserve(plan, capacity);
        bucket.reserve_index(keys);
        bucket.free.extend_from_slice(free);
        for (slot, is_free) in is_free.into_iter().enumerate() {
            bucket.push(plan, Slot::vacant());
            if is_free {
                continue;
            }
            if take(words) != Some(slot as u32) {
                return Err(damaged("a key is missing"));
            }
            bucket
                .read_slot(plan, slot, words)
                .ok_or(damaged("the state of a key"))?;
            let slot = slot as u32;
            let hash = key_hash(bucket.slot(slot).history.key());
            if bucket_of(hash) != number {
                return Err(damaged("a key of another bucket"));
            }
            bucket.enter_index(hash, slot);
            bucket.count_slot(plan, slot);
        }
        if words.is_empty() {
            Ok(bucket)
        } else {
            Err(damaged("more than its keys"))
        }
    }

    fn read_slot(&mut self, plan: &Plan, slot: usize, words: &mut &[u32]) -> Option<()> {
        let gap = Gap::read_from(words)?;
        let seen = take64(words)?;
        let history = History::read_from(plan, words)?;
        self.slots[slot] = Slot {
            history,
            gap,
            seen: (seen != 0).then_some(seen)?,
        };
        self.ids[slot] = Ids::read_from(words)?;
        let at = slot * plan.extremes.len();
        for queue in &mut self.queues[at..at + plan.extremes.len()] {
            *queue = Queue::read_from(words)?;
        }
        let at = slot * plan.holdings.len();
        for (spec, held) in plan.holdings.iter().zip(&mut self.holdings[at..]) {
            *held = match take(words)? {
                0 => None,
                1 if spec.is_kept => Some(Box::new(Held::read_from(spec.holding, words)?)),
                _ => return None,
            };
        }
        let at = slot * plan.decayed.len();
        for decayed in &mut self.decayed[at..at + plan.decayed.len()] {
            *decayed = Decayed::read_from(words)?;
        }
        Some(())
    }
}
