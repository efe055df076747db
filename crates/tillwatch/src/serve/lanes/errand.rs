//! A lane on its way to its first record.

use std::time::{Duration, Instant};

use tillwatch_consumer::{FirstRecord, Stretch};
use tillwatch_engine::Lane;
use tillwatch_records::TopicPartition;
use tillwatch_state_store::{LaneId, LaneStore, SourceMark};

use super::shared::Shared;
use super::slot::{Slot, Worker};
use crate::clock;
use crate::serve::state::Keeping;

/// How long brokers may take to answer what a lane has to know before it begins.
pub const ASK_WAIT: Duration = Duration::from_secs(5);

/// Between two looks at something that another thread is to do.
const LOOK: Duration = Duration::from_millis(20);

/// Everything that it takes to give a lane its state.
pub struct Errand<'a> {
    pub shared: &'a Shared,
    pub keeping: &'a Keeping,
    pub slot: &'a Slot,
    pub id: LaneId,
    pub store: LaneStore,
    /// What the group has committed of each source.
    pub committed: Vec<Option<i64>>,
}

impl<'a> Errand<'a> {
    pub fn new(
        shared: &'a Shared,
        keeping: &'a Keeping,
        slot: &'a Slot,
        committed: Vec<Option<i64>>,
    ) -> Self {
        let id = keeping.lane_id(&slot.inlet);
        Self {
            shared,
            keeping,
            slot,
            store: keeping.lane_store(&id),
            id,
            committed,
        }
    }

    /// The partition that names the lane.
    pub fn source(&self) -> &TopicPartition {
        self.slot.source()
    }

    /// Whether the partition is still ours.
    pub fn is_wanted(&self) -> bool {
        !self.slot.inlet.is_closed()
    }

    /// Whether the group has read nothing of the lane.
    pub fn is_new(&self) -> bool {
        self.committed.iter().all(Option::is_none)
    }

    /// What the group has committed, as snapshots say it.
    pub fn marks(&self) -> Vec<SourceMark> {
        let inlet = &self.slot.inlet;
        let known = inlet.topic_ids().into_iter().zip(inlet.partitions());
        let sources = inlet.sources().zip(&self.committed).zip(known);
        let marks = sources.map(|((source, committed), (topic_id, partitions))| SourceMark {
            topic: source.topic.to_string(),
            offset: committed.unwrap_or(0),
            topic_id,
            partitions: partitions.and_then(|count| i32::try_from(count).ok()),
        });
        marks.collect()
    }

    /// The first record that `lane`, which stands at `next`, is to be shown again and that belongs before one
    /// that it holds. Then what it holds is not what follows from the logs. Of each topic the first record
    /// decides, since times of a topic do not fall.
    pub fn first_behind(
        &self,
        lane: &Lane,
        next: &[Option<i64>],
    ) -> Option<(TopicPartition, FirstRecord)> {
        if self.slot.inlet.sources().len() == 1 {
            return None;
        }
        let sources = self.slot.inlet.sources().zip(next).zip(&self.committed);
        let stretches = sources.filter_map(|((source, next), committed)| {
            let (from, to) = next.zip(*committed).filter(|(from, to)| from < to)?;
            let source = source.clone();
            Some(Stretch { source, from, to })
        });
        let stretches: Vec<Stretch> = stretches.collect();
        if stretches.is_empty() {
            return None;
        }
        let found = match self.shared.past.first_records(&stretches, ASK_WAIT) {
            Ok(found) => found,
            Err(error) => {
                let source = self.source();
                tracing::warn!(
                    topic = &*source.topic,
                    partition = source.partition,
                    %error,
                    "cannot look at the records that are to be read again: if one of them belongs before what \
                     the lane holds, its scores are marked REORDERED"
                );
                return None;
            }
        };
        let found = stretches.into_iter().zip(found);
        let mut known = found.filter_map(|(stretch, found)| Some((stretch.source, found?)));
        known.find(|(source, found)| {
            let time_ms = found.timestamp_ms;
            time_ms.is_some_and(|time_ms| lane.is_behind(&source.topic, time_ms))
        })
    }

    /// Lets `worker` do the lane's work.
    pub fn take_seat(&self, worker: Worker) {
        self.slot.show(&worker.lane);
        if let Some(cutter) = &worker.cutter {
            cutter.cuts().resume();
        }
        self.slot.take_seat(&mut self.slot.seat.lock(), worker);
    }

    /// Waits until `is_so`, at most so long, and while the lane is wanted; whether it is so.
    pub fn wait_until(&self, most: Duration, is_so: impl Fn() -> bool) -> bool {
        let end: Instant = clock::now() + most;
        while !is_so() {
            if clock::now() >= end || !self.is_wanted() {
                return false;
            }
            clock::wait(LOOK);
        }
        true
    }
}
