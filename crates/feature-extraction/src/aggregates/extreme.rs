//! Smallest and largest value of a number column or an expression.
//!
//! Cost: O(1) amortised to keep, O(log q) to read. Space: a queue per key, shared by all windows with the
//! same end; per record what its value takes.

use tillwatch_records::column::ColumnType;

use super::definition::Definition;
use crate::catalog::{FeatureSpec, Signature, Span, Takes};
use crate::parts::{Cost, Parts, column};
use crate::plan::column::Float;
use crate::plan::{CountField, ExtremeValue, Made, RawField, Term};

#[derive(Debug)]
pub(super) struct Extreme {
    smallest: bool,
    signature: &'static Signature,
}

pub(super) static MIN: Extreme = Extreme {
    smallest: true,
    signature: &signature("min"),
};

pub(super) static MAX: Extreme = Extreme {
    smallest: false,
    signature: &signature("max"),
};

const fn signature(name: &'static str) -> Signature {
    Signature {
        name,
        takes: Takes::Number,
        span: Span::Window,
        keys: &["resolution", "last"],
        check: Signature::no_check,
    }
}

impl Definition for Extreme {
    fn signature(&self) -> &'static Signature {
        self.signature
    }

    fn made(&self, parts: &mut Parts, spec: &FeatureSpec) -> Made {
        let bit = parts.counted(spec);
        let newest = parts.newest_count(spec, bit);
        let window = parts.window(spec, newest);
        let is_integer = spec
            .columns
            .first()
            .is_some_and(|c| c.kind == ColumnType::Int64);
        // The totals before a row that stands for several do not tell their values apart.
        let value = if is_integer && spec.resolution_ms == 0 {
            ExtremeValue::Integer {
                sum: parts.sum_word(Term::column(bit, column(spec))),
                count: parts.count_word(CountField::Bit(bit)),
            }
        } else {
            let number = parts.number(spec, 0);
            ExtremeValue::Float {
                raw: parts.raw_word(RawField::Float { bit, number }),
            }
        };
        let reach_ms = spec.delay_ms + spec.window_ms + spec.resolution_ms;
        let (slot, queue) = parts.extreme(window, value, self.smallest, reach_ms);
        let (which, values) = parts.plan.extreme_words(queue);
        parts.made(
            Float(slot),
            format!("{which} {values}"),
            Cost::Queue(window),
        )
    }
}
