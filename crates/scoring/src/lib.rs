//! [`FeatureBatch`](tillwatch_records::FeatureBatch) → [`ScoreBatch`](tillwatch_records::ScoreBatch):
//! models, decisions, reasons, alerts.
//!
//! A [`Registry`] turns the bytes of a model's files into a [`Model`]; a [`Scorer`] owns one or
//! several of them for a lane and folds batches into scores. Nothing here does I/O, reads a clock or
//! draws a random number.

mod alerts;
mod describe;
mod error;
mod golden;
mod limits;
mod model;
pub mod models;
mod registry;
mod scorer;
mod settings;
#[cfg(test)]
mod tests;
mod text;

pub use error::ScoringError;
pub use limits::{ALERT_STATES_MAX, INPUTS_MAX, LEAVES_MAX, NODES_MAX, RULES_MAX, TREES_MAX};
pub use model::{CatalogId, InputScope, Model, ModelInfo, ModelInput, ModelOutput, Signal};
pub use registry::{LoadContext, ModelFactory, ModelFiles, Registry};
pub use scorer::{Scorer, columns_needed};
pub use settings::ScoringSettings;
