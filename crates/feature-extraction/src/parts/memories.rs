//! What a key remembers in a fixed size, and what a lane remembers of cohorts.

use super::request::{Cost, Parts, taken};
use crate::plan::ids::intern;
use crate::plan::{
    BitId, CohortSpec, CountField, CountedBy, DecayedSpec, EventKind, EventSpec, Memory,
    MemoryRead, MemorySpec, Prior, Single, Slot, WORD_BYTES,
};
use crate::structures::HoldingRead;

impl Parts {
    /// The memory of the records that have `bit`: an index into the memories of the plan.
    pub(crate) fn memory(&mut self, bit: BitId, memory: Memory) -> usize {
        let slot = intern(&mut self.plan.memories, MemorySpec { bit, memory });
        self.uses.memories.insert(slot);
        slot
    }

    /// Slot of what a memory says of a record, and what that costs.
    pub(crate) fn remembered(&mut self, memory: usize, read: MemoryRead) -> (Slot, Cost) {
        let bytes = self.plan.memories[memory].words() * WORD_BYTES;
        let slot = self.single(Single::Memory { slot: memory, read });
        (slot, Cost::Memory { bytes })
    }

    /// A running count of the records at which a memory finds `kind`.
    pub(crate) fn event_count(&mut self, memory: usize, kind: EventKind) -> CountedBy {
        let event = intern(&mut self.plan.events, EventSpec { memory, kind });
        CountedBy::Word(self.count_word(CountField::Event(event)))
    }

    /// Slot of what a histogram says whose records age; and the histogram, an index into those of the plan.
    pub(crate) fn decayed(&mut self, spec: DecayedSpec, read: HoldingRead) -> (Slot, usize) {
        self.uses.bits.insert(spec.bit);
        let slot = intern(&mut self.plan.decayed, spec);
        self.uses.decayed.insert(slot);
        (self.single(Single::Decayed { slot, read }), slot)
    }

    /// Slot of the share of a record's cohort, `prior` while nothing is known of it.
    pub(crate) fn cohort(&mut self, spec: CohortSpec, prior: f64) -> Slot {
        let cohort = intern(&mut self.plan.cohorts, spec);
        self.uses.cohorts.insert(cohort);
        let reads = &mut self.plan.reads;
        taken(&mut reads.priors, Prior { cohort, prior }, &mut reads.slots)
    }
}
