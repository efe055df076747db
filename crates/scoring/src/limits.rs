//! Named maxima of models and alert state.

/// Inputs of one model: as many as a catalog has features, and every event column.
pub const INPUTS_MAX: usize = 1024;

/// Rules of one model: each costs a pass over the batch.
pub const RULES_MAX: usize = 1024;

/// Conditions in one list of a rule: each costs a pass over the batch.
pub const RULE_CONDITIONS_MAX: usize = 64;

/// Weight of a rule: a hundred times the evidence makes certainty of anything that is worth a rule, and the
/// evidence of all rules together stays far from overflow.
pub const RULE_WEIGHT_MAX: f64 = 100.0;

/// Alerts that a lane remembers, of all keys and typologies. At some 120 bytes each, 8 MiB; the ones
/// whose cool-down ends first are forgotten first.
pub const ALERT_STATES_MAX: usize = 65_536;

/// Rows of golden vectors that are checked.
pub const GOLDEN_ROWS_MAX: usize = 10_000;
