//! What metrics and readiness read. Nothing here asks the broker or waits for the poll thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tillwatch_kafka::now;
use tillwatch_records::TopicPartition;

use crate::counters::{Counters, ErrorCause, UNKNOWN};
use crate::inlet::{Inlet, Occupancy};

/// Stands for a poll thread that has not turned yet.
const NEVER: u64 = u64::MAX;

/// A running consumer, seen from outside. Obtain it before [`crate::Consumer::run`].
#[derive(Debug)]
pub struct Monitor {
    pub(crate) broker_up: AtomicBool,
    /// Set by an assignment, even one of no partition, until it is lost or taken back.
    pub(crate) joined: AtomicBool,
    /// A subscribed topic is not there.
    pub(crate) topic_missing: AtomicBool,
    errors: [AtomicU64; ErrorCause::ALL.len()],
    pub(crate) commits: AtomicU64,
    pub(crate) commits_failed: AtomicU64,
    pub(crate) rebalances: AtomicU64,
    made: Instant,
    /// When the poll thread turned last, in milliseconds after `made`; [`NEVER`] before its first turn.
    turned_ms: AtomicU64,
    pub(crate) inlets: RwLock<Vec<Arc<Inlet>>>,
    /// Of partitions that are gone.
    records_past: AtomicU64,
    bytes_past: AtomicU64,
    pauses_past: AtomicU64,
    lost_past: AtomicU64,
    reordered_past: AtomicU64,
}

/// Counts since the start, and the partitions that are ours now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerStats {
    /// A broker answers.
    pub broker_up: bool,
    /// The group has given us our share of the partitions (perhaps none).
    pub joined: bool,
    /// Errors that the client reported, by cause.
    pub errors: [(ErrorCause, u64); ErrorCause::ALL.len()],
    /// Records received, of all partitions ever assigned.
    pub records: u64,
    /// Bytes of payloads, keys and headers received.
    pub bytes: u64,
    /// How often reading from a partition paused because its lane or the sink was behind.
    pub pauses: u64,
    /// Records that were deleted before they were read, of all partitions ever assigned. Offsets are
    /// counted: those of control records and of records that compaction had removed are among them.
    pub lost_records: u64,
    /// Records handed out behind one of another topic that they belong before, of all partitions ever
    /// assigned.
    pub reordered_records: u64,
    /// Commits that the broker confirmed.
    pub commits: u64,
    /// Commits that failed; they are tried again.
    pub commits_failed: u64,
    /// Assignments and revocations.
    pub rebalances: u64,
    /// One entry per assigned partition.
    pub partitions: Vec<PartitionStats>,
}

/// One assigned partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStats {
    /// Which one.
    pub source: TopicPartition,
    /// Records received since the assignment.
    pub records: u64,
    /// Bytes received since the assignment.
    pub bytes: u64,
    /// Records that wait for the lane.
    pub pending_records: usize,
    /// Bytes that wait for the lane.
    pub pending_bytes: usize,
    /// Bytes allocated for what waits, and for what is kept to be filled again.
    pub held_bytes: usize,
    /// Records that the lane took and that are not settled.
    pub unsettled_records: usize,
    /// Records that were deleted before they were read, since the assignment.
    pub lost_records: u64,
    /// Records handed out behind one of another topic that they belong before, since the assignment.
    pub reordered_records: u64,
    /// Reading pauses.
    pub paused: bool,
    /// One past the last record received. What holds no record for us (a transaction's marker, an aborted
    /// transaction) is passed over at the partition's end.
    pub position: Option<i64>,
    /// One past the last offset before which everything is settled: where a replay ends, which was settled
    /// before; the first offset received where nothing is yet.
    pub settled_to: Option<i64>,
    /// Kafka timestamp of the first record received that is not settled, milliseconds since 1970. Records
    /// that are replayed were settled before.
    pub oldest_ms: Option<i64>,
    /// What the broker confirmed as committed since the assignment.
    pub committed: Option<i64>,
    /// How long ago the broker last confirmed a commit.
    pub since_commit: Option<Duration>,
    /// How long the committed offset has not moved though something waits to be committed.
    pub commit_stalled: Option<Duration>,
    /// One past the last record that the broker holds, as of the last fetch; open transactions included.
    pub high_watermark: Option<i64>,
    /// Where the broker had nothing more that can be read.
    pub end: Option<i64>,
}

impl PartitionStats {
    /// Offsets from what was received to the end of what can be read.
    pub fn unread(&self) -> Option<i64> {
        Some(self.readable_to()? - self.position?)
    }

