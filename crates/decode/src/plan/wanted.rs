//! What rows are made for.

use std::sync::Arc;

use tillwatch_records::{Column, KeySpec, Projection};

use crate::own::OwnColumn;

/// What rows are made for: the columns that somebody reads, and the keys that name a record's entities.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The canonical columns that are built.
    pub projection: Arc<Projection>,
    /// The columns of the site's own that are built and joined to the batch: of
    /// [`DecodeSettings::own_columns`](crate::DecodeSettings::own_columns), those that somebody reads.
    pub own: Vec<OwnColumn>,
    /// The keys that state is kept per. A transaction or terminal event without any of them is refused, so
    /// with one key that key is required. A label carries all their columns, whatever its type has.
    pub keys: Vec<KeySpec>,
    /// Projected columns that nothing but a comparison of records reads, so that an amount or currency among
    /// them is not required.
    pub optional: Vec<Column>,
}

impl Wanted {
    /// The columns of `projection`, of records with the entity key `key`.
    pub fn new(projection: Arc<Projection>, key: &KeySpec) -> Self {
        Self {
            projection,
            own: Vec::new(),
            keys: vec![key.clone()],
            optional: Vec::new(),
        }
    }

    /// Columns of all keys, without repetition.
    pub(super) fn key_columns(&self) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        for column in self.keys.iter().flat_map(KeySpec::columns) {
            if !columns.contains(column) {
                columns.push(*column);
            }
        }
        columns
    }
}
