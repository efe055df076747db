//! model.toml.

use serde::Deserialize;
use tillwatch_records::{Severity, Typology};

use crate::calibration::CalibrationTable;
use crate::ensemble::EnsembleTable;

/// What stands in model.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    /// File of rules, coefficients or trees, beside model.toml. An ensemble has none.
    #[serde(default)]
    pub(crate) artefact: String,
    /// Name of the catalog that the model was made for.
    pub(crate) catalog: Option<String>,
    /// Hash of that catalog.
    pub(crate) catalog_version: Option<String>,
    /// What it reads, in order. Rules name their inputs themselves.
    #[serde(default)]
    pub(crate) inputs: Vec<String>,
    /// File of golden vectors.
    pub(crate) golden: Option<String>,
    /// File in which people read what the model is for and how it was made.
    #[expect(dead_code, reason = "for people and tools; scoring has no use for it")]
    pub(crate) card: Option<String>,
    /// Which output of an ONNX graph is the score.
    pub(crate) output: Option<OutputTable>,
    /// From the model's score to a probability that may be trusted.
    pub(crate) calibration: Option<CalibrationTable>,
    /// Members of an ensemble.
    pub(crate) ensemble: Option<EnsembleTable>,
    #[serde(default)]
    pub(crate) reasons: Vec<ReasonEntry>,
}

/// The `[output]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputTable {
    /// Name of the output tensor.
    pub name: String,
    /// Column of it that is the score, where it has several: the class that stands for fraud.
    pub column: Option<usize>,
    /// What it is.
    #[serde(default)]
    pub is: OutputKind,
}

/// What a model's output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A probability.
    #[default]
    Probability,
    /// Log-odds.
    LogOdds,
}

/// What a large share of one input in a score means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonEntry {
    pub(crate) feature: String,
    pub(crate) code: String,
    pub(crate) typology: Option<Typology>,
    pub(crate) severity: Severity,
    /// The catalog's description of the feature where it is left out.
    pub(crate) words: Option<String>,
    #[serde(default)]
    pub(crate) action: String,
    pub(crate) threshold: Option<f64>,
    /// The catalog's window of the feature where it is left out.
    pub(crate) window: Option<String>,
    /// What is usual: a number, or an input that says it.
    pub(crate) baseline: Option<WrittenBaseline>,
}

/// A baseline as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum WrittenBaseline {
    Number(f64),
    Input(String),
}
