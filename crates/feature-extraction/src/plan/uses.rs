//! Which parts of a plan a feature uses.

use std::collections::BTreeSet;

use super::ids::BitId;
use super::spec::Window;

/// What one feature uses, as indexes into the parts of the plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    pub(crate) window: Option<Window>,
    pub(crate) bits: BTreeSet<BitId>,
    pub(crate) labels: BTreeSet<usize>,
    pub(crate) queues: BTreeSet<usize>,
    pub(crate) holdings: BTreeSet<usize>,
    pub(crate) labelled: BTreeSet<usize>,
    pub(crate) sinces: BTreeSet<usize>,
    pub(crate) memories: BTreeSet<usize>,
    pub(crate) decayed: BTreeSet<usize>,
    pub(crate) cohorts: BTreeSet<usize>,
}
