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

use arrow::datatypes::DataType;
use sha2::{Digest, Sha256};
use tillwatch_predicate::{Expression, Predicate, Scope};
use tillwatch_records::{Column, RecordKind};

use crate::error::FeatureError;

mod entry;

/// What is computed over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// Number of records; with a column, of those where it is not null.
    Count,
    /// Sum of an integer column.
    Sum,
    /// Arithmetic mean of an integer column.
    Mean,
    /// Population standard deviation of an integer column: 0 for a single record.
    Stddev,
    /// Smallest value of a number column.
    Min,
    /// Largest value of a number column.
    Max,
    /// Records that satisfy filter and base over records that satisfy base.
    Ratio,
    /// Number of distinct values of a column or tuple of columns; a tuple with a null does not count.
    Distinct,
    /// Seconds since the newest other record that satisfies the filter.
    TimeSinceLast,
    /// A number made from the record's own columns.
    Value,
}

impl Aggregate {
    /// Every aggregate.
    pub const ALL: [Self; 10] = [
        Self::Count,
        Self::Sum,
        Self::Mean,
        Self::Stddev,
        Self::Min,
        Self::Max,
        Self::Ratio,
        Self::Distinct,
        Self::TimeSinceLast,
        Self::Value,
    ];

    /// The name in a catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Stddev => "stddev",
            Self::Min => "min",
            Self::Max => "max",
            Self::Ratio => "ratio",
            Self::Distinct => "distinct",
            Self::TimeSinceLast => "time_since_last",
            Self::Value => "value",
        }
    }

    /// Whether it is taken over a window.
    pub fn is_windowed(self) -> bool {
        !matches!(self, Self::TimeSinceLast | Self::Value)
    }
}

/// One feature, validated. A `[[feature]]` with several windows becomes several of these.
#[derive(Debug, Clone)]
pub struct FeatureSpec {
    /// Column name in the output, unique in the catalog.
    pub name: String,
    /// What is computed.
    pub aggregate: Aggregate,
    /// Columns it is computed over; their types fit the aggregate.
    pub columns: Vec<Column>,
    /// Which records count; all when absent.
    pub filter: Option<Arc<Predicate>>,
    /// Which records a ratio is over; all when absent.
    pub base: Option<Arc<Predicate>>,
    /// The number of a `value` feature.
    pub expression: Option<Arc<Expression>>,
    /// Length of the window in milliseconds, at least 1; 0 when the aggregate has none.
    pub window_ms: i64,
    /// The window as written, empty when there is none.
    pub window_text: String,
    /// How far before the record the window ends, in milliseconds, not negative.
    pub delay_ms: i64,
    /// Whether the record itself is left out.
    pub exclude_current: bool,
    /// The kind of record that is folded.
    pub record_type: RecordKind,
    /// What a person reads.
    pub description: String,
    /// Unit of the value, for people.
    pub unit: String,
}

/// A validated catalog.
#[derive(Debug, Clone)]
pub struct Catalog {
    name: String,
    description: String,
    features: Vec<FeatureSpec>,
    version: String,
}

impl Catalog {
    /// Reads a catalog. Every problem names the feature, the column and the nearest known name.
    pub fn parse(text: &str) -> Result<Self, FeatureError> {
        let (name, description, features) = entry::read(text)?;
        let version = version_of(&features);
        Ok(Self {
            name,
            description,
            features,
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
    /// Everything that decides the value, unambiguously.
    fn canonical(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|column| column.name()).collect();
        let predicate = |p: &Option<Arc<Predicate>>| p.as_ref().map(|p| p.canonical());
        format!(
            "{:?} {} {columns:?} {:?} {:?} {:?} {} {} {} {}",
            self.name,
            self.aggregate.as_str(),
            predicate(&self.filter),
            predicate(&self.base),
            self.expression.as_ref().map(|e| e.canonical()),
            self.window_ms,
            self.delay_ms,
            self.exclude_current,
            self.record_type,
        )
    }
}

/// The event columns as names that SQL may use.
pub(crate) struct EventScope;

impl Scope for EventScope {
    fn data_type(&self, name: &str) -> Option<DataType> {
        Column::from_name(name).map(|column| column.kind().data_type())
    }

    fn names(&self) -> Vec<String> {
        Column::names().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests;
