//! A member of a model at work in one lane.

use std::sync::Arc;

use crate::column::InputColumn;
use crate::learners::Learners;
use crate::loaded::{LoadedModel, MemberKind};
use crate::model::{Learner, LearningModel, Model, ModelInfo, Shedding};
use crate::reads::Reads;

/// A member with what one lane keeps for it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) instance: Instance,
    /// The column of each input; the same for all lanes.
    pub(super) reads: Arc<[InputColumn]>,
    /// Per input, where a feature stands in the runner's schema.
    pub(super) positions: Vec<Option<usize>>,
    pub(super) shedding: Shedding,
}

/// What answers: a model that all lanes share, or this lane's own.
#[derive(Debug)]
pub(super) enum Instance {
    Fixed(Arc<dyn Model>),
    Learning {
        learner: Box<dyn Learner>,
        model: Arc<dyn LearningModel>,
    },
}

impl Member {
    fn new(kind: &MemberKind, reads: &Arc<[InputColumn]>, learners: &mut Learners) -> Self {
        Self {
            reads: Arc::clone(reads),
            shedding: match kind {
                MemberKind::Fixed(model) => model.shedding(),
                MemberKind::Learning(_) => Shedding::Never,
            },
            instance: match kind {
                MemberKind::Fixed(model) => Instance::Fixed(Arc::clone(model)),
                MemberKind::Learning(model) => Instance::Learning {
                    learner: learners.take(&**model),
                    model: Arc::clone(model),
                },
            },
            positions: Vec::new(),
        }
    }

    pub(super) fn info(&self) -> &ModelInfo {
        match &self.instance {
            Instance::Fixed(model) => model.info(),
            Instance::Learning { model, .. } => model.info(),
        }
    }

    /// The learner, with the model it belongs to.
    pub(super) fn learner(&self) -> Option<(&ModelInfo, &dyn Learner)> {
        let Self {
            instance,
            // Of the model.
            reads: _,
            shedding: _,
            // Of the schema, found again with the next batch.
            positions: _,
        } = self;
        match instance {
            Instance::Learning { learner, model } => Some((model.info(), &**learner)),
            Instance::Fixed(_) => None,
        }
    }

    /// As [`Member::learner`].
    pub(super) fn learner_mut(&mut self) -> Option<(&ModelInfo, &mut Box<dyn Learner>)> {
        match &mut self.instance {
            Instance::Learning { learner, model } => Some((model.info(), learner)),
            Instance::Fixed(_) => None,
        }
    }

    pub(super) fn learns(&self) -> bool {
        matches!(self.instance, Instance::Learning { .. })
    }
}

/// The members of `model`, of which `reads` are, in one lane.
pub(super) fn members(model: &LoadedModel, reads: &Reads, learners: &mut Learners) -> Vec<Member> {
    let members = model.members.iter().zip(reads.members());
    let members = members.map(|(member, reads)| Member::new(&member.kind, reads, learners));
    members.collect()
}