    /// Offsets from the end of what is settled to the end of what can be read: 0 when everything that can be
    /// read is done.
    pub fn lag(&self) -> Option<i64> {
        let end = self.readable_to()?;
        // Before the first record nothing is owed of what was passed over.
        let received = self.position?;
        let is_idle = self.pending_records == 0 && self.unsettled_records == 0;
        let done = match self.settled_to {
            // More than was received of a replay.
            Some(settled) if is_idle => received.max(settled),
            None if is_idle => received,
            settled => settled?,
        };
        Some((end - done).max(0))
    }

    /// One past the last record that can be read. While reading goes on, what the broker holds beyond an end
    /// that it told is an open transaction or a marker; while it pauses, nobody knows.
    fn readable_to(&self) -> Option<i64> {
        let position = self.position?;
        if self.end == Some(position) && !self.paused {
            return Some(position);
        }
        Some(self.high_watermark?.max(position))
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            broker_up: AtomicBool::default(),
            joined: AtomicBool::default(),
            topic_missing: AtomicBool::default(),
            errors: Default::default(),
            commits: AtomicU64::default(),
            commits_failed: AtomicU64::default(),
            rebalances: AtomicU64::default(),
            made: now(),
            turned_ms: AtomicU64::new(NEVER),
            inlets: RwLock::default(),
            records_past: AtomicU64::default(),
            bytes_past: AtomicU64::default(),
            pauses_past: AtomicU64::default(),
            lost_past: AtomicU64::default(),
            reordered_past: AtomicU64::default(),
        }
    }
}

impl Monitor {
    /// Whether records can flow: a broker answers and the group has us.
    pub fn is_ready(&self) -> bool {
        self.is_broker_up() && self.is_joined()
    }

    /// Whether a broker answers.
    pub fn is_broker_up(&self) -> bool {
        self.broker_up.load(Ordering::Relaxed)
    }

    /// Whether the group has given us our share of the partitions, perhaps none.
    pub fn is_joined(&self) -> bool {
        self.joined.load(Ordering::Relaxed)
    }

    /// Whether a subscribed topic is not there.
    pub fn is_topic_missing(&self) -> bool {
        self.topic_missing.load(Ordering::Relaxed)
    }

    /// Partitions that are ours.
    pub fn assigned(&self) -> usize {
        self.inlets.read().len()
    }

    /// How long the poll thread has not turned, which it does about once a second whatever brokers do; zero
    /// before its first turn. Minutes mean that it is stuck.
    pub fn silence(&self) -> Duration {
        let turned_ms = self.turned_ms.load(Ordering::Relaxed);
        if turned_ms == NEVER {
            return Duration::ZERO;
        }
        let turned = self.made + Duration::from_millis(turned_ms);
        now().saturating_duration_since(turned)
    }

    /// All counts now.
    pub fn stats(&self) -> ConsumerStats {
        let inlets = self.inlets.read();
        let at = now();
        let partitions: Vec<PartitionStats> = inlets
            .iter()
            .flat_map(|inlet| partition_stats(inlet, at))
            .collect();
        let sources = inlets.iter().flat_map(|inlet| inlet.counted());
        let pauses = sources.map(|source| load(&source.counters.pauses));
        let sum = |of: fn(&PartitionStats) -> u64| partitions.iter().map(of).sum::<u64>();
        ConsumerStats {
            broker_up: self.is_broker_up(),
            joined: self.is_joined(),
            errors: ErrorCause::ALL.map(|cause| (cause, load(&self.errors[cause as usize]))),
            records: load(&self.records_past) + sum(|partition| partition.records),
            bytes: load(&self.bytes_past) + sum(|partition| partition.bytes),
            pauses: load(&self.pauses_past) + pauses.sum::<u64>(),
            lost_records: load(&self.lost_past) + sum(|partition| partition.lost_records),
            reordered_records: load(&self.reordered_past)
                + sum(|partition| partition.reordered_records),
            commits: load(&self.commits),
            commits_failed: load(&self.commits_failed),
            rebalances: load(&self.rebalances),
            partitions,
        }
    }

    /// The poll thread turns.
    pub(crate) fn note_turn(&self) {
        let elapsed = now().saturating_duration_since(self.made).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(NEVER - 1);
        self.turned_ms.store(elapsed, Ordering::Relaxed);
    }

