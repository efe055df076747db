//! Records of a window with the same values as this one, in a column or tuple.
//!
//! Cost and space: those of [`Table`](crate::structures::table::Table) and of a row's hash, 8 bytes.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Held, Parts};
use crate::plan::column::Float;
use crate::plan::{Made, RawField};
use crate::structures::{Holding, HoldingRead};

#[derive(Debug)]
pub(super) struct Repeats;

static SIGNATURE: Signature = Signature {
    name: "repeats",
    takes: Takes::Tuple,
    span: Span::Window,
    keys: &["last"],
    check: Signature::no_check,
};

impl Definition for Repeats {
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
            holding: Holding::Counts,
            raw,
            read: HoldingRead::Repeats {
                hash: parts.hash(&spec.columns),
            },
        };
        let slot = parts.held(window, held);
        let words = format!(
            "times that it has the same {}",
            parts.plan.raw_subject_at(raw)
        );
        parts.made(Float(slot), words, Cost::Values(window))
    }
}
