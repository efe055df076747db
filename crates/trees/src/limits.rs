//! Named maxima of a model.

/// Features of one model.
pub const FEATURES_MAX: usize = 4096;

/// Trees of one model: at more than this a row costs tens of microseconds.
pub const TREES_MAX: usize = 10_000;

/// Leaves of one tree.
pub const LEAVES_MAX: usize = 65_536;

/// Nodes and leaves of all trees of one model; at 48 bytes each, 192 MiB.
pub const NODES_MAX: usize = 4 * 1024 * 1024;

/// Words of 64 bits in all category sets of one model, 32 MiB.
pub const CATEGORY_WORDS_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a model file: a model of the most nodes that are read, as XGBoost's JSON writes it.
pub const BYTES_MAX: usize = 1024 * 1024 * 1024;
