//! Operations that read what a key remembers whatever the windows.

use crate::catalog::FeatureSpec;
use crate::memory::ewma::EwmaSpec;
use crate::memory::profile::ProfileSpec;
use crate::memory::sequence::SequenceSpec;
use crate::plan::ids::intern;
use crate::plan::parts::{count_word, counted, number, window};
use crate::plan::{
    CountField, CountSource, EventKind, EventSpec, Memory, MemoryRead, MemorySpec, Op, Part, Plan,
    Single,
};
use crate::structures::decay::HalfLife;

pub(super) fn ewma_op(plan: &mut Plan, spec: &FeatureSpec, read: MemoryRead) -> Single {
    let memory = Memory::Ewma {
        spec: EwmaSpec {
            half_life: HalfLife::new(spec.half_life_ms),
        },
        number: number(plan, spec, 0),
    };
    Single::Memory {
        slot: memory_slot(plan, spec, memory),
        read,
    }
}

pub(super) fn profile_op(plan: &mut Plan, spec: &FeatureSpec) -> Single {
    let profile = ProfileSpec {
        half_life: HalfLife::new(spec.half_life_ms),
    };
    Single::Memory {
        slot: memory_slot(plan, spec, Memory::Profile { spec: profile }),
        read: MemoryRead::Rate,
    }
}

pub(super) fn place_op(plan: &mut Plan, spec: &FeatureSpec, read: MemoryRead) -> Single {
    let memory = Memory::Place {
        lat: number(plan, spec, 0),
        lon: number(plan, spec, 1),
    };
    Single::Memory {
        slot: memory_slot(plan, spec, memory),
        read,
    }
}

pub(super) fn change(plan: &mut Plan, spec: &FeatureSpec) -> usize {
    let hash = intern(&mut plan.hashes, spec.columns.clone());
    memory_slot(plan, spec, Memory::Change { hash })
}

pub(super) fn sequence(plan: &mut Plan, spec: &FeatureSpec) -> usize {
    let memory = Memory::Sequence {
        spec: SequenceSpec::new(spec.wrap),
        number: number(plan, spec, 0),
    };
    memory_slot(plan, spec, memory)
}

pub(super) fn sequence_op(plan: &mut Plan, spec: &FeatureSpec, kind: EventKind) -> Op {
    let slot = sequence(plan, spec);
    event_op(plan, spec, slot, kind)
}

pub(super) fn event_op(plan: &mut Plan, spec: &FeatureSpec, memory: usize, kind: EventKind) -> Op {
    let event = intern(&mut plan.events, EventSpec { memory, kind });
    let source = CountSource::Word(count_word(plan, CountField::Event(event)));
    Op::Count {
        window: window(plan, spec, source),
        count: Part::Counted(source),
    }
}

pub(super) fn memory_slot(plan: &mut Plan, spec: &FeatureSpec, memory: Memory) -> usize {
    let bit = counted(plan, spec);
    intern(&mut plan.memories, MemorySpec { bit, memory })
}
