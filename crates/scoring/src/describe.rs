//! model.toml.

use serde::Deserialize;
use tillwatch_records::{ReasonDefinition, Severity, Typology};

/// What stands in model.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    /// File of rules, coefficients or trees, beside model.toml.
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
    /// Rows with at least this probability get reasons from a learnt model.
    #[serde(default = "default_reasons_from")]
    pub(crate) reasons_from: f64,
    #[serde(default)]
    pub(crate) reasons: Vec<ReasonEntry>,
}

/// Reasons cost more than the score itself; below this nobody reads them.
fn default_reasons_from() -> f64 {
    0.5
}

/// What a large share of one input in a score means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonEntry {
    pub(crate) feature: String,
    pub(crate) code: String,
    pub(crate) typology: Option<Typology>,
    pub(crate) severity: Severity,
    pub(crate) words: String,
    #[serde(default)]
    pub(crate) action: String,
    pub(crate) threshold: Option<f64>,
    #[serde(default)]
    pub(crate) window: String,
}

impl ReasonEntry {
    pub(crate) fn definition(&self) -> ReasonDefinition {
        ReasonDefinition {
            code: self.code.clone(),
            typology: self.typology,
            severity: self.severity,
            feature: self.feature.clone(),
            threshold: self.threshold,
            window: self.window.clone(),
            words: self.words.clone(),
            action: self.action.clone(),
        }
    }
}
