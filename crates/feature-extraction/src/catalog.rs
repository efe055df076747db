//! The feature catalog: what a data scientist declares.
//!
//! ```toml
//! name = "velocity"
//! [[feature]]
//! name = "declines_{window}"
//! aggregate = "count"
//! filter = "response_code NOT IN ('00', '10')"
//! windows = ["10m", "1h"]
//! description = "declined transactions"
//! ```

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::Schema;
use sha2::{Digest, Sha256};
use tillwatch_predicate::{Expression, Predicate};
use tillwatch_records::RecordKind;

use crate::error::FeatureError;

mod aggregate;
mod entry;
mod source;
mod values;

pub use aggregate::Aggregate;
pub(crate) use source::EventScope;
pub use source::Source;

/// One feature, validated. A `[[feature]]` with several windows becomes several of these.
#[derive(Debug, Clone)]
pub struct FeatureSpec {
    /// Column name in the output, unique in the catalog.
    pub name: String,
    /// What is computed.
    pub aggregate: Aggregate,
    /// Columns it is computed over; their types fit the aggregate.
    pub columns: Vec<Source>,
    /// The number of a `value` feature, or in place of a column.
    pub expression: Option<Arc<Expression>>,
    /// Which records count; all when absent.
    pub filter: Option<Arc<Predicate>>,
    /// Which records a ratio is over; all when absent.
    pub base: Option<Arc<Predicate>>,
    /// Only records whose latest label satisfies this count.
    pub label: Option<Arc<Predicate>>,
    /// Length of the window in milliseconds, at least 1; 0 when there is none.
    pub window_ms: i64,
    /// The window as written, empty when there is none.
    pub window_text: String,
    /// How far before the record the window ends, in milliseconds, not negative.
    pub delay_ms: i64,
    /// What the start of the window is rounded down to, in milliseconds; 0 for an exact window.
    pub resolution_ms: i64,
    /// Only so many of the newest records of the window count; 0 for all.
    pub last: u32,
    /// Age at which a record counts half, in milliseconds; 0 when records do not age.
    pub half_life_ms: i64,
    /// Whether the record itself is left out.
    pub exclude_current: bool,
    /// The kind of record that is folded.
    pub record_type: RecordKind,
    /// Rank of a quantile, 0 to 1.
    pub quantile: f64,
    /// Whether deviations are those of the logarithm.
    pub is_log: bool,
    /// What a ratio is drawn to while it has few records.
    pub shrinkage: Option<Shrinkage>,
    /// Number of sequence numbers before they start again.
    pub wrap: i64,
    /// What the value is divided by in the end: 100 makes major units of minor ones.
    pub divisor: Option<f64>,
    /// What a person reads.
    pub description: String,
    /// Unit of the value, for people.
    pub unit: String,
}

/// What a ratio is drawn to: (part + strength · prior) / (whole + strength).
#[derive(Debug, Clone, PartialEq)]
pub struct Shrinkage {
    /// Weight of the prior in records, positive.
    pub strength: f64,
    /// Ratio that is assumed where nothing is known, 0 to 1.
    pub prior: f64,
    /// Columns that name the cohort whose ratio takes the place of the prior; none for no cohort.
    pub cohort: Vec<Source>,
}

/// A validated catalog.
#[derive(Debug, Clone)]
pub struct Catalog {
    name: String,
    description: String,
    features: Vec<FeatureSpec>,
    /// What the catalog may name besides the columns of records.
    joined: Vec<Source>,
    version: String,
}

impl Catalog {
    /// Reads a catalog over the columns of records alone, see [`Catalog::parse_with`].
    pub fn parse(text: &str) -> Result<Self, FeatureError> {
        Self::parse_with(text, &Schema::empty())
    }

    /// Reads a catalog that may name the columns of records and those of `joined`, see
    /// [`tillwatch_records::EventBatch::joined`]. Every problem names the feature, the column and the
    /// nearest known name.
    pub fn parse_with(text: &str, joined: &Schema) -> Result<Self, FeatureError> {
        let scope = EventScope { joined };
        let (name, description, features) = entry::read(text, &scope)?;
        let version = version_of(&features);
        Ok(Self {
            name,
            description,
            features,
            joined: scope.joined_sources(),
            version,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The features in output order.
    pub fn features(&self) -> &[FeatureSpec] {
        &self.features
    }

    /// The joined columns that it may name.
    pub(crate) fn joined(&self) -> &[Source] {
        &self.joined
    }

    /// Hash of what is computed, 16 hexadecimal digits: the same for catalogs that differ only in
    /// layout, comments, names of the catalog, descriptions and units.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// The first 8 bytes of SHA-256 over one canonical line per feature.
fn version_of(features: &[FeatureSpec]) -> String {
    let mut hasher = Sha256::new();
    for feature in features {
        hasher.update(feature.canonical().as_bytes());
        hasher.update(b"\n");
    }
    let mut version = String::with_capacity(16);
    for byte in &hasher.finalize()[..8] {
        // Writing to a string cannot fail.
        let _ = write!(version, "{byte:02x}");
    }
    version
}

impl FeatureSpec {
    /// Everything that decides the value, unambiguously. What has its default is left out, so that a
    /// catalog keeps its version when there is more that could be said.
    fn canonical(&self) -> String {
        let columns = |columns: &[Source]| -> Vec<String> {
            columns
                .iter()
                .map(|source| source.name.to_string())
                .collect()
        };
        let predicate = |p: &Option<Arc<Predicate>>| p.as_ref().map(|p| p.canonical());
        let mut text = format!(
            "{:?} {} {:?} {:?} {:?} {:?} {} {} {} {}",
            self.name,
            self.aggregate.as_str(),
            columns(&self.columns),
            predicate(&self.filter),
            predicate(&self.base),
            self.expression.as_ref().map(|e| e.canonical()),
            self.window_ms,
            self.delay_ms,
            self.exclude_current,
            self.record_type,
        );
        let mut say = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string cannot fail.
                let _ = write!(text, " {key}={value}");
            }
        };
        let number = |value: i64| (value != 0).then(|| value.to_string());
        say("label", predicate(&self.label).map(|p| format!("{p:?}")));
        say("resolution", number(self.resolution_ms));
        say("last", number(i64::from(self.last)));
        say("half_life", number(self.half_life_ms));
        let is_quantile = self.aggregate == Aggregate::Quantile;
        say("quantile", is_quantile.then(|| self.quantile.to_string()));
        say("scale", self.is_log.then(|| "log".to_owned()));
        say("wrap", number(self.wrap));
        say("divisor", self.divisor.map(|divisor| divisor.to_string()));
        let shrinkage = self.shrinkage.as_ref();
        say(
            "shrinkage",
            shrinkage.map(|s| format!("{} {} {:?}", s.strength, s.prior, columns(&s.cohort))),
        );
        text
    }
}

#[cfg(test)]
mod tests;
