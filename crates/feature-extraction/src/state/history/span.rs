//! Rows of a window.

use std::ops::Range;

/// Rows of a window, from the start bound to the end bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn len(self) -> u32 {
        self.end - self.start
    }

    /// Its rows that are not in `other`: those before it, and those behind it.
    #[inline]
    pub(crate) fn without(self, other: Self) -> [Range<u32>; 2] {
        [
            self.start..self.end.min(other.start),
            self.start.max(other.end)..self.end,
        ]
    }

    /// Number of rows that are in one of the two only.
    pub(crate) fn apart(self, other: Self) -> usize {
        let [before, behind] = self.without(other);
        let [other_before, other_behind] = other.without(self);
        before.len() + behind.len() + other_before.len() + other_behind.len()
    }
}
