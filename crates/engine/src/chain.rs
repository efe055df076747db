//! Stages one after the other: the same records, each stage with a key and features of its own.

mod error;
mod spread;
mod stage;
mod staged;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::Schema;
use tillwatch_feature_extraction::{FeatureLane, LaneStats, Workspace};
use tillwatch_records::cut::{Entries, Entry, Part};
use tillwatch_records::{EventBatch, FeatureBatch};

use crate::edited::EditedStage;
use crate::restore_error::RestoreError;

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
    pub(crate) fn then(mut self, name: &str, mut lane: FeatureLane) -> Self {
        let plan = Arc::clone(lane.plan());
        for origin in plan.joined_needed() {
            for stage in self.before.iter_mut().chain([&mut self.last]) {
                stage.read_later(&origin.name);
                if let Some(identity) = stage.lane().identity_of(&origin.name) {
                    lane.read_from(&origin.name, identity);
                }
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
        self.lanes_mut()
            .for_each(|lane| lane.begin_after(newest_timestamp_ms));
    }

    /// Says that records are missing, to every stage: see [`FeatureLane::missed`].
    pub(crate) fn missed(&mut self, newest_timestamp_ms: i64) {
        self.lanes_mut()
            .for_each(|lane| lane.missed(newest_timestamp_ms));
    }

    /// How many stages.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + 1
    }

    /// What decides the meaning of each stage's state: its ground, and all of it.
    pub(crate) fn meanings(&self) -> impl Iterator<Item = (u64, u64)> {
        let lanes = self.stages().map(Stage::lane);
        lanes.map(|lane| (lane.ground(), lane.meaning()))
    }

    /// What would become of the part of a stage that was cut under another catalog, with the stage's name;
    /// nothing where its catalog is the same.
    pub(crate) fn edited(
        &self,
        stage: usize,
        part: &[u8],
    ) -> Result<Option<EditedStage>, RestoreError> {
        let mut stages = self.stages();
        let stage = stages.nth(stage).unwrap_or(&self.last);
        let edited = stage.lane().edited_of(part);
        let edited = edited.map_err(|source| stage.refused(source))?;
        Ok(edited.map(|edited| stage.edited(edited)))
    }

    /// See [`FeatureLane::track`].
    pub(crate) fn track(&mut self) {
        // Spaces are numbered by 16 bits, and no chain is that long.
        (0..)
            .zip(self.lanes_mut())
            .for_each(|(stage, lane)| lane.track(stage));
    }

    /// Begins a cut of every stage: appends a part for each, called as `name` says; whether all did.
    pub(crate) fn begin_cut(
        &mut self,
        parts: &mut Vec<Part>,
        name: impl Fn(usize) -> String,
    ) -> bool {
        let mut is_begun = true;
        for (stage, lane) in self.lanes_mut().enumerate() {
            let mut bytes = Vec::new();
            is_begun &= lane.begin_cut(&mut bytes);
            let name = name(stage);
            parts.push(Part { name, bytes });
        }
        is_begun
    }

    /// Goes on with the cut of a stage; whether nothing of it is left. See [`FeatureLane::continue_cut`].
    pub(crate) fn continue_cut(
        &mut self,
        stage: usize,
        out: &mut Entries,
        keys_max: usize,
    ) -> bool {
        self.stage_mut(stage).lane_mut().continue_cut(out, keys_max)
    }

    /// Gives the cut of every stage up.
    pub(crate) fn abandon_cut(&mut self) {
        self.lanes_mut().for_each(FeatureLane::abandon_cut);
    }

    /// Bytes of entries that wait to be taken.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let stages = self.stages().map(|stage| stage.lane().waiting_bytes());
        stages.sum()
    }

    /// See [`FeatureLane::begin_restore`].
    pub(crate) fn begin_restore(
        &mut self,
        stage: usize,
        part: &[u8],
    ) -> Result<Option<EditedStage>, RestoreError> {
        let stage = self.stage_mut(stage);
        let begun = stage.lane_mut().begin_restore(part);
        let edited = begun.map_err(|source| stage.refused(source))?;
        Ok(edited.map(|edited| stage.edited(edited)))
    }

    /// See [`FeatureLane::restore`].
    pub(crate) fn restore(&mut self, stage: usize, entry: &Entry<'_>) -> Result<(), RestoreError> {
        let stage = self.stage_mut(stage);
        let restored = stage.lane_mut().restore(entry);
        restored.map_err(|source| stage.refused(source))
    }

    /// See [`FeatureLane::end_restore`], of every stage.
    pub(crate) fn end_restore(&mut self) -> Result<(), RestoreError> {
        for stage in self.before.iter_mut().chain([&mut self.last]) {
            let ended = stage.lane_mut().end_restore();
            ended.map_err(|source| stage.refused(source))?;
        }
        Ok(())
    }

    /// Newest event time that the first stage has accepted, in milliseconds since 1970.
    pub(crate) fn watermark_ms(&self) -> Option<i64> {
        self.stages().next()?.lane().watermark_ms()
    }

    fn stages(&self) -> impl Iterator<Item = &Stage> {
        let Self { before, last } = self;
        before.iter().chain([last])
    }

    fn lanes_mut(&mut self) -> impl Iterator<Item = &mut FeatureLane> {
        let stages = self.before.iter_mut().chain([&mut self.last]);
        stages.map(Stage::lane_mut)
    }

    /// The stage at this position; the last one past the end.
    fn stage_mut(&mut self, position: usize) -> &mut Stage {
        self.before.get_mut(position).unwrap_or(&mut self.last)
    }
}
