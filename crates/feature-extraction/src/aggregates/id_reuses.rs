//! Records of a window that came under an event id which another record of the key had.
//!
//! Cost: O(1). Space: 4 bytes per record, shared by all windows of the same filter.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::Parts;
use crate::plan::Made;
use crate::plan::column::Integer;

#[derive(Debug)]
pub(super) struct IdReuses;

static SIGNATURE: Signature = Signature {
    name: "id_reuses",
    takes: Takes::Nothing,
    span: Span::Window,
    keys: &["resolution"],
    check: Signature::no_check,
};

impl Definition for IdReuses {
    fn signature(&self) -> &'static Signature {
        &SIGNATURE
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let count = parts.reused_count(bit);
        let window = parts.window(spec, count);
        let total = parts.number_of(spec, window, count);
        let words = format!("number of {}", total.subject);
        parts.made(Integer(total.slot), words, total.cost)
    }
}
