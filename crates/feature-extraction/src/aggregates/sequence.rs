//! What sequence numbers show: numbers skipped, and how many records of a window repeated a number, went
//! back, or took turns between two counters.
//!
//! Cost: O(1). Space: 16 bytes per key, and 4 per record for each count.

use super::definition::Definition;
use crate::catalog::{Entry, FeatureSpec, Signature, Span, Takes};
use crate::memory::sequence::SequenceSpec;
use crate::parts::Parts;
use crate::plan::column::{Float, Integer};
use crate::plan::{EventKind, Made, Memory, MemoryRead};

/// Numbers of DE11 before it starts again.
const STAN_WRAP: i64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Gap;

static GAP: Signature = Signature {
    name: "sequence_gap",
    takes: Takes::Sequence,
    span: Span::None,
    keys: &["wrap"],
    check,
};

#[derive(Debug)]
pub(super) struct Shown {
    kind: EventKind,
    signature: &'static Signature,
}

pub(super) static DUPLICATES: Shown = Shown {
    kind: EventKind::Duplicate,
    signature: &signature("sequence_duplicates"),
};

pub(super) static REGRESSIONS: Shown = Shown {
    kind: EventKind::Regression,
    signature: &signature("sequence_regressions"),
};

pub(super) static FORKS: Shown = Shown {
    kind: EventKind::Fork,
    signature: &signature("sequence_forks"),
};

const fn signature(name: &'static str) -> Signature {
    Signature {
        name,
        takes: Takes::Sequence,
        span: Span::Window,
        keys: &["wrap"],
        check,
    }
}

fn check(entry: &Entry, spec: &mut FeatureSpec) -> Result<(), String> {
    if entry.wrap.is_none() {
        spec.wrap = STAN_WRAP;
    }
    Ok(())
}

impl Definition for Gap {
    fn signature(&self) -> &'static Signature {
        &GAP
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let memory = memory(parts, spec);
        let (slot, cost) = parts.remembered(memory, MemoryRead::Gap);
        let words = format!("numbers skipped: {}", parts.plan.memory_subject(memory));
        parts.made(Float(slot), words, cost)
    }
}

impl Definition for Shown {
    fn signature(&self) -> &'static Signature {
        self.signature
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let memory = memory(parts, spec);
        let count = parts.event_count(memory, self.kind);
        let window = parts.window(spec, count);
        let total = parts.number_of(spec, window, count);
        let words = format!("number of {}", total.subject);
        parts.made(Integer(total.slot), words, total.cost)
    }
}

fn memory(parts: &mut Parts, spec: &FeatureSpec) -> usize {
    let memory = Memory::Sequence {
        spec: SequenceSpec::new(spec.wrap),
        number: parts.number(spec, 0),
    };
    let bit = parts.counted(spec);
    parts.memory(bit, memory)
}
