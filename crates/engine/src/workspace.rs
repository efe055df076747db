//! Room that is lent to lanes.

use std::sync::Arc;

use tillwatch_decode::{DecodePlan, Decoder};
use tillwatch_feature_extraction as features;
use tillwatch_scoring as scoring;

/// Room that lanes work in: one for each thread, lent to whichever lane runs there. What it holds between
/// batches changes no result, so one lane after the other may use it. It takes some megabytes, where a lane
/// by itself takes what it remembers.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Of the plan that the last lane followed, which is that of all but for the moment of a change.
    decoder: Option<Decoder>,
    /// One per stage.
    pub(crate) stages: Vec<features::Workspace>,
    pub(crate) scoring: scoring::Workspace,
}

impl Workspace {
    /// Bytes allocated, about.
    pub fn bytes(&self) -> usize {
        let decoder = self.decoder.as_ref().map_or(0, Decoder::bytes);
        let stages: usize = self.stages.iter().map(features::Workspace::bytes).sum();
        decoder + stages + self.scoring.bytes()
    }

    /// A decoder that follows `plan`.
    pub(crate) fn decoder(&mut self, plan: &Arc<DecodePlan>) -> &mut Decoder {
        let known = self.decoder.take().filter(|decoder| decoder.follows(plan));
        self.decoder
            .insert(known.unwrap_or_else(|| Decoder::new(Arc::clone(plan))))
    }
}
