//! EventBatch → FeatureBatch: declared features over exact sliding windows.
//!
//! A [`Catalog`] (TOML) says what to compute, [`Plan::compile`] turns it into a layout that shares
//! filters, sums and window bounds, and one [`FeatureLane`] per partition folds records into state.
//! The fold is pure: no clock, file, socket or randomness, and its results depend neither on how
//! records are batched nor on how keys are spread over partitions.
//!
//! How a window costs the same whatever it holds: every key keeps its records in event-time order,
//! and with each record the running totals *before* it. A window's count, sum or sum of squares is
//! the difference of two rows; a cursor per window bound finds them.

mod aggregates;
pub mod catalog;
mod compile;
mod error;
mod fold;
mod identity;
mod inputs;
mod lane;
mod mechanism;
mod memory;
mod output;
mod part;
mod parts;
mod plan;
mod report;
pub mod settings;
mod state;
mod structures;
#[cfg(test)]
mod tests;
mod times;
mod words;

pub use catalog::{Aggregate, Catalog, FeatureSpec, InputColumn, Shrinkage};
pub use error::{FeatureError, SnapshotError};
pub use identity::{ID_SECRET_BYTES_MAX, ID_SECRET_BYTES_MIN, IdSecret, IdSecretError};
pub use lane::{Edited, FeatureLane, KeyHead, LaneStats, Rebuilt, Workspace};
pub use plan::{FeatureInfo, Plan};
pub use report::{Estimate, Explained, Explanation, Filter, Kept, Rates, RowField, WindowBound};
pub use settings::{EngineSettings, StateSettings, TimeSettings};
