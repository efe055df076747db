//! Entropy of the values of a column or tuple, in bits.
//!
//! Cost and space: those of [`Entropy`](crate::structures::table::entropy::Entropy) and of a row's hash, 8
//! bytes.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::Made;
use crate::plan::column::Float;
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
        let asked = parts.values(spec, Holding::Entropy, HoldingRead::Entropy);
        let words = format!("entropy of {}", asked.subject);
        parts.made(Float(asked.slot), words, asked.cost)
    }
}
