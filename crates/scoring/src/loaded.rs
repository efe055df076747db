//! A model as it was loaded: what every lane shares of it.

use std::sync::Arc;

use crate::calibration::Calibration;
use crate::ensemble::{Combine, KIND as ENSEMBLE};
use crate::model::{LearningModel, Model, ModelInfo, RuleInfo};

/// A model with all its members, checked and immutable. A model that is no ensemble is its only member.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    pub(crate) info: ModelInfo,
    /// At least one.
    pub(crate) members: Vec<LoadedMember>,
    pub(crate) combine: Combine,
    pub(crate) calibration: Option<Calibration>,
    /// Golden rows that were checked, those of members included.
    pub(crate) golden_rows: usize,
}

/// A member and what becomes of its score.
#[derive(Debug, Clone)]
pub(crate) struct LoadedMember {
    pub(crate) kind: MemberKind,
    pub(crate) calibration: Option<Calibration>,
}

/// What a factory makes.
#[derive(Debug, Clone)]
pub enum MemberKind {
    /// A model that all lanes share.
    Fixed(Arc<dyn Model>),
    /// A model that each lane makes its own.
    Learning(Arc<dyn LearningModel>),
}

impl MemberKind {
    /// Name, version, kind and inputs.
    pub fn info(&self) -> &ModelInfo {
        match self {
            Self::Fixed(model) => model.info(),
            Self::Learning(model) => model.info(),
        }
    }
}

impl LoadedModel {
    /// Name, version and kind; the inputs are those of all members, each once.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// What each member is; of a model that is no ensemble, the model itself.
    pub fn members(&self) -> impl Iterator<Item = &ModelInfo> {
        self.members.iter().map(|member| member.kind.info())
    }

    /// Whether it is an ensemble.
    pub fn is_ensemble(&self) -> bool {
        self.info.kind == ENSEMBLE
    }

    /// Golden rows that it was seen to reproduce, those of its members included.
    pub fn golden_rows(&self) -> usize {
        self.golden_rows
    }

    /// Each rule that is switched on, with the member it belongs to.
    pub fn rules(&self) -> impl Iterator<Item = (&ModelInfo, &RuleInfo)> {
        let members = self.members.iter();
        members.flat_map(|member| {
            match &member.kind {
                MemberKind::Fixed(model) => model.rules(),
                MemberKind::Learning(_) => &[],
            }
            .iter()
            .map(move |rule| (member.kind.info(), rule))
        })
    }

    /// Whether a lane's scores depend on the rows before.
    pub fn learns(&self) -> bool {
        let is_learning = |member: &LoadedMember| matches!(member.kind, MemberKind::Learning(_));
        self.members.iter().any(is_learning)
    }

    /// A model of one member.
    pub(crate) fn single(kind: MemberKind, calibration: Option<Calibration>) -> Self {
        let info = kind.info().clone();
        Self {
            info,
            members: vec![LoadedMember { kind, calibration }],
            combine: Combine::single(),
            calibration: None,
            golden_rows: 0,
        }
    }
}
