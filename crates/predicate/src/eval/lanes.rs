//! What a block is measured in, and the truth values of its rows.

/// Rows in a block: the bits of a word.
pub(crate) const LANES: usize = 64;

/// Up to this many values a list is searched from its start, which predicts better than bisection.
pub(super) const LINEAR_SEARCH_MAX: usize = 8;

/// A truth value per row. Bits past the block's length are 0 in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Logic {
    /// Subset of `known`.
    pub(crate) truth: u64,
    pub(crate) known: u64,
}

/// Lanes to write into.
pub(crate) fn empty_lanes<T: Copy + Default>() -> [T; LANES] {
    [T::default(); LANES]
}

impl Logic {
    pub(super) const NULL: Self = Self { truth: 0, known: 0 };

    /// Bits of what is known to be false.
    pub(super) fn falsity(self) -> u64 {
        self.known & !self.truth
    }
}
