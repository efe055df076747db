//! One file per family of aggregates. Each states its cost and its space; all of them answer twice:
//! from the key's state for a record in order, and from the kept records alone for any other.
//!
//! Counts, sums and ratios need no file of their own: they are differences of two rows, O(1) in time
//! and, shared by all windows, 4 bytes (count) or 8 bytes (sum) per record in space.

#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod change;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod cohort;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod decay;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod decayed;
pub(crate) mod distinct;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod ewma;
pub(crate) mod extreme;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod histogram;
pub(crate) mod moments;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod place;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod profile;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod sequence;
pub(crate) mod since;
#[cfg_attr(not(test), expect(dead_code, reason = "no aggregate reads it yet"))]
pub(crate) mod table;
#[cfg(test)]
mod tests;
