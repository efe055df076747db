//! Value at a rank: of a window, or of all earlier records weighted by age.
//!
//! Cost and space: those of [`Histogram`](crate::structures::histogram::Histogram) or
//! [`Decayed`](crate::structures::Decayed), and of a row's bucket, 4 bytes.

use super::definition::Definition;
use crate::catalog::{Entry, FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::Made;
use crate::plan::column::Float;
use crate::structures::HoldingRead;

#[derive(Debug)]
pub(super) struct Quantile;

static SIGNATURE: Signature = Signature {
    name: "quantile",
    takes: Takes::Number,
    span: Span::WindowOrMemory,
    keys: &["last", "half_life", "quantile"],
    check,
};

fn check(entry: &Entry, _: &mut FeatureSpec) -> Result<(), String> {
    match entry.quantile {
        Some(_) => Ok(()),
        None => Err("`quantile` needs quantile = 0.5 or another rank from 0 to 1".into()),
    }
}

impl Definition for Quantile {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let read = HoldingRead::Quantile { q: spec.quantile };
        let ranked = parts.ranked(spec, read);
        let words = format!("quantile {} of {}", spec.quantile, ranked.subject);
        parts.made(Float(ranked.slot), words, ranked.cost)
    }
}
