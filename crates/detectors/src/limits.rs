//! Named maxima of a detector's settings.

/// Inputs of one detector: a box of a random cut forest has two numbers for each.
pub const INPUTS_MAX: usize = 256;

/// Trees of one detector: at more than this a row costs tens of microseconds.
pub const TREES_MAX: usize = 1_000;

/// Height of half-space trees. A leaf holds 2^−height of what there is to tell apart, and what a path adds
/// to a score fits 32 bits up to here.
pub const HEIGHT_MAX: usize = 15;

/// Rows of a window of half-space trees: masses are kept in 16 bits.
pub const WINDOW_MAX: usize = 65_535;

/// Leaves of all half-space trees of one detector; at 19 bytes each with the node above, 76 MiB.
pub const LEAVES_MAX: usize = 4 * 1024 * 1024;

/// Rows that a random cut tree keeps: an unbalanced tree is as high as that.
pub const SAMPLE_MAX: usize = 16_384;

/// Numbers (rows times inputs) that a random cut forest keeps in all its trees; at 12 bytes each,
/// for a row and its share of boxes, 192 MiB.
pub const NUMBERS_MAX: usize = 16 * 1024 * 1024;

/// Fastest forgetting of a random cut forest, per row: the weight of a row is e times that of the row before.
pub const TIME_DECAY_MAX: f64 = 1.0;
