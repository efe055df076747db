//! From contributions to reasons.

use std::sync::Arc;

use tillwatch_records::Reason;

use crate::model::{Baseline, InputReason, Signal};

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
