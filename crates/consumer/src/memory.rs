//! A consumer without Kafka, threads and a clock: partitions in memory that drive a
//! [`LaneHost`] through the same inlets, ledgers and order of calls as Kafka's do. For tests and
//! simulations.
//!
//! Nothing happens by itself: every step is a call, so that a test decides what comes before what. Which
//! batch settles when is the host's own affair: it holds the tickets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_kafka::{BURST_RECORDS_MAX, Begin, Notices, Waker};
use tillwatch_records::{RawBatch, TopicPartition};

use crate::commits::Commits;
use crate::departure;
use crate::error::ConsumerError;
use crate::host::LaneHost;
use crate::incoming::Incoming;
use crate::inlet::Inlet;
use crate::limits::Limits;
use crate::monitor::Monitor;
use crate::pump::{Fault, Feed, Pump};
use crate::settings::ConsumerSettings;

mod storage;

pub use storage::Answering;
use storage::{MemoryCommits, Storage};

/// A record in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryRecord {
    /// Its offset; above that of the record before it in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, if it has a time.
    pub timestamp_ms: Option<i64>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; `None` for a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Partitions in memory, and the host that reads them.
pub struct MemorySource {
    host: Arc<dyn LaneHost>,
    limits: Limits,
    waker: Arc<Waker>,
    monitor: Arc<Monitor>,
    log: Arc<Mutex<Log>>,
    pump: Pump<MemoryFeed>,
    storage: Arc<Mutex<Storage>>,
    commits: Commits,
}

/// Every partition's records in offset order.
type Log = BTreeMap<TopicPartition, Vec<Arc<MemoryRecord>>>;

/// One partition of the log, being read.
struct MemoryFeed {
    source: TopicPartition,
    log: Arc<Mutex<Log>>,
    /// Offset of the next record to read, once reading has begun.
    next: Option<i64>,
}

impl MemorySource {
    /// A source without partitions that hands records to `host`, within the limits of `settings`; what they
    /// say of Kafka is not used.
    pub fn new(settings: &ConsumerSettings, host: Arc<dyn LaneHost>) -> Self {
        let storage = Arc::<Mutex<Storage>>::default();
        let monitor = Arc::<Monitor>::default();
        let committer = Box::new(MemoryCommits::new(Arc::clone(&storage)));
        Self {
            host,
            limits: Limits::of(settings),
            waker: Arc::default(),
            commits: Commits::new(committer, Arc::clone(&monitor), Arc::<Notices>::default()),
            monitor,
            log: Arc::default(),
            pump: Pump::new(),
            storage,
        }
    }

    /// Appends a record to the log of `source`; whoever reads the partition gets it in a later
    /// [`MemorySource::turn`].
    pub fn append(&mut self, source: &TopicPartition, record: MemoryRecord) {
        let mut log = self.log.lock();
        let records = log.entry(source.clone()).or_default();
        records.push(Arc::new(record));
    }

    /// Drops the records of `source` below `offset`, as retention does.
    pub fn forget_before(&mut self, source: &TopicPartition, offset: i64) {
        if let Some(records) = self.log.lock().get_mut(source) {
            records.retain(|record| record.offset >= offset);
        }
    }

    /// Assigns `source` to the host.
    pub fn assign(&mut self, source: &TopicPartition) {
        let waker = Arc::clone(&self.waker);
        let inlet = Arc::new(Inlet::new(source.clone(), self.limits, waker));
        let feed = MemoryFeed {
            source: source.clone(),
            log: Arc::clone(&self.log),
            next: None,
        };
        self.monitor.add(Arc::clone(&inlet));
        self.pump.add(Arc::clone(&inlet), feed);
        inlet.begin(self.host.assigned(&inlet));
    }

