//! [`FeatureBatch`](tillwatch_records::FeatureBatch) → [`ScoreBatch`](tillwatch_records::ScoreBatch):
//! models, decisions, reasons, alerts.
//!
//! A [`Registry`] turns the bytes of a model's files into a [`LoadedModel`]; a [`Lineup`] says which models
//! score together; a [`Scorer`] is one lane's share of it and folds batches into scores. Nothing here does I/O, reads a clock or
//! draws a random number.

mod alerts;
mod backtest;
mod calibration;
mod describe;
mod ensemble;
mod error;
mod golden;
mod learners;
mod limits;
mod lineup;
mod loaded;
mod model;
pub mod models;
mod recent;
mod registry;
mod runner;
mod scope;
mod scorer;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod values;

pub use backtest::{BackTest, RuleCount, backtest};
pub use calibration::{Calibration, CalibrationTable};
pub use describe::{OutputKind, OutputTable};
pub use ensemble::Method;
pub use error::ScoringError;
pub use learners::Learners;
pub use limits::{ALERT_STATES_MAX, INPUTS_MAX, RULES_MAX};
pub use lineup::Lineup;
pub use loaded::{LoadedModel, MemberKind};
pub use model::{
    Attribution, Baseline, Contributions, Depth, Explain, InputReason, Learner, LearningModel,
    Model, ModelInfo, ModelInput, ModelOutput, RuleInfo, Signal,
};
pub use recent::{RECENT_BYTES, RECENT_ROWS, Recent};
pub use registry::{LoadContext, ModelFactory, ModelFiles, Registry};
pub use runner::{Effort, Runner, Source};
pub use scope::{CatalogId, FeatureWords, InputScope};
pub use scorer::{ScoreContext, Scorer, score_of};
pub use settings::{AttributionPolicy, AttributionSettings, Below, Costs, ScoringSettings};
pub use values::doubles;
