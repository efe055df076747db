//! Number of distinct values of a column or tuple; a tuple with a null does not count.
//!
//! Cost and space: those of [`Distinct`](crate::structures::table::distinct::Distinct) and of a row's
//! hash, 8 bytes.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Held, Parts};
use crate::plan::column::Float;
use crate::plan::{Made, RawField};
use crate::structures::{Holding, HoldingRead};

#[derive(Debug)]
pub(super) struct Distinct;

static SIGNATURE: Signature = Signature {
    name: "distinct",
    takes: Takes::Tuple,
    span: Span::Window,
    keys: &["resolution", "last"],
    check: Signature::no_check,
};

impl Definition for Distinct {
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
            holding: Holding::Distinct,
            raw,
            read: HoldingRead::Distinct,
        };
        let slot = parts.held(window, held);
        let words = format!("distinct values of {}", parts.plan.raw_subject_at(raw));
        parts.made(Float(slot), words, Cost::Values(window))
    }
}
