//! A number made of the record's own columns.
//!
//! Cost: that of the expression. No state.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Parts};
use crate::plan::column::put;
use crate::plan::{Chunk, Column, Made, NumberId};

#[derive(Debug)]
pub(super) struct Value;

static SIGNATURE: Signature = Signature {
    name: "value",
    takes: Takes::Expression,
    span: Span::None,
    keys: &[],
    check: Signature::no_check,
};

#[derive(Debug)]
struct Own(NumberId);

impl Definition for Value {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let number = parts.number(spec, 0);
        let words = parts.plan.number_words(number);
        parts.made(Own(number), words, Cost::Record)
    }
}

impl Column for Own {
    fn fill(&self, chunk: &Chunk<'_>, run: &mut [f64]) {
        put(run, chunk.numbers(self.0));
    }
}
