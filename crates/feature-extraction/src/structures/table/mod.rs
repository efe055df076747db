//! How often each of a window's values occurs, known by 64-bit hashes: repeats, and beneath
//! distinct values and entropy.
//!
//! A hash stands for one value, or a tuple, and 0 for none: it is never counted. Cost: O(1) to enter,
//! leave and look up. Space: 12 bytes per slot of [`PodMap`], 16 to 64 per distinct value.

mod counts;
pub(crate) mod distinct;
pub(crate) mod entropy;
pub(crate) mod frequent;
pub(crate) mod pod_map;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod written_tests;

pub(crate) use counts::Table;
pub(crate) use pod_map::PodMap;
