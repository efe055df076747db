//! What a record changes besides its own key's windows: a label its transaction, any record its cohorts.

use arrow::array::Array;

use super::batch::{Batch, key_of};
use super::feature_lane::FeatureLane;
use crate::plan::Plan;
use crate::state::KeyIndex;

impl FeatureLane {
    /// Puts a label on its transaction, where a feature asks for it.
    pub(super) fn join_label(
        &mut self,
        plan: &Plan,
        batch: &Batch<'_>,
        row: usize,
        in_chunk: usize,
        hint: Option<KeyIndex>,
    ) {
        if plan.label_words.is_none() || batch.keys.is_null(row) {
            return;
        }
        let hash = self.chunk.key_hashes[in_chunk];
        let index = hint.or_else(|| self.keys.find(hash, key_of(batch, row)));
        let is_joined = index.is_some_and(|index| {
            let mut parts = self.keys.parts(plan, index, None);
            let before = parts.bytes();
            let is_joined = self
                .scratch
                .label(plan, &mut parts, batch.inputs.label(row));
            let after = parts.bytes();
            self.keys.settle(index, before, after);
            is_joined
        });
        self.stats.labels_unmatched += u64::from(!is_joined);
    }

    /// Whether the cohort of a record may lack records.
    #[cold]
    pub(super) fn lacks_cohort(&self, plan: &Plan, batch: &Batch<'_>, row: usize) -> bool {
        let mut cohorts = plan.cohorts.iter().zip(&self.cohorts);
        cohorts.any(|(spec, cohorts)| {
            let cohort = batch.inputs.hash(spec.hash, row);
            !cohorts.is_whole(spec.half_life, cohort)
        })
    }

    /// Lets the cohorts of an accepted record take it in.
    #[inline]
    pub(super) fn join_cohorts(&mut self, plan: &Plan, batch: &Batch<'_>, row: usize, now_ms: i64) {
        for (spec, cohorts) in plan.cohorts.iter().zip(&mut self.cohorts) {
            if batch.inputs.bit(spec.base, row) {
                let cohort = batch.inputs.hash(spec.hash, row);
                let is_part = batch.inputs.bit(spec.part, row);
                cohorts.update(spec.half_life, now_ms, cohort, is_part);
            }
        }
    }
}
