//! Share of the most frequent value of a column or tuple among the records of a window that have one.
//!
//! Cost and space: those of [`Frequent`](crate::structures::table::frequent::Frequent) and of a row's hash, 8
//! bytes.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::Made;
use crate::plan::column::Float;
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
        let asked = parts.values(spec, Holding::Frequent, HoldingRead::TopShare);
        let words = format!("share of the most frequent {}", asked.subject);
        parts.made(Float(asked.slot), words, asked.cost)
    }
}
