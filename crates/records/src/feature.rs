//! Transactions with their features.

use arrow::array::{Array, AsArray as _, RecordBatch, StringArray};
use arrow::compute::concat;
use arrow::error::ArrowError;

use crate::event::{EventBatch, concat_columns};
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

    /// The rows of all `batches` in one; see [`EventBatch::concat`].
    ///
    /// # Errors
    /// Fails when they are of different partitions or columns.
    pub fn concat(batches: &[&Self]) -> Result<Self, ArrowError> {
        let events: Vec<&EventBatch> = batches.iter().map(|batch| &batch.events).collect();
        let keys: Vec<&dyn Array> = batches.iter().map(|b| &b.keys as &dyn Array).collect();
        Ok(Self {
            events: EventBatch::concat(&events)?,
            keys: concat(&keys)?.as_string::<i32>().clone(),
            features: concat_columns(batches.iter().map(|batch| &batch.features))?,
            flags: batches.iter().flat_map(|b| &b.flags).copied().collect(),
        })
    }
}