    /// One turn of the poll loop: begins to read what was told where, tells what the group has committed to
    /// those who wait, moves one burst of each partition into its inlet. Whether more may wait.
    ///
    /// # Errors
    /// What would end a consumer's run.
    pub fn turn(&mut self) -> Result<bool, ConsumerError> {
        for (source, begin) in self.pump.take_told() {
            let next = match begin {
                Begin::At(offset) => offset,
                // The first record when nothing was committed.
                Begin::Committed => self.committed(&source).unwrap_or(i64::MIN),
            };
            if let Some(feed) = self.pump.feed_of(&source) {
                feed.next = Some(next);
            }
        }
        for source in self.pump.unlocated() {
            let offset = self.committed(&source);
            if let Some(inlet) = self.pump.locate(&source) {
                self.host.located(&inlet, offset);
            }
        }
        let more = self.pump.run(&*self.host, &mut Vec::new());
        let inlets: Vec<Arc<Inlet>> = self.pump.inlets().cloned().collect();
        self.commits.note_answers(|| inlets);
        self.pump.failure().map_or(Ok(more), Err)
    }

    /// Asks for a commit of what has settled, as the consumer does at every interval. Its answer is taken
    /// note of in the next turn.
    pub fn commit(&mut self) {
        let inlets: Vec<Arc<Inlet>> = self.pump.inlets().cloned().collect();
        self.commits.request_news(&inlets);
    }

    /// Revokes `sources` in the consumer's order: closed → `drain`, where the caller lets settle what is to
    /// settle → last call → last commit → revoked.
    pub fn revoke(&mut self, sources: &[TopicPartition], drain: impl FnOnce()) {
        let inlets = self.inlets_of(sources);
        let Self {
            host,
            commits,
            pump,
            monitor,
            ..
        } = self;
        let commit = || commits.commit_last(&inlets, || Duration::ZERO);
        departure::release(&inlets, &**host, drain, commit, |inlet| {
            pump.remove(inlet.source());
            monitor.remove(inlet);
        });
    }

    /// Takes `sources` away as a session that has timed out does: no last call, no commit.
    pub fn lose(&mut self, sources: &[TopicPartition]) {
        let inlets = self.inlets_of(sources);
        let Self {
            host,
            commits,
            pump,
            monitor,
            ..
        } = self;
        departure::lose(
            &inlets,
            &**host,
            || commits.abandon(&inlets),
            |inlet| {
                pump.remove(inlet.source());
                monitor.remove(inlet);
            },
        );
    }

    /// What becomes of commits from here on.
    pub fn answer_commits(&mut self, answering: Answering) {
        self.storage.lock().answering = answering;
    }

    /// What is stored for `source`.
    pub fn committed(&self, source: &TopicPartition) -> Option<i64> {
        self.storage.lock().stored.get(source).copied()
    }

    /// Every offset that was ever stored, in order.
    pub fn commits(&self) -> Vec<(TopicPartition, i64)> {
        self.storage.lock().commits.clone()
    }

    /// For counts, as a consumer has one.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    fn inlets_of(&self, sources: &[TopicPartition]) -> Vec<Arc<Inlet>> {
        let inlets = self.pump.inlets();
        let inlets = inlets.filter(|inlet| sources.contains(inlet.source()));
        inlets.cloned().collect()
    }
}

impl Feed for MemoryFeed {
    type Buffer = Vec<Arc<MemoryRecord>>;

    fn may_hold_more(&self) -> bool {
        let Some(next) = self.next else {
            return false;
        };
        let log = self.log.lock();
        let last = log.get(&self.source).and_then(|records| records.last());
        last.is_some_and(|last| last.offset >= next)
    }

    fn pour(&mut self, inlet: &Inlet, buffer: &mut Self::Buffer, _: &mut Vec<Fault>) -> bool {
        let Some(next) = self.next else {
            return false;
        };
        buffer.clear();
        if let Some(records) = self.log.lock().get(&self.source) {
            let first = records.partition_point(|record| record.offset < next);
            buffer.extend(records[first..].iter().take(BURST_RECORDS_MAX).cloned());
        }
        self.next = buffer
            .last()
            .map_or(self.next, |last| Some(last.offset + 1));
        inlet.push(buffer.iter().map(|record| &**record))
    }
}

impl Incoming for &MemoryRecord {
    fn offset(&self) -> i64 {
        self.offset
    }

    fn append_to(&self, batch: &mut RawBatch) {
        let headers = self.headers.iter();
        batch.push(
            self.offset,
            self.timestamp_ms,
            self.key.as_deref(),
            self.payload.as_deref(),
            headers.map(|(name, value)| (name.as_str(), value.as_deref())),
        );
    }
}

#[cfg(test)]
mod tests;
