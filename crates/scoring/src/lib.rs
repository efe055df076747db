//! [`FeatureBatch`](tillwatch_records::FeatureBatch) → [`ScoreBatch`](tillwatch_records::ScoreBatch):
//! models, decisions, reasons, alerts.
//!
//! [`ModelKinds`] turns the bytes of a model's files into a [`LoadedModel`]; a [`Lineup`] says which models
//! score together; a [`Scorer`] is one lane's share of it and folds batches into scores. Nothing here does
//! I/O, reads a clock or draws a random number.

mod alerts;
mod backtest;
mod calibration;
mod column;
mod cut;
mod description;
mod ensemble;
mod error;
mod factory;
mod golden;
mod kinds;
mod learners;
mod limits;
mod lineup;
mod loaded;
mod math;
mod model;
pub mod models;
mod reads;
mod reasons;
mod recent;
mod runner;
mod scope;
mod scorer;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;
mod text;
mod values;
mod workspace;

pub use backtest::{BackTest, RuleCount, backtest};
pub use calibration::{Calibration, CalibrationTable};
pub use column::InputColumn;
pub use description::{OutputKind, OutputTable};
pub use ensemble::Method;
pub use error::ScoringError;
pub use factory::{LoadContext, ModelFactory};
pub use kinds::{ModelFiles, ModelKinds};
pub use learners::Learners;
pub use limits::{ALERT_STATES_MAX, INPUTS_MAX, RULES_MAX};
pub use lineup::Lineup;
pub use loaded::{LoadedModel, MemberKind};
pub use math::score_of;
pub use model::{
    Attribution, Baseline, Contributions, Depth, Explain, Frozen, InputReason, Learner,
    LearningModel, Model, ModelInfo, ModelInput, ModelOutput, RuleInfo, Shedding, Signal,
};
pub use recent::{RECENT_BYTES, RECENT_ROWS, Recent};
pub use runner::{Effort, Runner};
pub use scope::{CatalogId, FeatureWords, InputScope};
pub use scorer::{ScoreContext, Scorer};
pub use settings::{AttributionPolicy, AttributionSettings, Below, Costs, ScoringSettings};
pub use snapshot::RestoredLearners;
pub use values::doubles;
pub use workspace::Workspace;
