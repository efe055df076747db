//! How a lane that was assigned gets the state that belongs to the committed offset.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tillwatch_consumer::{ConsumerError, Past, Position};
use tillwatch_records::TopicPartition;
use tillwatch_state_store::{LaneId, LaneStore, Manifest, SourceMark, StoreError};

use super::kept::positions_of_kept;
use super::shared::Shared;
use super::slot::{Slot, Worker};
use crate::clock;
use crate::serve::deadline::Deadline;
use crate::serve::metrics::Origin;
use crate::serve::standing::Standing;
use crate::serve::state::{
    Attempt, Backoff, Cutter, Keeping, LaneCuts, Log, LookBack, RestoreFailure, newest_before,
    restore,
};

/// How long a lane waits for a store that does not answer before it goes on without: payments are to be
/// scored, and what they lack is marked.
const STORE_WAIT: Duration = Duration::from_secs(30);

/// How long outputs of a lane that was kept may be under way: as long as they would be waited for when it
/// leaves in order.
const SETTLE_WAIT: Duration = Duration::from_secs(10);

/// Between two looks at something that another thread is to do.
const LOOK: Duration = Duration::from_millis(20);

/// How long brokers may take to say where records of a time lie.
const ASK_WAIT: Duration = Duration::from_secs(5);

/// A lane on its way to its first record.
struct Bringing<'a> {
    shared: &'a Shared,
    keeping: &'a Keeping,
    slot: &'a Slot,
    id: LaneId,
    store: LaneStore,
    /// What the group has committed of each source.
    committed: Vec<Option<i64>>,
}

/// Gives the lane of `slot` its state, from where it can be had, and begins to read. `kept` is the place that
/// it had before its partition was lost.
pub fn bring_back(
    shared: &Shared,
    slot: &Slot,
    committed: Vec<Option<i64>>,
    kept: Option<Arc<Slot>>,
) {
    let Some(keeping) = &shared.keeping else {
        return;
    };
    let id = keeping.lane_id(&slot.inlet);
    let bringing = Bringing {
        shared,
        keeping,
        slot,
        store: keeping.lane_store(&id),
        id,
        committed,
    };
    let (origin, positions) = bringing.bring(kept);
    keeping.counts.count_origin(origin);
    bringing.note_positions(&positions);
    slot.inlet.begin_each(&positions);
}

