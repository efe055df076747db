//! Value of the oldest and of the newest record of a window.
//!
//! Cost: O(log n). Space: 8 bytes per record.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Parts};
use crate::plan::column::Float;
use crate::plan::{Made, RawField};

#[derive(Debug)]
pub(super) struct Edge {
    is_last: bool,
    signature: &'static Signature,
}

pub(super) static FIRST: Edge = Edge {
    is_last: false,
    signature: &signature("first"),
};

pub(super) static LAST: Edge = Edge {
    is_last: true,
    signature: &signature("last"),
};

const fn signature(name: &'static str) -> Signature {
    Signature {
        name,
        takes: Takes::Number,
        span: Span::Window,
        keys: &["last"],
        check: Signature::no_check,
    }
}

impl Definition for Edge {
    fn signature(&self) -> &'static Signature {
        self.signature
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let number = parts.number(spec, 0);
        let raw = parts.raw_word(RawField::Float { bit, number });
        let count = parts.known_count(spec, bit);
        let window = parts.window(spec, count);
        let slot = parts.edge(window, raw, count, self.is_last);
        let which = if self.is_last { "newest" } else { "oldest" };
        let words = format!("{which} {}", parts.plan.raw_subject_at(raw));
        parts.made(Float(slot), words, Cost::Search)
    }
}
