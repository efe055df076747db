//! What runners work in, batch after batch.

use arrow::array::ArrayRef;
use tillwatch_trees::Scratch;

use crate::model::{Contributions, ModelOutput};

/// What a runner makes of one batch. Between batches it holds nothing that the next one reads.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// One per member.
    pub(super) members: Vec<MemberRoom>,
    /// Which rows the learners learn from; empty where the model has no learner.
    pub(super) lessons: Vec<bool>,
    pub(super) raw: Vec<f64>,
    pub(super) probability: Vec<f64>,
}

/// A member's inputs and answers.
#[derive(Debug, Default)]
pub(super) struct MemberRoom {
    pub(super) columns: Vec<ArrayRef>,
    pub(super) output: ModelOutput,
    /// Whether the batch was scored without it.
    pub(super) is_skipped: bool,
}

/// What models compute in. One after the other does, so one is enough for many.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    pub(super) trees: Scratch,
    pub(super) contributions: Contributions,
}

impl Room {
    /// Makes room for so many members.
    pub(super) fn fit(&mut self, members: usize) {
        self.members.resize_with(members, MemberRoom::default);
    }

    /// Lets the columns go that were bound: whoever keeps the room must not keep the batch.
    pub(crate) fn release(&mut self) {
        for member in &mut self.members {
            member.columns.clear();
        }
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        let members = self.members.iter().map(|member| {
            member.columns.capacity() * size_of::<ArrayRef>() + member.output.bytes()
        });
        let rows = self.lessons.capacity()
            + (self.raw.capacity() + self.probability.capacity()) * size_of::<f64>();
        self.members.capacity() * size_of::<MemberRoom>() + members.sum::<usize>() + rows
    }
}

impl Tools {
    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.trees.bytes() + self.contributions.bytes()
    }
}
