//! What is taken of a key for each record. Columns are made of it afterwards, for many records at once.
//!
//! Most features are differences of running totals. Differences that several features share are taken once.

use super::ids::Slot;
use super::spec::{Single, Window};

/// What is taken of a record.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Windows that begin with one of the newest counted rows. [`Window::start`] of other fields
    /// points behind the plan's bounds where it means one of these.
    pub(crate) newest: Vec<Window>,
    pub(crate) differences: Vec<Differences>,
    /// Totals of labelled records.
    pub(crate) labelled: Vec<(Labelled, Slot)>,
    /// Largest and smallest values, of a queue each.
    pub(crate) extremes: Vec<Extremes>,
    /// Shares of cohorts.
    pub(crate) priors: Vec<(Prior, Slot)>,
    /// What needs more of a key than totals.
    pub(crate) singles: Vec<(Single, Slot)>,
    /// Number of slots.
    pub(crate) slots: usize,
}

/// Differences of the running totals at the two ends of a window.
#[derive(Debug)]
pub(crate) struct Differences {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Number of rows, where all of them count.
    pub(crate) rows: Option<Slot>,
    pub(crate) counts: Vec<Difference>,
    pub(crate) sums: Vec<Difference>,
    /// Two slots each, the low half first.
    pub(crate) squares: Vec<Difference>,
    /// As `squares`.
    pub(crate) wide: Vec<Difference>,
}

/// The running total that begins at word `at` of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    pub(crate) at: usize,
    pub(crate) slot: Slot,
}

/// Windows that end at the same place and share a queue.
#[derive(Debug)]
pub(crate) struct Extremes {
    /// Index into [`Plan::extremes`].
    pub(crate) queue: usize,
    pub(crate) end: usize,
    /// Where each window begins, the longest first.
    pub(crate) starts: Vec<(usize, Slot)>,
}

/// An entry of [`Plan::labelled`] in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Labelled {
    pub(crate) window: Window,
    pub(crate) total: usize,
}

/// The share of a cohort; `prior` while nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    /// Index into [`Plan::cohorts`].
    pub(crate) cohort: usize,
    pub(crate) prior: f64,
}