impl Bringing<'_> {
    /// Where the lane's state came from, and where each source is to be read from.
    fn bring(&self, kept: Option<Arc<Slot>>) -> (Origin, Vec<Position>) {
        if let Some(kept) = kept
            && let Some(positions) = self.go_on(&kept)
        {
            return (Origin::Kept, positions);
        }
        if self.committed.iter().all(Option::is_none) {
            return (Origin::Nothing, self.as_committed());
        }
        if let Some(positions) = self.restore() {
            return (Origin::Snapshot, positions);
        }
        match self.replay() {
            Some(positions) => (Origin::Replay, positions),
            None => (Origin::Nothing, self.as_committed()),
        }
    }

    /// Whether the partition is still ours.
    fn is_wanted(&self) -> bool {
        !self.slot.inlet.is_closed()
    }

    fn source(&self) -> &TopicPartition {
        self.slot.source()
    }

    /// What is to be read again before the lane scores: perhaps nothing.
    fn note_positions(&self, positions: &[Position]) {
        let standings = &self.shared.standings;
        let again = positions.iter().map(|position| match position {
            Position::Replay { from, live } => live.abs_diff(*from),
            _ => 0,
        });
        match again.sum() {
            0 => {
                if let Some(took) = standings.end(self.source()) {
                    self.keeping.counts.observe_restore(took);
                }
            }
            total => standings.set(self.source(), Standing::Replaying { left: None, total }),
        }
    }

    /// Every source from where the group has committed on, without a look back.
    fn as_committed(&self) -> Vec<Position> {
        self.slot.seat.lock().begun.clone_from(&self.committed);
        vec![Position::Committed; self.committed.len()]
    }

    /// Goes on with a lane that was kept, where all that it handed out was delivered.
    fn go_on(&self, kept: &Slot) -> Option<Vec<Position>> {
        let source = self.source();
        let give_up = |why: &str| {
            tracing::info!(
                topic = &*source.topic,
                partition = source.partition,
                why,
                "the lane that was kept cannot go on; it is restored like any other"
            );
        };
        if kept.inlet.topic_ids() != self.slot.inlet.topic_ids() {
            give_up("the topic was made anew");
            return None;
        }
        if !self.wait_until(SETTLE_WAIT, || kept.inlet.settled().is_some()) {
            give_up("not everything that it made was delivered");
            return None;
        }
        // Locked until the last batch that was in hand when the partition was lost is done.
        let mut worker = kept
            .seat
            .lock()
            .worker
            .take()
            .filter(|_| !kept.is_broken())?;
        let Some(positions) = positions_of_kept(&worker.next, &self.committed) else {
            give_up("others have read of a topic that it has taken nothing of");
            return None;
        };
        if let Some(cutter) = &mut worker.cutter {
            cutter.go_on_after(self.newest_stored().as_ref());
        }
        tracing::info!(
            topic = &*source.topic,
            partition = source.partition,
            ?positions,
            "the lane goes on as it was when its partition was lost"
        );
        self.take_seat(worker);
        Some(positions)
    }

    /// The newest snapshot in the store, whoever made it.
    fn newest_stored(&self) -> Option<Manifest> {
        let (manifests, _) = self.store.manifests().ok()?;
        manifests.into_iter().next()
    }

    /// Restores the lane from the newest snapshot that can be used.
    fn restore(&self) -> Option<Vec<Position>> {
        let source = self.source();
        for manifest in self.usable()? {
            if !self.is_wanted() {
                return None;
            }
            match self.restore_from(&manifest) {
                Ok(worker) => {
                    let worker = worker?;
                    let positions = self.positions_after(&worker);
                    self.take_seat(worker);
                    return Some(positions);
                }
                Err(error) => {
                    self.keeping.counts.count_passed_over(1);
                    tracing::warn!(
                        topic = &*source.topic,
                        partition = source.partition,
                        snapshot = manifest.name(),
                        %error,
                        "a snapshot cannot be used; an older one or the log takes its place"
                    );
                }
            }
        }
        None
    }

    /// Snapshots that can be used, the newest first. Waits for a store that does not answer.
    fn usable(&self) -> Option<Vec<Manifest>> {
        let source = self.source();
        let (began, mut backoff) = (clock::now(), Backoff::default());
        loop {
            match self
                .store
                .newest_usable(&self.keeping.meaning, &self.marks())
            {
                Ok(found) => {
                    for refused in &found.passed_over {
                        tracing::info!(
                            topic = &*source.topic,
                            partition = source.partition,
                            snapshot = refused.name,
                            reason = %refused.why,
                            "a snapshot is passed over"
                        );
                    }
                    self.keeping
                        .counts
                        .count_passed_over(found.passed_over.len() as u64);
                    return Some(found.manifest.into_iter().chain(found.older).collect());
                }
                Err(error)
                    if clock::now().duration_since(began) < STORE_WAIT && self.is_wanted() =>
                {
                    self.say_store_waits(&error);
                    let wait = backoff.next_wait();
                    self.wait_until(wait, || false);
                }
                Err(error) => {
                    tracing::error!(
                        topic = &*source.topic,
                        partition = source.partition,
                        %error,
                        "the store of snapshots does not answer; the lane goes on without"
                    );
                    return None;
                }
            }
        }
    }

    fn say_store_waits(&self, error: &StoreError) {
        tracing::warn!(
            topic = &*self.source().topic,
            partition = self.source().partition,
            %error,
            "cannot look for a snapshot; trying again"
        );
    }

    /// What the group has committed, as snapshots say it.
    fn marks(&self) -> Vec<SourceMark> {
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

    /// A lane that stands where `manifest` says; `None` when it is not wanted any more.
    fn restore_from(&self, manifest: &Manifest) -> Result<Option<Worker>, RestoreFailure> {
        let (source, standings) = (self.source(), &self.shared.standings);
        let total = manifest.bytes();
        let began = clock::now();
        let mut lane = self.shared.lane(&self.slot.inlet, 0);
        standings.set(source, Standing::Restoring { read: 0, total });
        let restored = restore(&mut lane, &self.store, manifest, |read| {
            standings.set(source, Standing::Restoring { read, total });
            self.is_wanted()
        })?;
        let Attempt::Whole { restored, entries } = restored else {
            return Ok(None);
        };
        let counts = &self.keeping.counts;
        counts.count_restored(entries);
        if self.are_other_partitions(manifest) {
            // Keys may have come from other partitions, with a past up to this moment.
            lane.missed(clock::unix_ms());
        }
        tracing::info!(
            topic = &*source.topic,
            partition = source.partition,
            snapshot = manifest.name(),
            entries,
            bytes = total,
            seconds = began.elapsed().as_secs_f64(),
            models_afresh = ?restored.fresh,
            models_dropped = ?restored.dropped,
            "restored"
        );
        let gauges = Arc::clone(&self.slot.gauges.cuts);
        let cuts = LaneCuts::new(
            self.id.clone(),
            self.store.clone(),
            Some(manifest.clone()),
            gauges,
        );
        let first = self.keeping.first_cut(source.partition);
        let interval = self.keeping.settings.interval;
        Ok(Some(Worker {
            cutter: Some(Cutter::new(Arc::new(cuts), &lane, interval, first)),
            deadline: self.shared.deadline.map(Deadline::new),
            next: manifest
                .head()
                .sources
                .iter()
                .map(|mark| Some(mark.offset))
                .collect(),
            lane,
        }))
    }

    /// Whether a topic had another number of partitions when the snapshot was made.
    fn are_other_partitions(&self, manifest: &Manifest) -> bool {
        let marks = manifest.head().sources.iter().zip(self.marks());
        let differ = marks.map(|(then, now)| then.partitions.zip(now.partitions));
        differ.flatten().any(|(then, now)| then != now)
    }

    /// Where to read on for a lane that was restored.
    fn positions_after(&self, worker: &Worker) -> Vec<Position> {
        let sources = worker.next.iter().zip(&self.committed);
        let position = |(next, committed): (&Option<i64>, &Option<i64>)| match (next, committed) {
            (Some(from), Some(live)) => Position::Replay {
                from: *from,
                live: *live,
            },
            _ => Position::Committed,
        };
        sources.map(position).collect()
    }

    fn take_seat(&self, worker: Worker) {
        self.slot.show(&worker.lane);
        if let Some(cutter) = &worker.cutter {
            cutter.cuts().resume();
        }
        self.slot.take_seat(&mut self.slot.seat.lock(), worker);
    }

    /// Reads the log again from as far back as is needed and allowed; `None` when there is nothing to read.
    fn replay(&self) -> Option<Vec<Position>> {
        let most_ms = self.keeping.settings.replay_max.as_millis();
        let look_back = LookBack {
            needed_ms: self.keeping.needed_ms,
            most_ms: i64::try_from(most_ms).unwrap_or(i64::MAX),
        };
        if look_back.most_ms == 0 || !self.is_wanted() {
            return None;
        }
        let source = self.source();
        match self.replay_from(look_back) {
            Ok(positions) => {
                let is_any = positions
                    .iter()
                    .any(|position| *position != Position::Committed);
                if is_any {
                    tracing::info!(
                        topic = &*source.topic,
                        partition = source.partition,
                        ?positions,
                        "no snapshot can be used: the log is read again, without outputs"
                    );
                }
                is_any.then_some(positions)
            }
            Err(error) => {
                tracing::warn!(
                    topic = &*source.topic,
                    partition = source.partition,
                    %error,
                    "no snapshot can be used, and brokers do not say where the log is to be read again from: \
                     the lane begins without state"
                );
                None
            }
        }
    }

    fn replay_from(&self, look_back: LookBack) -> Result<Vec<Position>, ConsumerError> {
        let sources: Vec<(&TopicPartition, &Option<i64>)> =
            self.slot.inlet.sources().zip(&self.committed).collect();
        let now_ms = clock::unix_ms();
        let mut newest_ms = None;
        for (source, committed) in &sources {
            if let Some(committed) = committed {
                let log = AskedLog {
                    past: &self.shared.past,
                    source,
                };
                newest_ms = newest_ms.max(newest_before(&log, *committed, now_ms)?);
            }
        }
        let Some(newest_ms) = newest_ms else {
            return Ok(vec![Position::Committed; sources.len()]);
        };
        let from_ms = look_back.begin_ms(newest_ms);
        let mut positions = Vec::new();
        let mut begun = Vec::new();
        for (source, committed) in sources {
            let first = self.shared.past.first_at(source, from_ms, ASK_WAIT)?;
            let replayed = first.zip(*committed).filter(|(first, live)| first < live);
            begun.push(replayed.map(|(first, _)| first).or(*committed));
            positions.push(match replayed {
                Some((from, live)) => Position::Replay { from, live },
                None => Position::Committed,
            });
        }
        self.slot.seat.lock().begun = begun;
        Ok(positions)
    }

    /// Waits until `is_so`, at most so long, and while the lane is wanted; whether it is so.
    fn wait_until(&self, most: Duration, is_so: impl Fn() -> bool) -> bool {
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

/// A source as brokers answer for it.
struct AskedLog<'a> {
    past: &'a Past,
    source: &'a TopicPartition,
}

impl Log for AskedLog<'_> {
    type Error = ConsumerError;

    fn first_at(&self, time_ms: i64) -> Result<Option<i64>, ConsumerError> {
        self.past.first_at(self.source, time_ms, ASK_WAIT)
    }
}
