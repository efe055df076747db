//! A member of a model at work in one lane.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::column::InputColumn;
use crate::learners::Learners;
use crate::loaded::MemberKind;
use crate::model::{Learner, Model, ModelInfo, ModelOutput, Shedding};
use crate::scope::InputScope;

/// A member with what one lane keeps for it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) instance: Instance,
    pub(super) info: ModelInfo,
    /// The column of each input.
    pub(super) reads: Vec<InputColumn>,
    /// Per input, where a feature stands in the runner's schema.
    pub(super) positions: Vec<Option<usize>>,
    pub(super) columns: Vec<ArrayRef>,
    pub(super) output: ModelOutput,
    pub(super) shedding: Shedding,
    /// Whether the batch was scored without it.
    pub(super) is_skipped: bool,
}

/// What answers: a model that all lanes share, or this lane's own.
#[derive(Debug)]
pub(super) enum Instance {
    Fixed(Arc<dyn Model>),
    Learning(Box<dyn Learner>),
}

impl Member {
    pub(super) fn new(kind: &MemberKind, scope: &InputScope, learners: &mut Learners) -> Self {
        let info = kind.info();
        Self {
            reads: info
                .inputs
                .iter()
                .map(|name| InputColumn::of(name, scope))
                .collect(),
            shedding: match kind {
                MemberKind::Fixed(model) => model.shedding(),
                MemberKind::Learning(_) => Shedding::Never,
            },
            instance: match kind {
                MemberKind::Fixed(model) => Instance::Fixed(Arc::clone(model)),
                MemberKind::Learning(model) => Instance::Learning(learners.take(&**model)),
            },
            info: info.clone(),
            positions: Vec::new(),
            columns: Vec::new(),
            output: ModelOutput::default(),
            is_skipped: false,
        }
    }
}
