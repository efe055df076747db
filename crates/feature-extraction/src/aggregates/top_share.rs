//! Share of the most frequent value of a column or tuple among the records of a window that have one.
//!
//! Cost and space: those of [`Frequent`](crate::structures::table::frequent::Frequent) and of a row's hash, 8
//! bytes.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Held, Parts};
use crate::plan::column::Float;
use crate::plan::{Made, RawField};
use crate::structures::{Holding, HoldingRead};

#[derive(Debug)]
pub(super) struct TopShare;

static SIGNATURE: Signature = Signature {
    name: "top_share",
    takes: Takes::Tuple,
    span: Span::Window,
    keys: &["last"],
    check: Signature::no_check,
};

impl Definition for TopShare {
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
            holding: Holding::Frequent,
            raw,
            read: HoldingRead::TopShare,
        };
        let slot = parts.held(window, held);
        let words = format!(
            "share of the most frequent {}",
            parts.plan.raw_subject_at(raw)
        );
        parts.made(Float(slot), words, Cost::Values(window))
    }
}
