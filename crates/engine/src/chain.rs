//! Stages one after the other: the same records, each stage with a key and features of its own.

mod error;
mod spread;
mod stage;
mod staged;
#[cfg(test)]
mod tests;

use arrow::datatypes::Schema;
use tillwatch_feature_extraction::{FeatureLane, LaneStats, Workspace};
use tillwatch_records::{EventBatch, FeatureBatch};

pub use error::ChainError;
use stage::Stage;

/// The stages of a lane.
#[derive(Debug)]
pub(crate) struct Chain {
    /// In order.
    before: Vec<Stage>,
    last: Stage,
}

impl Chain {
    /// A chain of one stage.
    pub(crate) fn new(name: &str, lane: FeatureLane) -> Self {
        Self {
            before: Vec::new(),
            last: Stage::new(name, lane, &Schema::empty()),
        }
    }

    /// The chain with one more stage at its end.
    #[must_use]
    pub(crate) fn then(mut self, name: &str, lane: FeatureLane) -> Self {
        for origin in lane.plan().joined_needed() {
            for stage in self.before.iter_mut().chain([&mut self.last]) {
                stage.read_later(&origin.name);
            }
        }
        let next = Stage::new(name, lane, self.last.schema());
        self.before.push(std::mem::replace(&mut self.last, next));
        self
    }

    /// Passes a batch through all stages, each of which is lent one of `workspaces`.
    ///
    /// # Errors
    /// See [`ChainError`]. Some stages have folded the batch then and others have not, so the chain is of no
    /// further use.
    pub(crate) fn process(
        &mut self,
        events: EventBatch,
        workspaces: &mut Vec<Workspace>,
    ) -> Result<FeatureBatch, ChainError> {
        if workspaces.len() <= self.before.len() {
            workspaces.resize_with(self.before.len() + 1, Workspace::default);
        }
        let mut staged = events.into();
        for (stage, workspace) in self.before.iter_mut().zip(&mut *workspaces) {
            staged = stage.pass(staged, workspace)?;
        }
        self.last.fold(staged, &mut workspaces[self.before.len()])
    }

    /// What it has done and holds: records are counted once, state is that of all stages.
    pub(crate) fn stats(&self) -> LaneStats {
        let mut stages = self.stages().map(|stage| stage.lane().stats());
        let mut all = stages.next().unwrap_or_default();
        for stage in stages {
            all.evicted_keys += stage.evicted_keys;
            all.forgotten_ids += stage.forgotten_ids;
            all.keys += stage.keys;
            all.state_bytes += stage.state_bytes;
            all.warm_at_ms = all.warm_at_ms.max(stage.warm_at_ms);
        }
        all
    }

    /// Says what came before, to every stage: see [`FeatureLane::begin_after`].
    pub(crate) fn begin_after(&mut self, newest_timestamp_ms: i64) {
        for stage in self.before.iter_mut().chain([&mut self.last]) {
            stage.begin_after(newest_timestamp_ms);
        }
    }

    /// Newest event time that the first stage has accepted, in milliseconds since 1970.
    pub(crate) fn watermark_ms(&self) -> Option<i64> {
        self.stages().next()?.lane().watermark_ms()
    }

    fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.before.iter().chain([&self.last])
    }
}
