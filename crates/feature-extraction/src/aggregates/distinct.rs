//! Number of distinct values of a column or tuple; a tuple with a null does not count.
//!
//! Cost and space: those of [`Distinct`](crate::structures::table::distinct::Distinct) and of a row's
//! hash, 8 bytes.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::Made;
use crate::plan::column::Float;
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
        let asked = parts.values(spec, Holding::Distinct, HoldingRead::Distinct);
        let words = format!("distinct values of {}", asked.subject);
        parts.made(Float(asked.slot), words, asked.cost)
    }
}
