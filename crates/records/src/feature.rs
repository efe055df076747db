//! Transactions with their features.

use arrow::array::{RecordBatch, StringArray};

use crate::event::EventBatch;
use crate::flags::Flags;

/// One row per transaction, in offset order, with the features of its key as known on its arrival.
#[derive(Debug, Clone)]
pub struct FeatureBatch {
    /// The transactions. Rows of other kinds were folded into state and left out.
    pub events: EventBatch,
    /// Entity key of each row.
    pub keys: StringArray,
    /// One `Float64` column per feature, in catalog order; null where the feature has no value.
    pub features: RecordBatch,
    /// Marks of each row.
    pub flags: Vec<Flags>,
}

impl FeatureBatch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }
}
