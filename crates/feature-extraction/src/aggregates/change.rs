//! Whether a column or tuple differs from that of the record before, and how many records of a window did.
//!
//! Cost: O(1). Space: 8 bytes per key; 4 per record for the count.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::column::{Float, Integer};
use crate::plan::{EventKind, Made, Memory, MemoryRead};

#[derive(Debug)]
pub(super) struct Changed;

#[derive(Debug)]
pub(super) struct Changes;

static CHANGED: Signature = Signature {
    name: "changed",
    takes: Takes::Tuple,
    span: Span::None,
    keys: &[],
    check: Signature::no_check,
};

static CHANGES: Signature = Signature {
    name: "changes",
    takes: Takes::Tuple,
    span: Span::Window,
    keys: &[],
    check: Signature::no_check,
};

impl Definition for Changed {
    fn signature(&self) -> &'static Signature {
        &CHANGED
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let memory = memory(parts, spec);
        let (slot, cost) = parts.remembered(memory, MemoryRead::Changed);
        let words = format!("whether it changed: {}", parts.plan.memory_subject(memory));
        parts.made(Float(slot), words, cost)
    }
}

impl Definition for Changes {
    fn signature(&self) -> &'static Signature {
        &CHANGES
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let memory = memory(parts, spec);
        let count = parts.event_count(memory, EventKind::Change);
        let window = parts.window(spec, count);
        let total = parts.number_of(spec, window, count);
        let words = format!("number of {}", total.subject);
        parts.made(Integer(total.slot), words, total.cost)
    }
}

fn memory(parts: &mut Parts, spec: &FeatureSpec) -> usize {
    let hash = parts.hash(&spec.columns);
    let bit = parts.counted(spec);
    parts.memory(bit, Memory::Change { hash })
}
