//! Kind `lightgbm`: gradient-boosted trees as LightGBM writes them (`save_model`, text, v3 and v4).
//!
//! The raw score is the sum of the leaves in tree order, in doubles, as LightGBM's own predictor adds
//! them: the same bits. Contributions are Saabas': along a row's path the change from a node's value
//! to its child's goes to the feature that was split on. They sum to the raw score less the sum of
//! the roots' values, up to the six digits with which LightGBM writes values of inner nodes.

mod parse;
mod trees;

use std::sync::Arc;

use tillwatch_records::ReasonDefinition;

use self::parse::Objective;
use self::trees::{BLOCK_ROWS, Trees};
use super::{logistic, push_contributions};
use crate::error::ScoringError;
use crate::model::{Model, ModelInfo, ModelInput, ModelOutput, for_each_value};
use crate::registry::{LoadContext, ModelFactory};
use crate::text::utf8;

/// Makes [`LightGbm`].
#[derive(Debug)]
pub struct Factory;

/// Gradient-boosted trees.
#[derive(Debug)]
pub struct LightGbm {
    info: ModelInfo,
    trees: Trees,
    objective: Objective,
    /// What the sum of the leaves is divided by: the number of trees where the model averages.
    divisor: Option<f64>,
    reasons_from: f64,
    /// One per input.
    reasons: Vec<Option<Arc<ReasonDefinition>>>,
}

impl ModelFactory for Factory {
    type Model = LightGbm;
    const KIND: &'static str = "lightgbm";

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<LightGbm, ScoringError> {
        context.require_numbers()?;
        let text = utf8(context.artefact, artefact)?;
        let parsed = parse::parse(text).map_err(|message| context.error(message))?;
        check_features(&parsed.features, &context)?;
        Ok(LightGbm {
            divisor: parsed.average.then_some(parsed.trees.count() as f64),
            trees: parsed.trees,
            objective: parsed.objective,
            reasons_from: context.reasons_from,
            reasons: context.reasons,
            info: context.info,
        })
    }
}

/// The model's features must be the inputs, in order. Names that LightGBM made up say nothing.
fn check_features(features: &[String], context: &LoadContext<'_>) -> Result<(), ScoringError> {
    let inputs = &context.info.inputs;
    if features.len() != inputs.len() {
        return Err(context.error(format!(
            "has {} features, model.toml names {} inputs",
            features.len(),
            inputs.len()
        )));
    }
    for (position, (feature, input)) in features.iter().zip(inputs).enumerate() {
        if feature != input && *feature != format!("Column_{position}") {
            return Err(context.error(format!(
                "feature {} is `{feature}`, model.toml has `{input}` there; give the inputs in training order",
                position + 1
            )));
        }
    }
    Ok(())
}

impl Model for LightGbm {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn score(&self, input: &ModelInput<'_>, output: &mut ModelOutput) {
        let width = input.columns.len();
        let mut rows = vec![0.0; width * BLOCK_ROWS.min(input.rows)];
        let mut contributions = Vec::new();
        for start in (0..input.rows).step_by(BLOCK_ROWS) {
            let end = input.rows.min(start + BLOCK_ROWS);
            for (slot, column) in input.columns.iter().enumerate() {
                for_each_value(column, start..end, |row, value| {
                    rows[row * width + slot] = value;
                });
            }
            let first = output.raw.len();
            output.raw.resize(first + end - start, 0.0);
            self.trees.sum(&rows, width, &mut output.raw[first..]);
            for raw in &mut output.raw[first..] {
                if let Some(divisor) = self.divisor {
                    *raw /= divisor;
                }
                output.probability.push(self.objective.probability(*raw));
            }
            if self.reasons.iter().all(Option::is_none) {
                continue;
            }
            for row in 0..end - start {
                if output.probability[first + row] >= self.reasons_from {
                    let values = &rows[row * width..(row + 1) * width];
                    self.trees.contributions(values, &mut contributions);
                    let scale = self.divisor.unwrap_or(1.0);
                    contributions.iter_mut().for_each(|share| *share /= scale);
                    let value = |slot: usize| values[slot];
                    push_contributions(start + row, &self.reasons, &contributions, value, output);
                }
            }
        }
    }
}

impl Objective {
    fn probability(self, raw: f64) -> f64 {
        match self {
            Self::Sigmoid(slope) => logistic(slope * raw),
            Self::Identity => raw.clamp(0.0, 1.0),
        }
    }
}
