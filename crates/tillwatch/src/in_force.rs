//! The models in force, shared by all lanes.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tillwatch_decode::DecodePlan;
use tillwatch_records::TopicPartition;
use tillwatch_scoring::{Learners, Lineup, Scorer};

use crate::lineup::{Audit, LineupName, Memory};
use crate::watch::Stamp;

/// The models that score, and how records are decoded so that these have what they read.
#[derive(Debug)]
pub struct InForce {
    pub lineup: Arc<Lineup>,
    pub decode: Arc<DecodePlan>,
    pub name: LineupName,
    /// What the files were when they were read.
    pub stamp: Stamp,
    /// Learners that lanes will need which come from the line-up before: one entry a lane, made before any
    /// lane sees this.
    fresh: Mutex<Vec<Learners>>,
    /// Learners that lanes which left this had no more use for. They are dropped with it.
    left: Mutex<Vec<Learners>>,
}

/// What is in force now. Every lane takes it anew for every batch, so a change takes effect between two
/// batches of a lane, and a batch is scored by one line-up from its first record to its last.
#[derive(Debug)]
pub struct Models {
    current: Mutex<Arc<InForce>>,
    /// Where lanes say from which record on they score with what; nowhere unless records come from Kafka.
    audit: OnceLock<Arc<Audit>>,
    /// Where lanes keep their last rows for others to be tried on; nowhere unless somebody may change them.
    memory: OnceLock<Memory>,
    /// Held by every lane, to be counted.
    lanes: Arc<()>,
}

impl InForce {
    pub fn new(lineup: Lineup, decode: Arc<DecodePlan>, stamp: Stamp) -> Self {
        Self {
            name: LineupName::of(&lineup),
            lineup: Arc::new(lineup),
            decode,
            stamp,
            fresh: Mutex::default(),
            left: Mutex::default(),
        }
    }

    /// Makes what so many lanes will need that come from `before`.
    pub fn prepare(&self, before: &Self, lanes: usize) {
        let fresh = |_| Learners::fresh(&self.lineup, &before.lineup);
        let fresh: Vec<Learners> = (0..lanes).map(fresh).collect();
        *self.fresh.lock() = fresh;
    }

    /// Lets `scorer`, which scored with this, score with `next`. It neither makes learners nor drops any
    /// unless `next` was prepared for another line-up or for fewer lanes.
    pub fn hand_over(&self, scorer: &mut Scorer, next: &Self) {
        let mut learners = next.fresh.lock().pop().unwrap_or_default();
        scorer.set_lineup(&next.lineup, &mut learners);
        if !learners.is_empty() {
            self.left.lock().push(learners);
        }
    }

    /// How many lanes' learners wait to be used, and to be dropped.
    #[cfg(test)]
    pub fn waiting(&self) -> (usize, usize) {
        (self.fresh.lock().len(), self.left.lock().len())
    }
}

impl Models {
    pub fn new(in_force: InForce) -> Self {
        Self {
            current: Mutex::new(Arc::new(in_force)),
            audit: OnceLock::new(),
            memory: OnceLock::new(),
            lanes: Arc::default(),
        }
    }

    /// What a lane holds for as long as it scores.
    pub fn enter(&self) -> Arc<()> {
        Arc::clone(&self.lanes)
    }

    /// How many lanes score.
    pub fn lanes(&self) -> usize {
        Arc::strong_count(&self.lanes) - 1
    }

    /// What is in force.
    pub fn current(&self) -> Arc<InForce> {
        Arc::clone(&self.current.lock())
    }

    /// Puts `next` in force; gives what was before.
    pub fn exchange(&self, next: Arc<InForce>) -> Arc<InForce> {
        std::mem::replace(&mut *self.current.lock(), next)
    }

    /// Tells lanes where to say what they score with; the first one stays.
    pub fn set_audit(&self, audit: &Arc<Audit>) {
        let _ = self.audit.set(Arc::clone(audit));
    }

    /// Lets lanes that are made from now on keep their last rows; the first call stays.
    pub fn set_memory(&self, memory: Memory) {
        let _ = self.memory.set(memory);
    }

    /// Where lanes keep their last rows, if they do.
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.get()
    }

    /// Says that a lane scores with `in_force` from the record at `offset` on.
    pub fn begun(&self, source: &TopicPartition, offset: i64, in_force: &InForce) {
        if let Some(audit) = self.audit.get() {
            audit.begun(source, offset, &in_force.name);
        }
    }
}
