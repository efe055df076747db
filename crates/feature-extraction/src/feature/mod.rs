//! One file per family of aggregates. Each states its cost and its space; all of them answer twice:
//! from the key's state for a record in order, and from the kept records alone for any other.
//!
//! Counts, sums and ratios need no file of their own: they are differences of two rows, O(1) in time
//! and, shared by all windows, 4 bytes (count) or 8 bytes (sum) per record in space.

pub(crate) mod distinct;
pub(crate) mod extreme;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "not every part of it is read by an aggregate yet")
)]
pub(crate) mod histogram;
pub(crate) mod moments;
pub(crate) mod since;
