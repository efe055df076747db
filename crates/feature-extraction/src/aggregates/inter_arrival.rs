//! Mean and coefficient of variation of the times from record to record of a window.
//!
//! Cost: O(log n). Space: 20 bytes per record and 16 per key, shared by all windows of the same filter.

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Parts};
use crate::plan::Made;
use crate::plan::column::Float;

#[derive(Debug)]
pub(super) struct InterArrival {
    is_cv: bool,
    signature: &'static Signature,
}

pub(super) static MEAN: InterArrival = InterArrival {
    is_cv: false,
    signature: &signature("inter_arrival_mean"),
};

pub(super) static CV: InterArrival = InterArrival {
    is_cv: true,
    signature: &signature("inter_arrival_cv"),
};

const fn signature(name: &'static str) -> Signature {
    Signature {
        name,
        takes: Takes::Nothing,
        span: Span::Window,
        keys: &["last"],
        check: Signature::no_check,
    }
}

impl Definition for InterArrival {
    fn signature(&self) -> &'static Signature {
        self.signature
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let count = parts.count(bit);
        let window = parts.window(spec, count);
        let slot = parts.inter_arrival(window, bit, count, self.is_cv);
        let what = if self.is_cv { "variation" } else { "mean" };
        let records = parts.plan.records(bit, &[]);
        let words = format!("{what} of the times between {records}");
        parts.made(Float(slot), words, Cost::Search)
    }
}
