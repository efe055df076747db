//! Entropy of the values of a column or tuple, in bits.
//!
//! Cost and space: those of [`Entropy`](crate::structures::table::entropy::Entropy) and of a row's hash, 8
//! bytes.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Held, Parts};
use crate::plan::column::Float;
use crate::plan::{Made, RawField};
use crate::structures::{Holding, HoldingRead};

#[derive(Debug)]
pub(super) struct Entropy;

static SIGNATURE: Signature = Signature {
    name: "entropy",
    takes: Takes::Tuple,
    span: Span::Window,
    keys: &["last"],
    check: Signature::no_check,
};

impl Definition for Entropy {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let newest = parts.newest_count(spec, bit);
        let window = parts.window(spec, newest);
        let inputs = spec.columns.clone();
        let raw = parts.raw_word(RawField::Hash { bit, inputs });
        let held = Held {
            holding: Holding::Entropy,
            raw,
            read: HoldingRead::Entropy,
        };
        let slot = parts.held(window, held);
        let words = format!("entropy of {}", parts.plan.raw_subject_at(raw));
        parts.made(Float(slot), words, Cost::Values(window))
    }
}
