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

mod bucket;
pub mod catalog;
mod dedup;
mod error;
mod feature;
mod fold;
mod history;
mod image;
mod inputs;
mod keys;
mod lane;
mod layout;
mod output;
mod plan;
pub mod settings;

pub use catalog::{Aggregate, Catalog, FeatureSpec, Shrinkage, Source};
pub use error::FeatureError;
pub use image::ImageError;
pub use lane::{FeatureLane, LaneStats};
pub use plan::{
    Estimate, Explained, Explanation, FeatureInfo, Filter, Kept, Plan, Rates, RowField, WindowBound,
};
pub use settings::{EngineSettings, StateSettings, TimeSettings};
