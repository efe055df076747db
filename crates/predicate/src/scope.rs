//! What a predicate may name.

use arrow::datatypes::{DataType, Schema};

/// The columns that a predicate may name.
pub trait Scope {
    /// Arrow type of the column called `name`: Utf8, Int64, Float64, Timestamp(ms) or Boolean.
    fn data_type(&self, name: &str) -> Option<DataType>;

    /// Every name, for suggestions in error messages.
    fn names(&self) -> Vec<String>;
}

impl Scope for Schema {
    fn data_type(&self, name: &str) -> Option<DataType> {
        self.field_with_name(name)
            .ok()
            .map(|field| field.data_type().clone())
    }

    fn names(&self) -> Vec<String> {
        self.fields().iter().map(|f| f.name().clone()).collect()
    }
}
