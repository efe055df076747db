//! What a key that lacks records comes to know by a record that it takes in.

use super::record::{Admission, Record};
use crate::inputs::Inputs;
use crate::memory::ewma;
use crate::memory::profile::{ProfileSpec, WEEK_MS};
use crate::plan::{EWMA_HALF_LIVES, Memory, MemorySpec, Plan, RANK_HALF_LIVES, Recalled};
use crate::state::KeyParts;
use crate::structures::decay::HalfLife;

/// Notes what the key remembers without regard to what it lacks, once it has taken in `record`. Its memories
/// are as they were before; see [`Wholeness`](crate::plan::Wholeness) for the reasons.
#[cold]
pub(super) fn learn(plan: &Plan, key: &mut KeyParts<'_>, record: &Record<'_>, inputs: &Inputs<'_>) {
    let Some(gap) = key.gap else { return };
    let before = gap.unknown;
    let memory_of = |slot: usize| {
        let spec: MemorySpec = plan.memories[slot];
        (
            spec,
            key.history.memory(plan.memories_at[slot], spec.words()),
        )
    };
    let seen = Seen {
        record,
        inputs,
        end_ms: gap.end_ms,
    };
    for (bit, remembered) in plan.whole.bits() {
        if before & bit == 0 {
            continue;
        }
        let is_known = match remembered.what {
            Recalled::Since(slot) => seen.has(plan.sinces[slot].bit) && seen.is_after(),
            Recalled::Memory(slot) => {
                let (spec, words) = memory_of(slot);
                seen.has(spec.bit) && seen.settles(spec.memory, words)
            }
            Recalled::OtherHead(slot) => {
                let bits = plan.whole.bits();
                let mut own = bits.filter(|(_, r)| r.what == Recalled::Memory(slot));
                let is_head_known = own.next().is_some_and(|(bit, _)| before & bit == 0);
                let (spec, words) = memory_of(slot);
                is_head_known && seen.has(spec.bit) && seen.turns(spec.memory, words)
            }
            Recalled::Decayed(slot) => {
                let spec = &plan.decayed[slot];
                let value = inputs.number(spec.number, record.row);
                let counts = !(value.is_nan() || spec.is_log && value <= 0.0);
                counts && seen.has(spec.bit) && seen.is_long_after(spec.half_life, RANK_HALF_LIVES)
            }
        };
        if is_known {
            gap.unknown &= !bit;
            let whole_at_ms = record.now_ms.saturating_add(remembered.events_ms);
            gap.whole_at_ms = gap.whole_at_ms.max(whole_at_ms);
        }
    }
}

/// A record, seen from the end of its key's gap.
struct Seen<'a> {
    record: &'a Record<'a>,
    inputs: &'a Inputs<'a>,
    end_ms: i64,
}

impl Seen<'_> {
    fn has(&self, bit: usize) -> bool {
        self.inputs.bit(bit, self.record.row)
    }

    fn is_after(&self) -> bool {
        self.record.now_ms > self.end_ms
    }

    fn is_long_after(&self, half_life: HalfLife, half_lives: i64) -> bool {
        self.record.now_ms >= half_life.later(self.end_ms, half_lives)
    }

    /// Whether the record makes a memory independent of what is missing, which is as `words` say before it.
    fn settles(&self, memory: Memory, words: &[u32]) -> bool {
        let (row, inputs) = (self.record.row, self.inputs);
        let follows = self.record.admission == Admission::InOrder && self.is_after();
        match memory {
            Memory::Place { lat, lon } => follows && inputs.place(lat, lon, row).counts(),
            Memory::Change { hash } => follows && inputs.hash(hash, row) != 0,
            Memory::Sequence { number, .. } => follows && !inputs.number(number, row).is_nan(),
            Memory::Ewma { spec, number } => {
                ewma::counts(inputs.number(number, row))
                    && ewma::is_spread(words)
                    && self.is_long_after(spec.half_life, EWMA_HALF_LIVES)
            }
            Memory::Profile { spec } => ProfileSpec::first_ms(words).is_some_and(|first_ms| {
                let from_ms = first_ms.max(self.end_ms);
                let faded_ms = spec.half_life.later(from_ms, RANK_HALF_LIVES);
                self.record.now_ms >= faded_ms.max(from_ms.saturating_add(WEEK_MS))
            }),
        }
    }

    /// Whether the record's number makes the head of a counter the second one.
    fn turns(&self, memory: Memory, words: &[u32]) -> bool {
        let Memory::Sequence { spec, number } = memory else {
            return false;
        };
        let number = self.inputs.number(number, self.record.row);
        let in_order = self.record.admission == Admission::InOrder;
        in_order && !number.is_nan() && !spec.goes_on(words, number as i64)
    }
}
