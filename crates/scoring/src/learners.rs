//! Learners on their way between line-ups.

use crate::lineup::Lineup;
use crate::loaded::MemberKind;
use crate::model::{Learner, LearningModel, ModelInfo};

/// Learners by the model they belong to. They may be large, so they are made and dropped where there is time,
/// which need not be where they are used; see [`Scorer::set_lineup`](crate::Scorer::set_lineup).
#[derive(Debug, Default)]
pub struct Learners(Vec<(ModelInfo, Box<dyn Learner>)>);

impl Learners {
    /// For one lane, those that `next` needs and that one which scored with `before` does not have. They have
    /// seen nothing.
    pub fn fresh(next: &Lineup, before: &Lineup) -> Self {
        let mut known: Vec<&ModelInfo> = learning(before).map(LearningModel::info).collect();
        let mut fresh = Self::default();
        for model in learning(next) {
            let info = model.info();
            match known.iter().position(|other| is_same(other, info)) {
                // It is the one learner of one entrant.
                Some(at) => drop(known.remove(at)),
                None => fresh.push(info.clone(), model.start()),
            }
        }
        fresh
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, info: ModelInfo, learner: Box<dyn Learner>) {
        self.0.push((info, learner));
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// The first one of `model`, or one that has seen nothing.
    pub(crate) fn take(&mut self, model: &dyn LearningModel) -> Box<dyn Learner> {
        let found = self
            .0
            .iter()
            .position(|(info, _)| is_same(info, model.info()));
        match found {
            Some(at) => self.0.remove(at).1,
            None => model.start(),
        }
    }
}

/// By hash, so that only the same model goes on with what it knows.
fn is_same(one: &ModelInfo, other: &ModelInfo) -> bool {
    one.hash == other.hash && one.name == other.name
}

/// Every model that learns, as often as the line-up has it.
fn learning(lineup: &Lineup) -> impl Iterator<Item = &dyn LearningModel> {
    let members = lineup.models().flat_map(|model| &model.members);
    members.filter_map(|member| match &member.kind {
        MemberKind::Learning(model) => Some(&**model),
        MemberKind::Fixed(_) => None,
    })
}
