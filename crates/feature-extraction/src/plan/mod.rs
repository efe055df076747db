//! A catalog compiled: filters, row fields, window bounds and accumulators, each once, and how features
//! are made of them.

mod compiled;
pub(crate) mod ids;
mod layout;
pub(crate) mod parts;
mod reads;
mod spec;

pub use compiled::{FeatureInfo, Plan};
pub(crate) use compiled::{LABELS_MAX, Number};
pub(crate) use ids::{BitId, CountSource, NumberId};
pub(crate) use layout::{CountField, GapField, Layout, NumberField, RawField};
pub(crate) use reads::*;
pub(crate) use spec::*;
