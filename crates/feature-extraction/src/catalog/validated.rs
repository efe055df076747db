//! A validated catalog.

use std::fmt::Write as _;

use arrow::datatypes::Schema;
use sha2::{Digest, Sha256};

use super::input::{EventScope, InputColumn};
use super::read::read;
use super::spec::{Aggregate, FeatureSpec};
use crate::error::FeatureError;

/// A validated catalog.
#[derive(Debug, Clone)]
pub struct Catalog {
    name: String,
    description: String,
    features: Vec<FeatureSpec>,
    /// What the catalog may name besides the columns of records.
    joined: Vec<InputColumn>,
    version: String,
}

impl Catalog {
    /// Reads a catalog whose features may have the aggregates `known`.
    pub(crate) fn read(
        text: &str,
        joined: &Schema,
        known: &[Aggregate],
    ) -> Result<Self, FeatureError> {
        let scope = EventScope { joined };
        let (name, description, features) = read(text, &scope, known)?;
        let version = version_of(&features);
        Ok(Self {
            name,
            description,
            features,
            joined: scope.joined_inputs(),
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
    pub(crate) fn joined(&self) -> &[InputColumn] {
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
