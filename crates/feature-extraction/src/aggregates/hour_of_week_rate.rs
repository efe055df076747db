//! Records per hour that are usual in the record's hour of the week, weighted by age.
//!
//! Cost: O(1). Space: 704 bytes per key.

use tillwatch_records::units::DurationMs;

use super::definition::Definition;
use crate::catalog::{Entry, FeatureSpec, HALF_LIFE_MS, Signature, Span, Takes};
use crate::memory::profile::ProfileSpec;
use crate::parts::Parts;
use crate::plan::column::Float;
use crate::plan::{Made, Memory, MemoryRead};
use crate::structures::decay::HalfLife;

#[derive(Debug)]
pub(super) struct HourOfWeekRate;

static SIGNATURE: Signature = Signature {
    name: "hour_of_week_rate",
    takes: Takes::Nothing,
    span: Span::Memory,
    keys: &["half_life"],
    check,
};

fn check(entry: &Entry, spec: &mut FeatureSpec) -> Result<(), String> {
    if entry.half_life.is_none() {
        spec.half_life_ms = HALF_LIFE_MS;
    }
    Ok(())
}

impl Definition for HourOfWeekRate {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let profile = ProfileSpec {
            half_life: HalfLife::new(spec.half_life_ms),
        };
        let bit = parts.counted(spec);
        let memory = parts.memory(bit, Memory::Profile { spec: profile });
        let (slot, cost) = parts.remembered(memory, MemoryRead::Rate);
        let subject = parts.plan.memory_subject(memory);
        let half_life = DurationMs::from_ms(spec.half_life_ms);
        let words = format!("usual rate per hour of {subject}, half-life {half_life}");
        parts.made(Float(slot), words, cost)
    }
}
