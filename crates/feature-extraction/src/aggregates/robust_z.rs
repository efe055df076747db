//! Distance of the record's own value from the median, in median deviations: of a window, or of all earlier
//! records weighted by age.
//!
//! Cost and space: as a quantile; O(1) amortised with a half-life as long as the distribution moves slowly.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::Made;
use crate::plan::column::Float;
use crate::structures::HoldingRead;

#[derive(Debug)]
pub(super) struct RobustZ;

static SIGNATURE: Signature = Signature {
    name: "robust_z",
    takes: Takes::Number,
    span: Span::WindowOrMemory,
    keys: &["last", "half_life", "scale"],
    check: Signature::no_check,
};

impl Definition for RobustZ {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let read = HoldingRead::RobustZ {
            number: parts.number(spec, 0),
            is_log: spec.is_log,
        };
        let ranked = parts.ranked(spec, read);
        let words = format!("robust deviation of its own from {}", ranked.subject);
        parts.made(Float(ranked.slot), words, ranked.cost)
    }
}
