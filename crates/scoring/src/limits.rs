//! Named maxima of models and alert state.

/// Inputs of one model: as many as a catalog has features, and every event column.
pub const INPUTS_MAX: usize = 1024;

/// Rules of one model: each costs a pass over the batch.
pub const RULES_MAX: usize = 1024;

/// Trees of one model: at more than this a row costs tens of microseconds.
pub const TREES_MAX: usize = 10_000;

/// Leaves of one tree.
pub const LEAVES_MAX: usize = 65_536;

/// Nodes and leaves of all trees of one model; at 24 bytes each, 96 MiB.
pub const NODES_MAX: usize = 4 * 1024 * 1024;

/// Keys and typologies whose last alert a lane remembers. At some 100 bytes each, 6 MiB; the ones
/// whose cool-down ends first are forgotten first.
pub const ALERT_STATES_MAX: usize = 65_536;

/// Rows of golden vectors that are checked.
pub const GOLDEN_ROWS_MAX: usize = 10_000;
