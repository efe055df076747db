//! Named maxima of models and alert state.

/// Inputs of one model: as many as a catalog has features, and every event column.
pub const INPUTS_MAX: usize = 1024;

/// Rules of one model: each costs a pass over the batch.
pub const RULES_MAX: usize = 1024;

/// Keys and typologies whose last alert a lane remembers. At some 100 bytes each, 6 MiB; the ones
/// whose cool-down ends first are forgotten first.
pub const ALERT_STATES_MAX: usize = 65_536;

/// Rows of golden vectors that are checked.
pub const GOLDEN_ROWS_MAX: usize = 10_000;
