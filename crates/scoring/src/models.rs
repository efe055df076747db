//! The kinds of model, one module each.

pub mod lightgbm;
pub mod logistic;
pub mod rules;

use std::sync::Arc;

use tillwatch_records::{Reason, ReasonDefinition};

use crate::model::ModelOutput;

/// 1 / (1 + e^−x).
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// ln(p / (1 − p)).
pub(crate) fn log_odds(p: f64) -> f64 {
    libm::log(p / (1.0 - p))
}

/// Pushes a reason for every input that has one and raised the score of `row`.
pub(crate) fn push_contributions(
    row: usize,
    definitions: &[Option<Arc<ReasonDefinition>>],
    contributions: &[f64],
    value: impl Fn(usize) -> f64,
    output: &mut ModelOutput,
) {
    for (input, (definition, contribution)) in definitions.iter().zip(contributions).enumerate() {
        if let Some(definition) = definition
            && *contribution > 0.0
        {
            let reason = Reason {
                definition: Arc::clone(definition),
                value: value(input),
                baseline: None,
                contribution: *contribution,
            };
            output.push_reason(row, reason, false);
        }
    }
}
