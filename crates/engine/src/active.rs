//! The models that score, shared by all lanes.

use std::sync::Arc;

use parking_lot::Mutex;
use tillwatch_decode::DecodePlan;
use tillwatch_records::TopicPartition;
use tillwatch_scoring::{Learners, Lineup, Scorer};

use crate::audit::Audit;
use crate::lineup_name::LineupName;
use crate::recent_rows::RecentRows;

/// A line-up of models, and how records are decoded so that these have what they read.
#[derive(Debug)]
pub struct ActiveModels {
    lineup: Arc<Lineup>,
    decode: Arc<DecodePlan>,
    /// Of `lineup`.
    name: LineupName,
    /// Learners that lanes will need which come from the line-up before: one entry a lane, made before any
    /// lane sees this.
    fresh: Mutex<Vec<Learners>>,
    /// Learners that lanes which left this had no more use for. They are dropped with it.
    left: Mutex<Vec<Learners>>,
}

/// The active models. Every lane takes them anew for every batch, so a change takes effect between two
/// batches of a lane, and a batch is scored by one line-up from its first record to its last.
#[derive(Debug)]
pub struct SharedModels {
    current: Mutex<Arc<ActiveModels>>,
    /// Where lanes say from which record on they score with what, if anybody wants to know.
    audit: Option<Arc<dyn Audit>>,
    /// Where lanes keep their last rows for other line-ups to be tried on, if anybody may change them.
    recent: Option<RecentRows>,
    /// Held by every lane, to be counted.
    lanes: Arc<()>,
}

/// One lane more, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Entered(#[expect(dead_code, reason = "it is held, not read")] Arc<()>);

impl ActiveModels {
    pub(crate) fn new(lineup: Lineup, decode: Arc<DecodePlan>) -> Self {
        Self {
            name: LineupName::of(&lineup),
            lineup: Arc::new(lineup),
            decode,
            fresh: Mutex::default(),
            left: Mutex::default(),
        }
    }

    /// The models.
    pub fn lineup(&self) -> &Arc<Lineup> {
        &self.lineup
    }

    /// How records are decoded for them.
    pub fn decode(&self) -> &Arc<DecodePlan> {
        &self.decode
    }

    /// The models in words.
    pub fn name(&self) -> &LineupName {
        &self.name
    }

    /// Decodes as `current` does where that gives the same columns, so that lanes keep their decoders.
    pub(crate) fn keep_decoder_of(&mut self, current: &Self) {
        if current.decode.builds_as(&self.decode) {
            self.decode = Arc::clone(&current.decode);
        }
    }

    /// Lets `scorer`, which scored with this, score with `next`. It neither makes learners nor drops any
    /// unless `next` was prepared for another line-up or for fewer lanes.
    pub(crate) fn hand_over(&self, scorer: &mut Scorer, next: &Self) {
        let mut learners = next.fresh.lock().pop().unwrap_or_default();
        scorer.set_lineup(&next.lineup, &mut learners);
        if !learners.is_empty() {
            self.left.lock().push(learners);
        }
    }

    /// Makes what so many lanes will need that come from `before`.
    fn prepare(&self, before: &Self, lanes: usize) {
        let fresh = |_| Learners::fresh(&self.lineup, &before.lineup);
        let fresh: Vec<Learners> = (0..lanes).map(fresh).collect();
        *self.fresh.lock() = fresh;
    }

    /// How many lanes' learners wait to be used, and to be dropped.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.fresh.lock().len(), self.left.lock().len())
    }
}

impl SharedModels {
    pub(crate) fn new(
        active: ActiveModels,
        audit: Option<Arc<dyn Audit>>,
        recent: Option<RecentRows>,
    ) -> Self {
        Self {
            current: Mutex::new(Arc::new(active)),
            audit,
            recent,
            lanes: Arc::default(),
        }
    }

    /// The active models.
    pub fn current(&self) -> Arc<ActiveModels> {
        Arc::clone(&self.current.lock())
    }

    /// Makes `next` the active models, once everything is made that lanes will need of them; gives
    /// those before. They are still in the hands of lanes. Whoever drops them last drops what they
    /// hold, which may be large: let that be the caller, when nobody else has them any more.
    ///
    /// One thread at a time may exchange models.
    pub fn exchange(&self, next: Arc<ActiveModels>) -> Arc<ActiveModels> {
        next.prepare(&self.current(), self.lanes());
        std::mem::replace(&mut *self.current.lock(), next)
    }

    /// How many lanes score.
    pub fn lanes(&self) -> usize {
        Arc::strong_count(&self.lanes) - 1
    }

    pub(crate) fn enter(&self) -> Entered {
        Entered(Arc::clone(&self.lanes))
    }

    pub(crate) fn recent(&self) -> Option<&RecentRows> {
        self.recent.as_ref()
    }

    /// Says that a lane scores with `active` from the record at `offset` on.
    pub(crate) fn begun(&self, source: &TopicPartition, offset: i64, active: &ActiveModels) {
        if let Some(audit) = &self.audit {
            audit.begun(source, offset, &active.name);
        }
    }
}
