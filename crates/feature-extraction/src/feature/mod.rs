//! One file per family of aggregates. Each states its cost and its space; all of them answer twice:
//! from the key's state for a record in order, and from the kept records alone for any other.
//!
//! Counts, sums and ratios need no file of their own: they are differences of two rows, O(1) in time
//! and, shared by all windows, 4 bytes (count) or 8 bytes (sum) per record in space.

pub(crate) mod change;
pub(crate) mod cohort;
pub(crate) mod decay;
pub(crate) mod decayed;
pub(crate) mod ewma;
pub(crate) mod extreme;
pub(crate) mod histogram;
pub(crate) mod holding;
pub(crate) mod inter_arrival;
pub(crate) mod labelled;
pub(crate) mod moments;
pub(crate) mod place;
pub(crate) mod profile;
pub(crate) mod sequence;
pub(crate) mod since;
pub(crate) mod table;
#[cfg(test)]
mod tests;
