//! Mean and deviation of all earlier records, weighted by age, and the distance of the record's own value.
//!
//! Cost: O(1). Space: 32 bytes per key, shared by the three.

use tillwatch_records::units::DurationMs;

use super::definition::{Definition, needs_half_life};
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::memory::ewma::EwmaSpec;
use crate::parts::Parts;
use crate::plan::column::Float;
use crate::plan::{Made, Memory, MemoryRead};
use crate::structures::decay::HalfLife;

#[derive(Debug)]
pub(super) struct Ewma {
    read: MemoryRead,
    what: &'static str,
    signature: &'static Signature,
}

pub(super) static MEAN: Ewma = Ewma {
    read: MemoryRead::EwmaMean,
    what: "weighted mean of",
    signature: &signature("ewma_mean"),
};

pub(super) static STDDEV: Ewma = Ewma {
    read: MemoryRead::EwmaStddev,
    what: "weighted deviation of",
    signature: &signature("ewma_stddev"),
};

pub(super) static Z: Ewma = Ewma {
    read: MemoryRead::EwmaZ,
    what: "weighted deviations of its own from",
    signature: &signature("ewma_z"),
};

const fn signature(name: &'static str) -> Signature {
    Signature {
        name,
        takes: Takes::Number,
        span: Span::Memory,
        keys: &["half_life"],
        check: needs_half_life,
    }
}

impl Definition for Ewma {
    fn signature(&self) -> &'static Signature {
        self.signature
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let ewma = Memory::Ewma {
            spec: EwmaSpec {
                half_life: HalfLife::new(spec.half_life_ms),
            },
            number: parts.number(spec, 0),
        };
        let bit = parts.counted(spec);
        let memory = parts.memory(bit, ewma);
        let (slot, cost) = parts.remembered(memory, self.read);
        let subject = parts.plan.memory_subject(memory);
        let half_life = DurationMs::from_ms(spec.half_life_ms);
        let words = format!("{} {subject}, half-life {half_life}", self.what);
        parts.made(Float(slot), words, cost)
    }
}
