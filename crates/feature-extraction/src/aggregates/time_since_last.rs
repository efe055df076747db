//! Seconds since the newest other record that satisfies the filter.
//!
//! Cost: O(1) in order, O(log n) late. Space: 16 bytes per key, 4 per record.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Parts};
use crate::plan::Made;
use crate::plan::column::Float;

#[derive(Debug)]
pub(super) struct TimeSinceLast;

static SIGNATURE: Signature = Signature {
    name: "time_since_last",
    takes: Takes::Nothing,
    span: Span::None,
    keys: &[],
    check: Signature::no_check,
};

impl Definition for TimeSinceLast {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let slot = parts.since(bit);
        let words = format!("time since the last of {}", parts.plan.records(bit, &[]));
        parts.made(Float(slot), words, Cost::Time)
    }
}
