//! One `[[feature]]` as written.

use serde::Deserialize;

/// Stands for the window's text in the name of a feature with several windows.
pub(super) const WINDOW_PLACEHOLDER: &str = "{window}";

/// The keys of a feature.
pub(super) const FEATURE_KEYS: [&str; 25] = [
    "name",
    "aggregate",
    "column",
    "columns",
    "expression",
    "filter",
    "base",
    "label",
    "window",
    "windows",
    "delay",
    "resolution",
    "last",
    "half_life",
    "exclude_current",
    "record_type",
    "quantile",
    "scale",
    "strength",
    "prior",
    "cohort",
    "wrap",
    "divisor",
    "description",
    "unit",
];

/// One `[[feature]]` as written.
#[derive(Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) aggregate: String,
    pub(crate) column: Option<String>,
    #[serde(default)]
    pub(crate) columns: Vec<String>,
    pub(crate) expression: Option<String>,
    pub(crate) filter: Option<String>,
    pub(crate) base: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) window: Option<String>,
    #[serde(default)]
    pub(crate) windows: Vec<String>,
    pub(crate) delay: Option<String>,
    pub(crate) resolution: Option<String>,
    pub(crate) last: Option<u32>,
    pub(crate) half_life: Option<String>,
    #[serde(default)]
    pub(crate) exclude_current: bool,
    pub(crate) record_type: Option<String>,
    pub(crate) quantile: Option<f64>,
    pub(crate) scale: Option<String>,
    pub(crate) strength: Option<f64>,
    pub(crate) prior: Option<f64>,
    #[serde(default)]
    pub(crate) cohort: Vec<String>,
    pub(crate) wrap: Option<i64>,
    pub(crate) divisor: Option<f64>,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) unit: String,
}
