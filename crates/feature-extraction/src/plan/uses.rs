//! Which parts of a plan a feature uses.

use std::collections::BTreeSet;

use super::ids::{BitId, FieldId, Slot};
use super::spec::Window;

/// What one feature uses, as indexes into the parts of the plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    pub(crate) window: Option<Window>,
    pub(crate) bits: BTreeSet<BitId>,
    pub(crate) fields: BTreeSet<FieldId>,
    pub(crate) labels: BTreeSet<usize>,
    pub(crate) queues: BTreeSet<usize>,
    pub(crate) holdings: BTreeSet<usize>,
    pub(crate) labelled: BTreeSet<usize>,
    pub(crate) sinces: BTreeSet<usize>,
    pub(crate) memories: BTreeSet<usize>,
    pub(crate) decayed: BTreeSet<usize>,
    pub(crate) cohorts: BTreeSet<usize>,
    /// Slots of sums, which may not fit.
    pub(crate) totals: BTreeSet<Slot>,
}

impl Uses {
    /// Whether a record that is not in order is told by looking at rows of its window.
    pub(crate) fn looks_at_rows(&self) -> bool {
        !(self.queues.is_empty() && self.holdings.is_empty() && self.labelled.is_empty())
    }
}
