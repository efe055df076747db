//! What metrics and readiness read. Nothing here asks the broker or waits for the poll thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use parking_lot::RwLock;
use tillwatch_records::TopicPartition;

use crate::counters::{Counters, UNKNOWN};
use crate::inlet::{Inlet, Occupancy};

/// A running consumer, seen from outside. Obtain it before [`crate::Consumer::run`].
#[derive(Debug, Default)]
pub struct Monitor {
    pub(crate) broker_up: AtomicBool,
    pub(crate) joined: AtomicBool,
    pub(crate) commits: AtomicU64,
    pub(crate) commits_failed: AtomicU64,
    pub(crate) rebalances: AtomicU64,
    pub(crate) turns: AtomicU64,
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
    /// We are a member of the group (perhaps without a partition).
    pub joined: bool,
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
    /// Records that the lane took and that are not settled.
    pub unsettled_records: usize,
    /// Records that were deleted before they were read, since the assignment.
    pub lost_records: u64,
    /// Records handed out behind one of another topic that they belong before, since the assignment.
    pub reordered_records: u64,
    /// Reading pauses.
    pub paused: bool,
    /// One past the last record received, or where the partition ends when nothing more is to be
    /// received.
    pub position: Option<i64>,
    /// What the broker confirmed as committed since the assignment.
    pub committed: Option<i64>,
    /// One past the last record that the broker holds, as of the last fetch.
    pub high_watermark: Option<i64>,
}

impl PartitionStats {
    /// Records that the broker holds and we have not received.
    pub fn lag(&self) -> Option<i64> {
        Some((self.high_watermark? - self.position?).max(0))
    }
}

impl Monitor {
    /// Whether records can flow: a broker answers and the group has us.
    pub fn is_ready(&self) -> bool {
        self.broker_up.load(Ordering::Relaxed) && self.joined.load(Ordering::Relaxed)
    }

    /// How often the poll thread has looked after its members' business, about once a second: a
    /// number that stands still means that it is stuck.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// All counts now.
    pub fn stats(&self) -> ConsumerStats {
        let partitions: Vec<PartitionStats> = self
            .inlets
            .read()
            .iter()
            .flat_map(|inlet| partition_stats(inlet))
            .collect();
        let inlets = self.inlets.read();
        let sources = inlets.iter().flat_map(|inlet| inlet.counted());
        let pauses = sources.map(|source| load(&source.counters.pauses));
        let sum = |of: fn(&PartitionStats) -> u64| partitions.iter().map(of).sum::<u64>();
        ConsumerStats {
            broker_up: self.broker_up.load(Ordering::Relaxed),
            joined: self.joined.load(Ordering::Relaxed),
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
fn partition_stats(inlet: &Inlet) -> impl Iterator<Item = PartitionStats> {
    let sources = inlet.counted().iter().enumerate();
    sources.map(|(index, source)| {
        let occupancy = inlet.occupancy(index);
        source_stats(&source.partition, &source.counters, &occupancy)
    })
}

fn source_stats(
    partition: &TopicPartition,
    counters: &Counters,
    occupancy: &Occupancy,
) -> PartitionStats {
    PartitionStats {
        source: partition.clone(),
        records: load(&counters.records),
        bytes: load(&counters.bytes),
        pending_records: occupancy.pending_records,
        pending_bytes: occupancy.pending_bytes,
        unsettled_records: occupancy.unsettled_records,
        lost_records: load(&counters.lost),
        reordered_records: load(&counters.reordered),
        paused: occupancy.paused,
        position: known(&counters.position),
        committed: occupancy.committed,
        high_watermark: known(&counters.high_watermark),
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn known(offset: &AtomicI64) -> Option<i64> {
    let offset = offset.load(Ordering::Relaxed);
    (offset != UNKNOWN).then_some(offset)
}
