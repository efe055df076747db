//! One stage of a lane.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use tillwatch_feature_extraction::{Edited, FeatureLane, SnapshotError, Workspace};
use tillwatch_records::{EventBatch, FeatureBatch, Flags};

use super::error::ChainError;
use super::spread::{batch_of, spread};
use super::staged::Staged;
use crate::edited::EditedStage;
use crate::restore_error::RestoreError;

/// One stage of a lane: a fold over its records in their order, whatever the batches and threads.
#[derive(Debug)]
pub(super) struct Stage {
    /// As configured, for messages.
    name: String,
    lane: FeatureLane,
    /// Features of the stages before, then this stage's.
    schema: SchemaRef,
    /// Whether it reads features of the stages before.
    reads_features: bool,
    /// Positions in `schema` of the features that a later stage reads, ascending.
    read_later: Vec<usize>,
}

impl Stage {
    /// A stage after those whose features are `before`.
    pub(super) fn new(name: &str, lane: FeatureLane, before: &Schema) -> Self {
        let own = lane.plan().schema().fields();
        let mut read = lane.plan().joined_needed().iter();
        let reads_features = read.any(|input| before.field_with_name(&input.name).is_ok());
        let fields: Vec<FieldRef> = before.fields().iter().chain(own).cloned().collect();
        Self {
            name: name.to_owned(),
            schema: Arc::new(Schema::new(fields)),
            lane,
            reads_features,
            read_later: Vec::new(),
        }
    }

    /// Features of this stage and of those before it.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The fold itself.
    pub(super) fn lane(&self) -> &FeatureLane {
        &self.lane
    }

    /// As [`Stage::lane`]: all that a stage remembers.
    pub(super) fn lane_mut(&mut self) -> &mut FeatureLane {
        let Self {
            lane,
            // Of the configuration.
            name: _,
            schema: _,
            reads_features: _,
            read_later: _,
        } = self;
        lane
    }

    /// A snapshot that the stage refuses.
    pub(super) fn refused(&self, source: SnapshotError) -> RestoreError {
        RestoreError::Stage {
            stage: self.name.clone(),
            source,
        }
    }

    /// What becomes of its state under another catalog.
    pub(super) fn edited(&self, edited: Edited) -> EditedStage {
        EditedStage {
            stage: self.name.clone(),
            edited,
        }
    }

    /// Lets a later stage read the feature called `name`, if this stage or one before it has it.
    pub(super) fn read_later(&mut self, name: &str) {
        if let Ok(at) = self.schema.index_of(name)
            && let Err(place) = self.read_later.binary_search(&at)
        {
            self.read_later.insert(place, at);
        }
    }

    /// Folds a batch and adds this stage's features to it.
    pub(super) fn pass(
        &mut self,
        staged: Staged,
        workspace: &mut Workspace,
    ) -> Result<Staged, ChainError> {
        // Arrays are shared, so this copies positions and kinds alone.
        let mut events = staged.events.clone();
        let passed = self.fold(staged, workspace)?;
        let joined = self.join(&mut events, &passed.features);
        joined.map_err(|source| self.misfit(source))?;
        Ok(Staged {
            events,
            passed: Some(passed.into()),
        })
    }

    /// Folds a batch and gives its scored records with the features of all stages.
    pub(super) fn fold(
        &mut self,
        staged: Staged,
        workspace: &mut Workspace,
    ) -> Result<FeatureBatch, ChainError> {
        let marks = staged.passed.as_ref().map(|passed| &passed.flags[..]);
        let marks = marks.filter(|_| self.reads_features);
        let made = self
            .lane
            .process_in(workspace, staged.events, marks.unwrap_or(&[]));
        let made = made.map_err(|source| self.misfit(source))?;
        let Some(before) = staged.passed else {
            return Ok(made);
        };
        if before.flags.len() != made.flags.len() {
            return Err(ChainError::Rows {
                stage: self.name.clone(),
                rows: made.flags.len(),
                before: before.flags.len(),
            });
        }
        let columns = before.features.columns().iter();
        let columns: Vec<ArrayRef> = columns.chain(made.features.columns()).cloned().collect();
        let flags = before.flags.into_iter().zip(made.flags);
        let flags: Vec<Flags> = flags.map(|(before, made)| before | made).collect();
        let features = batch_of(Arc::clone(&self.schema), columns, flags.len());
        let mut emissions = before.emissions;
        emissions.keys = first_known(emissions.keys, &made.emissions.keys);
        Ok(FeatureBatch {
            events: made.events,
            emissions,
            features: features.map_err(|source| self.misfit(source))?,
            flags,
        })
    }

    /// Joins what later stages read of `features`, which has a row for each scored record of `events`, to
    /// their rows; other records have none of them.
    fn join(&self, events: &mut EventBatch, features: &RecordBatch) -> Result<(), ArrowError> {
        if self.read_later.is_empty() {
            return Ok(());
        }
        let mut columns = spread(events, self.lane.scored(), features, &self.read_later)?;
        let fields = self.read_later.iter().map(|at| &self.schema.fields()[*at]);
        let mut fields: Vec<FieldRef> = fields.cloned().collect();
        if let Some(joined) = &events.joined {
            // What an earlier stage has joined is among the features already.
            let schema = joined.schema_ref();
            for (field, column) in schema.fields().iter().zip(joined.columns()) {
                if self.schema.field_with_name(field.name()).is_err() {
                    fields.push(Arc::clone(field));
                    columns.push(Arc::clone(column));
                }
            }
        }
        let joined = batch_of(Arc::new(Schema::new(fields)), columns, events.len())?;
        events.joined = Some(joined);
        Ok(())
    }

    fn misfit(&self, source: ArrowError) -> ChainError {
        ChainError::Columns {
            stage: self.name.clone(),
            source,
        }
    }
}

/// `keys`, and in rows without one that of `others`.
fn first_known(keys: StringArray, others: &StringArray) -> StringArray {
    if keys.null_count() == 0 {
        return keys;
    }
    let pairs = keys.iter().zip(others);
    pairs.map(|(key, other)| key.or(other)).collect()
}
