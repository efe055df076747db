//! Detectors of the unusual that learn from the stream they watch.
//!
//! A detector is a fold: it scores a row by what it has seen before, then learns from it. It is seeded, so
//! the same rows give the same scores on every machine, and its state is written to bytes and read back.
//! Nothing here does I/O, reads a clock or draws a random number.
//!
//! | | [`HalfSpaceTrees`] | [`RandomCutForest`] |
//! |---|---|---|
//! | knows | how many rows of the last whole window fell where | a sample of rows, recent ones preferred |
//! | forgets | a window at a time | one row for every row that it takes in |
//! | costs, per tree and row | a walk of fixed height | a walk, a few boxes, now and then an exchange |
//! | says of features | where rows became rare on the way | what the row sticks out of, and to which side |

mod cut_forest;
mod detector;
mod error;
mod frozen;
mod half_space;
pub mod limits;
mod random;
mod scaling;
mod snapshot;
#[cfg(test)]
mod tests;

pub use cut_forest::{CutForestSettings, RandomCutForest};
pub use detector::{Detector, Frozen};
pub use error::DetectorError;
pub use half_space::{HalfSpaceSettings, HalfSpaceTrees};
pub use scaling::{Input, Scale};
