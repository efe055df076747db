//! What travels between two stages.

use arrow::array::RecordBatch;
use tillwatch_records::{Emissions, EventBatch, FeatureBatch, Flags};

/// A batch between two stages: what a stage takes, and what it gives.
///
/// It holds every record, also those that are not scored, because the next stage folds them too; and
/// by name, joined to the records, the features of the stages that they have passed. Nothing in it
/// belongs to the stage before: written to a topic that is keyed for the next stage, record by record
/// with its named columns, it is that stage's whole input, as it is here.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(super) events: EventBatch,
    /// None before the first stage.
    pub(super) passed: Option<Passed>,
}

/// What the stages so far have made of the records that are scored, one row for each.
#[derive(Debug)]
pub(super) struct Passed {
    /// With keys of the first stage that the record has a key of: a score is of its entity.
    pub(super) emissions: Emissions,
    pub(super) features: RecordBatch,
    /// A mark of any stage is a mark of the row.
    pub(super) flags: Vec<Flags>,
}

impl From<EventBatch> for Staged {
    /// A batch that has passed no stage.
    fn from(events: EventBatch) -> Self {
        Self {
            events,
            passed: None,
        }
    }
}

impl From<FeatureBatch> for Passed {
    fn from(batch: FeatureBatch) -> Self {
        Self {
            emissions: batch.emissions,
            features: batch.features,
            flags: batch.flags,
        }
    }
}
