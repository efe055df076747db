//! A lane's place in an instance.

use std::collections::VecDeque;
use std::sync::Arc;

use tillwatch_consumer::{Inlet, LastCall};
use tillwatch_engine::Lane;
use tillwatch_records::TopicPartition;
use tillwatch_state_store::Manifest;

use crate::cutter::Cutter;

/// A lane and the way its records come, from an assignment to its end.
pub(crate) struct Slot {
    pub(crate) inlet: Arc<Inlet>,
    /// What the group has committed of each source, once that was told.
    located: Vec<Option<Option<i64>>>,
    pub(crate) bringing: Bringing,
    /// Where the lane sits, once it is there: it is restored first, or made at its first batch.
    pub(crate) worker: Option<Worker>,
    /// Where reading of each source begins, where that is known.
    pub(crate) begun: Vec<Option<i64>>,
    /// Records with timestamps up to this may be missing, as was told before there was a lane.
    pub(crate) missed_ms: Option<i64>,
    /// Records wait in the inlet.
    pub(crate) is_ready: bool,
    /// The consumer waits for the last cut.
    pub(crate) leaving: Option<LastCall>,
}

/// How far a lane is on its way to its state.
pub(crate) enum Bringing {
    /// What the group has committed is not known yet.
    Located,
    /// To be looked for: a lane that was kept goes on, or snapshots that can be used are found. So often it
    /// was tried in vain.
    Looking(u32),
    /// Snapshots to be tried, newest first.
    Restoring(VecDeque<Manifest>),
    /// Reading has begun.
    Done,
}

/// A lane at work.
pub(crate) struct Worker {
    pub(crate) lane: Lane,
    pub(crate) cutter: Cutter,
    /// The next offset after what the lane has taken of each source, where that is known.
    pub(crate) next: Vec<Option<i64>>,
    /// Its records do not begin with the first of the log, or some are missing.
    pub(crate) lacks: bool,
}

impl Slot {
    pub(crate) fn new(inlet: &Arc<Inlet>) -> Self {
        let sources = inlet.sources().len();
        Self {
            inlet: Arc::clone(inlet),
            located: vec![None; sources],
            bringing: Bringing::Located,
            worker: None,
            begun: vec![None; sources],
            missed_ms: None,
            is_ready: false,
            leaving: None,
        }
    }

    /// Which of the lane's sources `source` is.
    pub(crate) fn index_of(&self, source: &TopicPartition) -> Option<usize> {
        self.inlet.sources().position(|found| found == source)
    }

    /// Notes what the group has committed of `source`.
    pub(crate) fn note_located(&mut self, source: &TopicPartition, offset: Option<i64>) {
        if let Some(index) = self.index_of(source) {
            self.located[index] = Some(offset);
        }
        if self.located.iter().all(Option::is_some) {
            self.bringing = Bringing::Looking(0);
        }
    }

    /// What the group has committed of each source.
    pub(crate) fn committed(&self) -> Vec<Option<i64>> {
        self.located
            .iter()
            .map(|located| located.flatten())
            .collect()
    }

    /// Tells the lane, as soon as there is one, that records may be missing.
    pub(crate) fn note_missed(&mut self, newest_ms: i64, next: Option<(usize, i64)>) {
        let Some(worker) = &mut self.worker else {
            self.missed_ms = self.missed_ms.max(Some(newest_ms));
            if let Some((index, offset)) = next {
                self.begun[index] = Some(offset);
            }
            return;
        };
        worker.lane.missed(newest_ms);
        worker.lacks = true;
        if let Some((index, offset)) = next {
            worker.next[index] = Some(offset);
        }
    }
}
