//! Where the parts of state were, as its shape says.

use crate::plan::compiled::LABELLED_WORDS;
use crate::plan::layout::{Layout, SQUARE_WORDS, SUM_WORDS};
use crate::plan::shape::{Numbers, Shape};

/// Words of the times of the newest records.
pub(super) const SINCE_WORDS: usize = 4;

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
pub(super) struct Places {
    pub(super) sums_at: usize,
    pub(super) squares_at: usize,
    pub(super) wide_at: usize,
    pub(super) gaps_at: usize,
    /// One per raw value.
    pub(super) raws_at: Vec<usize>,
    pub(super) stride: usize,
}

impl Places {
    pub(super) fn new(before: &Shape) -> Self {
        let sums_at = Layout::COUNTS_AT + before.counts.len();
        let squares_at = sums_at + SUM_WORDS * before.sums.len();
        let wide_at = squares_at + SQUARE_WORDS * before.squares.len();
        let gaps_at = wide_at + 4 * before.wide.len();
        let mut stride = gaps_at + 4 * before.gaps.len();
        let mut raws_at = Vec::new();
        for words in &before.raw_words {
            raws_at.push(stride);
            stride += *words as usize;
        }
        Self {
            sums_at,
            squares_at,
            wide_at,
            gaps_at,
            raws_at,
            stride,
        }
    }
}

impl Written {
    pub(super) fn new(before: &Shape, was: Numbers) -> Self {
        let places = Places::new(before);
        Self {
            fixed_words: memories_at(before, was) + total(&before.memory_words),
            stride: places.stride,
            topped_stride: places.stride + before.sums.len() + before.squares.len(),
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
