//! The state of a key as words, without its name, and back.

use super::bucket::{Bucket, Slot};
use super::gap::Gap;
use super::history::History;
use super::ids::Ids;
use crate::plan::Plan;
use crate::structures::{Decayed, Held, Queue};
use crate::words::{push64, take, take64};

impl Bucket {
    /// Appends the state of the key in a slot.
    pub(super) fn write_slot(&self, plan: &Plan, number: u32, out: &mut Vec<u32>) {
        let Self {
            slots,
            queues,
            holdings,
            decayed,
            // Found again by the name, counted again, and room.
            index: _,
            heap_bytes: _,
            free: _,
        } = self;
        let number = number as usize;
        let Slot {
            history,
            ids,
            gap,
            seen,
        } = &slots[number];
        Gap::write(gap, out);
        push64(out, *seen);
        history.write(out);
        ids.write(out);
        // Before what can be made of rows, which another catalog leaves out.
        let own = plan.decayed.len();
        for decayed in &decayed[number * own..][..own] {
            decayed.write(out);
        }
        let own = plan.extremes.len();
        for queue in &queues[number * own..][..own] {
            queue.write(out);
        }
        let own = plan.holdings.len();
        for held in &holdings[number * own..][..own] {
            out.push(u32::from(held.is_some()));
            if let Some(held) = held {
                held.write(out);
            }
        }
    }

    /// Gives the key called `key`, of this hash, the state that was written of it by a lane that had met
    /// `clock` records, and tells the slot; nothing where it cannot have been, and the bucket is then of no
    /// use.
    pub(super) fn restore(
        &mut self,
        plan: &Plan,
        (hash, key): (u64, &[u8]),
        clock: u64,
        mut words: &[u32],
    ) -> Option<u32> {
        let words = &mut words;
        let gap = Gap::read_from(words)?;
        let seen = take64(words)?;
        let history = History::read_from(plan, key, words)?;
        (1..=clock).contains(&seen).then_some(())?;
        let slot = Slot {
            history,
            ids: Ids::read_from(words)?,
            gap,
            seen,
        };
        let number = self.push(plan, slot);
        let at = number as usize;
        let own = plan.decayed.len();
        for decayed in &mut self.decayed[at * own..][..own] {
            *decayed = Decayed::read_from(words)?;
        }
        let own = plan.extremes.len();
        for queue in &mut self.queues[at * own..][..own] {
            *queue = Queue::read_from(words)?;
        }
        let own = plan.holdings.len();
        let holdings = &mut self.holdings[at * own..][..own];
        for (spec, held) in plan.holdings.iter().zip(holdings) {
            *held = match take(words)? {
                0 => None,
                1 if spec.is_kept => Some(Box::new(Held::read_from(spec.holding, words)?)),
                _ => return None,
            };
        }
        self.slot_mut(number).history.is_stored = true;
        self.enter_index(hash, number);
        self.count_slot(plan, number);
        words.is_empty().then_some(number)
    }
}
