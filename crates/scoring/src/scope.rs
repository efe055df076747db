//! What models may read.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field};
use tillwatch_predicate::Scope;
use tillwatch_records::Column;

/// What models may read: the catalog's features, the event columns and what is joined to them. A
/// feature hides a column of the same name.
#[derive(Debug, Clone, Default)]
pub struct InputScope {
    /// Name of the catalog.
    pub catalog: String,
    /// Hash of the catalog, hexadecimal.
    pub catalog_version: String,
    /// Names of the catalog's features, all Float64.
    pub features: Vec<String>,
    /// What the catalog says of features, by name; words for reasons whose model has none.
    pub words: BTreeMap<String, FeatureWords>,
    /// Event columns that records of the scored types carry.
    pub columns: Vec<Column>,
    /// Columns that are joined to the records, see [`tillwatch_records::EventBatch::joined`].
    pub joined: Vec<Field>,
    /// The catalogs of the stages, where features come from several; none where there is one. A model
    /// that was made for one of them fits too: its features are among these, by the same names.
    pub parts: Vec<CatalogId>,
}

/// What a catalog says of a feature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureWords {
    /// Its description.
    pub description: String,
    /// Its window (`1h`), empty when it has none.
    pub window: String,
}

/// Which catalog it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogId {
    /// Its name.
    pub name: String,
    /// Its hash, hexadecimal.
    pub version: String,
}

impl InputScope {
    /// A scope of a table that has these columns as numbers, whatever made them: it is no catalog's, and
    /// no model is refused for having been made for one.
    pub fn of_table(columns: impl IntoIterator<Item = String>) -> Self {
        Self {
            features: columns.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Whether it is a table's, see [`InputScope::of_table`].
    pub fn is_table(&self) -> bool {
        self.catalog.is_empty() && self.catalog_version.is_empty()
    }

    /// The event column that the input `name` stands for; `None` for a feature or a stranger.
    pub fn event_column(&self, name: &str) -> Option<Column> {
        if self.features.iter().any(|feature| feature == name) {
            return None;
        }
        Column::from_name(name).filter(|column| self.columns.contains(column))
    }

    /// The joined column that the input `name` stands for; `None` for anything else.
    pub fn joined_column(&self, name: &str) -> Option<&Field> {
        if self.features.iter().any(|feature| feature == name) || Column::from_name(name).is_some()
        {
            return None;
        }
        self.joined.iter().find(|field| field.name() == name)
    }
}

impl Scope for InputScope {
    fn data_type(&self, name: &str) -> Option<DataType> {
        if self.features.iter().any(|feature| feature == name) {
            return Some(DataType::Float64);
        }
        let event = self.event_column(name);
        let event = event.map(|column| column.kind().data_type());
        event.or_else(|| Some(self.joined_column(name)?.data_type().clone()))
    }

    fn names(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|column| column.name().to_owned());
        let joined = self.joined.iter().map(|field| field.name().clone());
        let features = self.features.iter().cloned();
        features.chain(columns).chain(joined).collect()
    }
}
