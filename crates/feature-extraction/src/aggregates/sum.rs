//! Sum of an integer column.
//!
//! Cost: O(1). Space: 8 bytes per record, shared by all windows of the same filter and column.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Parts, column};
use crate::plan::column::Integer;
use crate::plan::{Made, Term};

#[derive(Debug)]
pub(super) struct Sum;

static SIGNATURE: Signature = Signature {
    name: "sum",
    takes: Takes::Integer,
    span: Span::Window,
    keys: &["label", "resolution", "last"],
    check: Signature::no_check,
};

impl Definition for Sum {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let count = parts.count(bit);
        let window = parts.window(spec, count);
        let word = parts.sum_word(Term::column(bit, column(spec)));
        let total = parts.sum_of(spec, window, count, word);
        let words = format!("sum of {}", total.subject);
        parts.made(Integer(total.slot), words, total.cost)
    }
}
