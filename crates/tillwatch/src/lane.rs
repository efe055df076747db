//! Everything that one partition owns: decoder scratch, feature state, alert state.

use std::sync::Arc;

use parking_lot::Mutex;
use tillwatch_decode::{Decoder, Refusal};
use tillwatch_feature_extraction::LaneStats;
use tillwatch_records::{RawBatch, ScoreBatch};
use tillwatch_scoring::{Effort, Recent, ScoreContext, Scorer};

use crate::chain::Chain;
use crate::in_force::{InForce, Models};
use crate::reference::Joiner;
use crate::serve::metrics::Stage;

/// Scores the records of one partition in order. The core of the product: a fold over the records
/// alone, whose results do not depend on how they are batched.
#[derive(Debug)]
pub struct Lane {
    pub decoder: Decoder,
    /// Joins reference data to what was decoded, if there is any.
    pub joiner: Option<Joiner>,
    pub chain: Chain,
    pub scorer: Scorer,
    pub models: Arc<Models>,
    /// Makes it one of those that models are prepared for.
    pub _counted: Arc<()>,
    /// What the last batch was scored by.
    pub in_force: Arc<InForce>,
    /// Whether it was said from which record on that is.
    pub is_told: bool,
    /// The last rows, for other models to be tried on, where that is wanted.
    pub recent: Option<Arc<Mutex<Recent>>>,
}

/// What became of a batch: each record is in exactly one of the two, but for terminal events and
/// labels, which only change state.
#[derive(Debug)]
pub struct Processed {
    /// One score per transaction.
    pub scores: ScoreBatch,
    /// Records that could not be decoded.
    pub refusals: Vec<Refusal>,
}

impl Lane {
    /// Decodes, joins, folds and scores a batch; says after each stage that it is over. `effort` says, when
    /// features are there, how much is asked of the scoring of so many rows.
    pub fn process(
        &mut self,
        raw: &RawBatch,
        mut over: impl FnMut(Stage),
        effort: impl FnOnce(usize) -> Effort,
    ) -> Processed {
        self.take_models(raw);
        let mut decoded = self.decoder.decode(raw);
        over(Stage::Decode);
        if let Some(joiner) = &mut self.joiner {
            joiner.join(&mut decoded.events);
        }
        let features = self.chain.process(decoded.events);
        over(Stage::Features);
        if let Some(recent) = &self.recent {
            recent.lock().push(&features);
        }
        let context = ScoreContext {
            effort: effort(features.len()),
            reference: self.joiner.as_ref().map(Joiner::version),
        };
        let scores = self.scorer.score(features, &context);
        over(Stage::Scoring);
        Processed {
            scores,
            refusals: decoded.refusals,
        }
    }

    /// Takes over the models in force, if they have changed, and says from which record on.
    fn take_models(&mut self, raw: &RawBatch) {
        let in_force = self.models.current();
        if !Arc::ptr_eq(&in_force, &self.in_force) {
            if !Arc::ptr_eq(&in_force.decode, &self.in_force.decode) {
                self.decoder = Decoder::new(Arc::clone(&in_force.decode));
            }
            self.in_force.hand_over(&mut self.scorer, &in_force);
            self.in_force = in_force;
            self.is_told = false;
        }
        if !self.is_told && !raw.is_empty() {
            let first = raw.get(0).offset;
            self.models.begun(raw.source(), first, &self.in_force);
            self.is_told = true;
        }
    }

    /// What the feature state has counted and holds.
    pub fn stats(&self) -> LaneStats {
        self.chain.stats()
    }

    /// Latest event time accepted, milliseconds since 1970.
    pub fn watermark_ms(&self) -> Option<i64> {
        self.chain.watermark_ms()
    }
}
