//! What windows lack after an edit.

use super::fields::Fields;
use crate::plan::compiled::Plan;
use crate::plan::identities::Identities;
use crate::plan::shape::{Numbers, Shape};
use crate::plan::spec::{Lasting, Needed};
use crate::plan::uses::Uses;

/// What windows lack of what came before.
pub(super) struct Past<'a> {
    pub(super) plan: &'a Plan,
    pub(super) identities: &'a Identities<'a>,
    pub(super) shapes: (&'a Shape, &'a Shape),
    pub(super) was: Numbers,
    pub(super) fields: &'a Fields,
}

impl Past<'_> {
    /// See `Lacking::window_ms`.
    pub(super) fn window_ms(&self, uses: &Uses) -> Option<i64> {
        let (plan, was) = (self.plan, self.was);
        let window = uses.window?;
        let bound = plan.bounds[window.start];
        let reach_ms = bound.before_ms + bound.resolution_ms;
        let mut fields = uses.fields.iter();
        let has_fields = fields.all(|field| self.fields.has(*field));
        let mut labels = uses.labels.iter();
        let has_labels = labels.all(|label| self.fields.labels[*label].is_some());
        let is_labelled = !uses.labelled.is_empty();
        if is_labelled && !(has_fields && has_labels && was.retention_ms == plan.retention_ms()) {
            // One that names an id which came twice may have meant a record that is forgotten since.
            return Some(reach_ms + plan.retention_ms());
        }
        if !has_fields {
            return Some(reach_ms);
        }
        if bound.resolution_ms > 0 && self.has_panes(uses, window.start) {
            return None;
        }
        let lacking_ms = reach_ms - was.retention_ms;
        // Records before that are refused as late, and see as much as is kept.
        (lacking_ms > -plan.lateness_ms()).then_some(lacking_ms)
    }

    /// Whether compaction has left all that a window with a resolution needs.
    fn has_panes(&self, uses: &Uses, start: usize) -> bool {
        let (before, after) = self.shapes;
        let mut fields = uses.fields.iter();
        let has_fields = fields.all(|field| {
            let pane = self.identities.pane(*field, start);
            pane.is_none_or(|pane| before.panes.contains(&pane))
        });
        let lasting = self.plan.lasting.iter().zip(&after.lasting);
        let is_own =
            |lasting: &Lasting| lasting.bound == start && self.looks_at(uses, lasting.needed);
        let mut own = lasting.filter(|(lasting, _)| is_own(lasting));
        has_fields && own.all(|(_, identity)| before.lasting.contains(identity))
    }

    /// Whether a feature looks at single rows that compaction leaves.
    fn looks_at(&self, uses: &Uses, needed: Needed) -> bool {
        let mut holdings = uses.holdings.iter();
        match needed {
            Needed::Extreme { queue } => uses.queues.contains(&queue),
            Needed::Values { raw } => holdings.any(|slot| self.plan.holdings[*slot].raw == raw),
        }
    }
}
