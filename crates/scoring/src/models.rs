//! The kinds of model, one module each.

pub mod detector;
pub mod logistic;
pub mod rules;
pub mod trees;

use std::sync::Arc;

use tillwatch_records::Reason;

use crate::model::{Baseline, InputReason, Signal};

/// 1 / (1 + e^−x).
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// ln(p / (1 − p)).
pub(crate) fn log_odds(p: f64) -> f64 {
    libm::log(p / (1.0 - p))
}

/// Pushes a reason for every input that has one and raised the score of `row`.
///
/// `contributions` has one value per input, `value` gives an input's value.
pub(crate) fn push_contributions(
    row: usize,
    reasons: &[Option<InputReason>],
    contributions: &[f64],
    value: impl Fn(usize) -> f64,
    output: &mut Vec<Signal>,
) {
    for (input, (reason, contribution)) in reasons.iter().zip(contributions).enumerate() {
        if let Some(reason) = reason
            && *contribution > 0.0
        {
            let baseline = reason.baseline.map(|baseline| match baseline {
                Baseline::Number(number) => number,
                Baseline::Input(position) => value(position),
            });
            output.push(Signal {
                row: row as u32,
                reason: Reason {
                    definition: Arc::clone(&reason.definition),
                    value: value(input),
                    baseline: baseline.filter(|baseline| !baseline.is_nan()),
                    contribution: *contribution,
                },
                fired: false,
                cooldown: None,
            });
        }
    }
}
