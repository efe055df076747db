//! Kind `logistic`: raw = intercept + Σ coefficient × (x − mean) / scale, probability = 1/(1 + e^−raw).
//!
//! TOML or, where the artefact's name ends in `.json`, JSON of the same fields: `intercept`, and
//! one `term` per input. `mean` and `scale` are those of scikit-learn's `StandardScaler` (`mean_`,
//! `scale_`), `coefficient` and `intercept` those of the `LogisticRegression` after it (`coef_[0]`,
//! `intercept_[0]`); of a regression that was fitted on plain inputs they stay away.
//!
//! A missing x counts as `missing`, which is the mean unless stated. A contribution is an input's
//! term; all terms of a row sum to the raw score less the intercept.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use tillwatch_records::Attribution;
use tillwatch_records::suggest::did_you_mean;

use crate::error::ScoringError;
use crate::factory::{LoadContext, ModelFactory};
use crate::loaded::MemberKind;
use crate::math::logistic;
use crate::model::{Contributions, Depth, Model, ModelInfo, ModelInput, ModelOutput};
use crate::text::{read_json, read_toml, utf8};
use crate::values::{for_each_value, value_at};

/// Makes [`Logistic`].
#[derive(Debug)]
pub struct Factory;

/// A logistic regression.
#[derive(Debug)]
pub struct Logistic {
    info: ModelInfo,
    intercept: f64,
    /// One per input.
    terms: Vec<Term>,
}

#[derive(Debug, Clone, Copy)]
struct Term {
    coefficient: f64,
    mean: f64,
    /// Not 0.
    scale: f64,
    missing: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    intercept: f64,
    #[serde(rename = "term")]
    terms: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    input: String,
    coefficient: f64,
    #[serde(default)]
    mean: f64,
    #[serde(default = "one")]
    scale: f64,
    missing: Option<f64>,
}

/// Whether an artefact of this name is JSON; any other is TOML.
fn is_json(artefact: &str) -> bool {
    let extension = Path::new(artefact).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn one() -> f64 {
    1.0
}

impl Term {
    #[inline(always)]
    fn value(self, x: f64) -> f64 {
        let x = if x.is_nan() { self.missing } else { x };
        self.coefficient * ((x - self.mean) / self.scale)
    }
}

impl ModelFactory for Factory {
    fn kind(&self) -> &'static str {
        "logistic"
    }

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
        context.require_numbers()?;
        let text = utf8(context.artefact, artefact)?;
        let file: File = if is_json(context.artefact) {
            read_json(context.artefact, text)?
        } else {
            read_toml(context.artefact, text)?
        };
        let inputs = &context.info.inputs;
        let mut terms: Vec<Option<Term>> = vec![None; inputs.len()];
        for entry in &file.terms {
            let Some(position) = inputs.iter().position(|input| *input == entry.input) else {
                let hint = did_you_mean(&entry.input, inputs.iter().map(String::as_str));
                return Err(context.error(format!(
                    "term `{}` is no input of model.toml{hint}",
                    entry.input
                )));
            };
            let term = Term {
                coefficient: entry.coefficient,
                mean: entry.mean,
                scale: entry.scale,
                missing: entry.missing.unwrap_or(entry.mean),
            };
            let numbers = [term.coefficient, term.mean, term.scale, term.missing];
            if term.scale == 0.0 || numbers.iter().any(|number| !number.is_finite()) {
                return Err(context.error(format!(
                    "term `{}` has a number that is not finite, or scale 0",
                    entry.input
                )));
            }
            if terms[position].replace(term).is_some() {
                return Err(context.error(format!("term `{}` is there twice", entry.input)));
            }
        }
        if let Some(position) = terms.iter().position(Option::is_none) {
            return Err(context.error(format!("input `{}` has no term", inputs[position])));
        }
        if !file.intercept.is_finite() {
            return Err(context.error("intercept is not finite"));
        }
        Ok(MemberKind::Fixed(Arc::new(Logistic {
            intercept: file.intercept,
            terms: terms.into_iter().flatten().collect(),
            info: context.info,
        })))
    }
}

impl Model for Logistic {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn score(&self, input: &ModelInput<'_>, output: &mut ModelOutput) {
        let first = output.raw.len();
        output.raw.resize(first + input.rows, self.intercept);
        let raw = &mut output.raw[first..];
        for (term, column) in self.terms.iter().zip(input.columns) {
            for_each_value(column, 0..input.rows, |row, x| raw[row] += term.value(x));
        }
        output
            .probability
            .extend(raw.iter().map(|raw| logistic(*raw)));
    }

    fn contribute(
        &self,
        input: &ModelInput<'_>,
        rows: &[u32],
        _depth: Depth,
        contributions: &mut Contributions,
    ) -> Attribution {
        contributions.bias = self.intercept;
        for row in rows {
            let terms = self.terms.iter().zip(input.columns);
            let values = terms.map(|(term, column)| term.value(value_at(column, *row as usize)));
            contributions.values.extend(values);
        }
        Attribution::Exact
    }
}
