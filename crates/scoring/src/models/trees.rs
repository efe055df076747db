//! Kinds `lightgbm`, `xgboost` and `isolation_forest`: ensembles of trees, as the libraries write them.
//!
//! Raw scores are the library's bits, whatever the size of the batch; `tillwatch_trees` says how. Exact
//! contributions are TreeSHAP's, cheap ones those of the row's paths; both sum with the bias to the raw
//! score.

use std::borrow::Cow;
use std::sync::Arc;

use tillwatch_records::Attribution;
use tillwatch_trees::{Explainer, Format, Link, PathExplainer, Predictor};

use crate::error::ScoringError;
use crate::factory::{LoadContext, ModelFactory};
use crate::loaded::MemberKind;
use crate::model::{Contributions, Depth, Model, ModelInfo, ModelInput, ModelOutput};
use crate::values::{doubles, value_at};

/// Makes [`Trees`] of one library's files.
#[derive(Debug)]
pub struct Factory {
    kind: &'static str,
    formats: &'static [Format],
}

impl Factory {
    /// LightGBM's text.
    pub const LIGHTGBM: Self = Self {
        kind: "lightgbm",
        formats: &[Format::LightGbmText],
    };

    /// XGBoost's JSON and UBJSON.
    pub const XGBOOST: Self = Self {
        kind: "xgboost",
        formats: &[Format::XgBoostJson, Format::XgBoostUbj],
    };

    /// scikit-learn's isolation forests, as `scripts/export_isolation_forest.py` writes them.
    pub const ISOLATION_FOREST: Self = Self {
        kind: "isolation_forest",
        formats: &[Format::IsolationForestJson],
    };
}

/// An ensemble of trees.
#[derive(Debug)]
pub struct Trees {
    info: ModelInfo,
    predictor: Predictor,
    link: Link,
    /// None where the file does not say how often training came by which node.
    explainers: Option<(Explainer, PathExplainer)>,
}

impl ModelFactory for Factory {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn load(&self, artefact: &[u8], context: LoadContext<'_>) -> Result<MemberKind, ScoringError> {
        context.require_numbers()?;
        let format = Format::sniff(artefact).filter(|format| self.formats.contains(format));
        // What does not look like any is read as the first: its error says what is missing.
        let format = format.unwrap_or(self.formats[0]);
        let loaded = tillwatch_trees::load(artefact, format);
        let loaded = loaded.map_err(|error| context.error(error.to_string()))?;
        let forest = loaded.forest;
        context.require_inputs(forest.features(), loaded.names_features)?;
        let explainers = Explainer::new(&forest).and_then(|exact| {
            let cheap = PathExplainer::new(&forest)?;
            Ok((exact, cheap))
        });
        let explainers = match explainers {
            Ok(explainers) => Some(explainers),
            Err(error) if context.info.has_reasons() => {
                let message = format!("{error}; without contributions there are no reasons");
                return Err(context.error(message));
            }
            Err(_) => None,
        };
        Ok(MemberKind::Fixed(Arc::new(Trees {
            predictor: Predictor::new(&forest),
            link: forest.link(),
            explainers,
            info: context.info,
        })))
    }
}

impl Model for Trees {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn score(&self, input: &ModelInput<'_>, output: &mut ModelOutput) {
        let values = doubles(input.columns, input.rows);
        let columns: Vec<&[f64]> = values.iter().map(Cow::as_ref).collect();
        let first = output.raw.len();
        output.raw.resize(first + input.rows, 0.0);
        let raw = &mut output.raw[first..];
        self.predictor.predict(&columns, raw, &mut output.scratch);
        let probability = |raw: &f64| self.link.probability(*raw);
        output.probability.extend(raw.iter().map(probability));
    }

    fn contribute(
        &self,
        input: &ModelInput<'_>,
        rows: &[u32],
        depth: Depth,
        contributions: &mut Contributions,
    ) -> Attribution {
        let Some((exact, cheap)) = &self.explainers else {
            return Attribution::None;
        };
        let asked = |column| rows.iter().map(move |row| value_at(column, *row as usize));
        let values: Vec<Vec<f64>> = input.columns.iter().map(|c| asked(c).collect()).collect();
        let columns: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
        let first = contributions.values.len();
        let wanted = rows.len() * columns.len();
        contributions.values.resize(first + wanted, 0.0);
        let out = &mut contributions.values[first..];
        contributions.bias = exact.bias();
        // A shorter path is a stranger row.
        contributions.lower_is_riskier = self.link == Link::PowerOfHalf;
        match depth {
            Depth::Exact => {
                exact.contributions(&columns, rows.len(), out, &mut contributions.scratch);
                Attribution::Exact
            }
            Depth::Cheap => {
                cheap.contributions(&columns, rows.len(), out);
                Attribution::Cheap
            }
        }
    }
}
