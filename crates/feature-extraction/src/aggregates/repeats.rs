//! Records of a window with the same values as this one, in a column or tuple.
//!
//! Cost and space: those of [`Table`](crate::structures::table::Table) and of a row's hash, 8 bytes.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::Made;
use crate::plan::column::Float;
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
        let hash = parts.hash(&spec.columns);
        let asked = parts.values(spec, Holding::Counts, HoldingRead::Repeats { hash });
        let words = format!("times that it has the same {}", asked.subject);
        parts.made(Float(asked.slot), words, asked.cost)
    }
}
