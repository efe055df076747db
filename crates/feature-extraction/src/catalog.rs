//! The feature catalog: what a data scientist declares.
//!
//! ```toml
//! name = "velocity"
//! [[feature]]
//! name = "declines_{window}"
//! aggregate = "count"
//! filter = "response_code NOT IN ('00', '10')"
//! windows = ["10m", "1h"]
//! description = "declined transactions"
//! ```

mod entry;
mod input;
mod read;
mod spec;
mod takes;
mod validated;
mod values;

pub(crate) use entry::Entry;
pub use input::InputColumn;
pub(crate) use spec::Signature;
pub use spec::{Aggregate, FeatureSpec, Shrinkage};
pub(crate) use takes::{Span, Takes};
pub use validated::Catalog;
pub(crate) use values::HALF_LIFE_MS;

#[cfg(test)]
mod tests;
