//! Hosts and lanes for tests of the source in memory.

pub(super) mod host;
pub(super) mod merged_lane;