    /// The client reported an error.
    pub(crate) fn count_error(&self, cause: ErrorCause) {
        self.errors[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, inlet: Arc<Inlet>) {
        self.inlets.write().push(inlet);
    }

    pub(crate) fn remove(&self, gone: &Arc<Inlet>) {
        let mut inlets = self.inlets.write();
        let before = inlets.len();
        inlets.retain(|inlet| !Arc::ptr_eq(inlet, gone));
        if inlets.len() < before {
            for source in gone.counted() {
                self.keep(&source.counters);
            }
        }
    }

    /// Counts of a partition that is gone.
    fn keep(&self, counters: &Counters) {
        for (past, count) in [
            (&self.records_past, &counters.records),
            (&self.bytes_past, &counters.bytes),
            (&self.pauses_past, &counters.pauses),
            (&self.lost_past, &counters.lost),
            (&self.reordered_past, &counters.reordered),
        ] {
            past.fetch_add(load(count), Ordering::Relaxed);
        }
    }
}

/// One for each source of the lane.
fn partition_stats(inlet: &Inlet, at: Instant) -> impl Iterator<Item = PartitionStats> {
    let sources = inlet.counted().iter().enumerate();
    sources.map(move |(index, source)| {
        let occupancy = inlet.occupancy(index);
        source_stats(&source.partition, &source.counters, &occupancy, at)
    })
}

fn source_stats(
    partition: &TopicPartition,
    counters: &Counters,
    occupancy: &Occupancy,
    at: Instant,
) -> PartitionStats {
    let since = |then: Option<Instant>| then.map(|then| at.saturating_duration_since(then));
    PartitionStats {
        source: partition.clone(),
        records: load(&counters.records),
        bytes: load(&counters.bytes),
        pending_records: occupancy.pending_records,
        pending_bytes: occupancy.pending_bytes,
        held_bytes: occupancy.held_bytes,
        unsettled_records: occupancy.unsettled_records,
        lost_records: load(&counters.lost),
        reordered_records: load(&counters.reordered),
        paused: occupancy.paused,
        position: known(&counters.position),
        settled_to: occupancy.settled_to,
        oldest_ms: occupancy.oldest_ms,
        committed: occupancy.committed,
        since_commit: since(occupancy.committed_at),
        commit_stalled: since(occupancy.stalled_since),
        high_watermark: known(&counters.high_watermark),
        end: occupancy.end,
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn known(offset: &AtomicI64) -> Option<i64> {
    let offset = offset.load(Ordering::Relaxed);
    (offset != UNKNOWN).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(position: i64, high: i64, end: Option<i64>, paused: bool) -> PartitionStats {
        PartitionStats {
            source: TopicPartition::new("t", 0),
            records: 0,
            bytes: 0,
            pending_records: 0,
            pending_bytes: 0,
            held_bytes: 0,
            unsettled_records: 0,
            lost_records: 0,
            reordered_records: 0,
            paused,
            position: Some(position),
            settled_to: None,
            oldest_ms: None,
            committed: None,
            since_commit: None,
            commit_stalled: None,
            high_watermark: Some(high),
            end,
        }
    }

    #[test]
    fn the_lag_ends_where_nothing_more_can_be_read() {
        let unread = |stats: &PartitionStats| (stats.unread(), stats.lag());
        assert_eq!(
            unread(&partition(10, 30, None, false)),
            (Some(20), Some(20))
        );
        // An open transaction of 20 records lies behind the end.
        let open = partition(10, 30, Some(10), false);
        assert_eq!(unread(&open), (Some(0), Some(0)));
        // While reading pauses nobody knows whether they can be read by now.
        let paused = partition(10, 30, Some(10), true);
        assert_eq!(unread(&paused), (Some(20), Some(20)));
        // Ten records were received after the end, and four of them are settled.
        let mut busy = partition(20, 20, Some(10), false);
        (busy.unsettled_records, busy.settled_to) = (6, Some(14));
        assert_eq!(unread(&busy), (Some(0), Some(6)));
        // What is replayed was settled before, whether it waits or not.
        let mut replayed = partition(20, 60, None, false);
        replayed.settled_to = Some(55);
        for waiting in [0, 6] {
            replayed.pending_records = waiting;
            assert_eq!(unread(&replayed), (Some(40), Some(5)));
        }
        let unknown = PartitionStats {
            position: None,
            ..busy
        };
        assert_eq!(unread(&unknown), (None, None));
    }

    #[test]
    fn a_thread_that_has_not_begun_is_not_stuck() {
        let monitor = Monitor::default();
        assert_eq!(monitor.silence(), Duration::ZERO);
        monitor.note_turn();
        assert!(monitor.silence() < Duration::from_secs(60));
    }
}
