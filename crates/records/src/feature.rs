//! Emissions with their features.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::error::ArrowError;

use crate::emission::Emissions;
use crate::event::{EventBatch, concat_columns, take_columns};
use crate::flags::Flags;

/// One row per emission, in offset order, with the features of its key as known then.
#[derive(Debug, Clone)]
pub struct FeatureBatch {
    /// The event of each row; see [`EventBatch`] for the event of a timer. Records that are not scored were
    /// folded into state and have no row.
    pub events: EventBatch,
    /// Key, time and cause of each row.
    pub emissions: Emissions,
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

    /// A copy of the last `count` rows, of all where there are fewer: nothing of it shares the memory of the
    /// whole batch.
    ///
    /// # Errors
    /// Fails when columns are not of one length.
    pub fn last_rows(&self, count: usize) -> Result<Self, ArrowError> {
        let first = self.len().saturating_sub(count);
        let rows = UInt32Array::from_iter_values(first as u32..self.len() as u32);
        Ok(Self {
            events: self.events.rows_from(first, &rows)?,
            emissions: self.emissions.rows_from(first, &rows)?,
            features: take_columns(&self.features, &rows)?,
            flags: self.flags[first..].to_vec(),
        })
    }

    /// The rows of all `batches` in one; see [`EventBatch::concat`].
    ///
    /// # Errors
    /// Fails when they are of different partitions or columns.
    pub fn concat(batches: &[&Self]) -> Result<Self, ArrowError> {
        let events: Vec<&EventBatch> = batches.iter().map(|batch| &batch.events).collect();
        let emissions: Vec<&Emissions> = batches.iter().map(|batch| &batch.emissions).collect();
        Ok(Self {
            events: EventBatch::concat(&events)?,
            emissions: Emissions::concat(&emissions)?,
            features: concat_columns(batches.iter().map(|batch| &batch.features))?,
            flags: batches.iter().flat_map(|b| &b.flags).copied().collect(),
        })
    }
}
