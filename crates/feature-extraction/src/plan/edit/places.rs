//! Where the parts of state were, as its shape says.

use crate::plan::compiled::{LABELLED_WORDS, SINCE_WORDS};
use crate::plan::layout::{FieldCounts, Places};
use crate::plan::shape::{Numbers, Shape};

/// How state was written.
#[derive(Debug)]
pub(crate) struct Written {
    /// Words before a key's rows, of a row, and of one with tops.
    pub(crate) fixed_words: usize,
    pub(crate) stride: usize,
    pub(crate) topped_stride: usize,
    /// Histograms of each key.
    pub(crate) decayed: usize,
    /// Cohort ratios.
    pub(crate) cohorts: usize,
}

/// Where the fields of a row were.
pub(super) fn rows_of(before: &Shape) -> Places {
    Places::of(&FieldCounts {
        counts: before.counts.len(),
        sums: before.sums.len(),
        squares: before.squares.len(),
        wide: before.wide.len(),
        gaps: before.gaps.len(),
        raw_words: total(&before.raw_words),
    })
}

impl Written {
    pub(super) fn new(before: &Shape, was: Numbers) -> Self {
        let places = rows_of(before);
        Self {
            fixed_words: memories_at(before, was) + total(&before.memory_words),
            stride: places.stride,
            topped_stride: places.topped_stride,
            decayed: before.decayed.len(),
            cohorts: before.cohorts.len(),
        }
    }
}

/// Word of a key's fixed part at which memories were.
pub(super) fn memories_at(before: &Shape, was: Numbers) -> usize {
    was.cursors
        + SINCE_WORDS * before.sinces.len()
        + LABELLED_WORDS * was.labelled
        + usize::from(was.has_labels)
}

/// Sum of numbers of words.
pub(super) fn total(words: &[u64]) -> usize {
    words.iter().map(|words| *words as usize).sum()
}
