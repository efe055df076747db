//! A model at work on a table.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use tillwatch_scoring::{Effort, InputScope, LoadedModel, ModelInfo, Runner, Signal};

use super::ground::Opened;
use crate::exit::misconfigured;
use crate::files::Wanted;

/// A model that scores rows of a table, in their order.
pub struct Applied {
    pub runner: Runner,
    /// Its inputs, as a table is asked for them.
    pub wanted: Vec<Wanted>,
    /// From which probability on rows get reasons with their score.
    pub explain_from: f64,
}

impl Applied {
    /// The model of `opened`; its learners have seen nothing.
    pub fn new(opened: &Opened) -> Self {
        let inputs = opened.model.info().inputs.iter();
        let wanted = inputs.map(|name| Wanted {
            name: name.clone(),
            data_type: Some(data_type(name, &opened.scope)),
        });
        Self {
            runner: Runner::new(&opened.model, &opened.scope),
            wanted: wanted.collect(),
            explain_from: f64::INFINITY,
        }
    }

    /// Scores the next rows, given one column per input; the answers are the runner's.
    pub fn score(&mut self, columns: &[ArrayRef]) -> Vec<Signal> {
        let rows = columns.first().map_or(0, |column| column.len());
        let names = self.wanted.iter().map(|wanted| wanted.name.as_str());
        let by_name: BTreeMap<&str, &ArrayRef> = names.zip(columns).collect();
        self.runner.bind(rows, |source| {
            by_name.get(source.name()).map(|column| Arc::clone(column))
        });
        let mut signals = Vec::new();
        self.runner
            .score(Effort::Full, self.explain_from, &mut signals);
        signals
    }
}

fn data_type(name: &str, scope: &InputScope) -> DataType {
    if let Some(column) = scope.event_column(name) {
        return column.kind().data_type();
    }
    let joined = scope.joined_column(name);
    joined.map_or(DataType::Float64, |field| field.data_type().clone())
}

/// Contributions and bias are seen to add up to the raw score to this share of it.
const SUM_TOLERANCE: f64 = 1e-9;

/// Largest share by which a sum of thousands of trees in single precision, as XGBoost's is, is off the
/// sum in double precision, which contributions add up to.
const SINGLE_TOLERANCE: f64 = 1e-4;

/// What is left of a row's raw score without its contributions: the model's bias, and where the library
/// adds in single precision what it lost by that. More than that is left as it is, to be seen.
pub fn row_bias(bias: f64, contributions: &[f64], raw: f64) -> f64 {
    let sum: f64 = contributions.iter().sum();
    let off = (bias + sum - raw).abs();
    let size: f64 = contributions.iter().map(|value| value.abs()).sum();
    if off > SUM_TOLERANCE * raw.abs() && off <= SINGLE_TOLERANCE * (size + bias.abs()) {
        raw - sum
    } else {
        bias
    }
}

/// Why a model has no contributions.
pub fn no_contributions(model: &LoadedModel, directory: &Path) -> anyhow::Error {
    let at = directory.display();
    if model.is_ensemble() {
        let members = model.members().map(ModelInfo::versioned_name);
        return misconfigured(format!(
            "model {at} is an ensemble, which has no contributions of its own; ask a member for its: {}",
            members.collect::<Vec<_>>().join(", ")
        ));
    }
    misconfigured(format!(
        "model {at} is of kind `{}` and has no contributions that add up to its raw score; a \
         model of trees needs the covers of its nodes in the file",
        model.info().kind
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_single_precision_loses_is_added_to_the_bias() {
        let raw = f64::from(0.1_f32 + 0.2_f32 + 0.7_f32);
        let parts = [f64::from(0.2_f32), f64::from(0.7_f32)];
        let bias = row_bias(f64::from(0.1_f32), &parts, raw);
        assert!((bias + parts[0] + parts[1] - raw).abs() < 1e-15);
        assert!((bias - 0.1).abs() < 1e-6);
        assert_eq!(row_bias(0.5, &[0.25, 0.25], 1.0), 0.5);
        // Something else is wrong then, and must not be covered up.
        assert_eq!(row_bias(0.5, &[0.25, 0.25], 1.1), 0.5);
    }
}
