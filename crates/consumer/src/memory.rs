//! A consumer without Kafka, threads and a clock: partitions in memory that drive a
//! [`LaneHost`] through the same inlets, ledgers and order of calls as Kafka's do. For tests and
//! simulations.
//!
//! Nothing happens by itself: every step is a call, so that a test decides what comes before what. Which
//! batch settles when is the host's own affair: it holds the tickets.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_kafka::{BURST_RECORDS_MAX, Begin, Notices, Reach, TopicIdentity, Waker};
use tillwatch_records::TopicPartition;

use crate::commits::Commits;
use crate::committer::Committer;
use crate::departure::{Departure, Progress, Turn, lose};
use crate::error::ConsumerError;
use crate::host::LaneHost;
use crate::inlet::{Inlet, Pushed};
use crate::limits::Limits;
use crate::moment::Moment;
use crate::monitor::Monitor;
use crate::notice::Bounds;
use crate::pump::{Fault, Feed, Located, Pump, Reaches, low_of};
use crate::roster::Roster;
use crate::settings::ConsumerSettings;

mod broker;
mod log;
mod record;
mod storage;

pub use broker::MemoryBroker;
use log::{Log, Logs};
pub use record::MemoryRecord;
pub use storage::Answering;
use storage::{MemoryCommits, Storage};

/// Partitions in memory, and the host that reads them.
pub struct MemorySource {
    host: Arc<dyn LaneHost>,
    limits: Limits,
    waker: Arc<Waker>,
    monitor: Arc<Monitor>,
    logs: Arc<Mutex<Logs>>,
    pump: Pump<MemoryFeed>,
    storage: Arc<Mutex<Storage>>,
    commits: Commits,
    /// Lanes that leave, as they were told to together.
    departures: Vec<Departure>,
    drain_timeout: Duration,
    roster: Roster,
    /// The time, as the caller lets it pass.
    at: Moment,
}

/// One partition's log, being read.
struct MemoryFeed {
    source: TopicPartition,
    logs: Arc<Mutex<Logs>>,
    /// Offset of the next record to read, once reading has begun.
    next: Option<i64>,
}

impl MemorySource {
    /// A source without partitions that hands records to `host`, within the limits of `settings`; what they
    /// say of Kafka is not used.
    pub fn new(settings: &ConsumerSettings, host: Arc<dyn LaneHost>) -> Self {
        let broker = MemoryBroker::default();
        let committer = Box::new(MemoryCommits::new(Arc::clone(&broker.storage)));
        Self::on(&broker, committer, settings, host)
    }

    /// As [`MemorySource::new`], over logs and committed offsets that it shares with others. `committer`
    /// stores what settles, in place of what [`MemorySource::answer_commits`] says.
    pub fn on(
        broker: &MemoryBroker,
        committer: Box<dyn Committer>,
        settings: &ConsumerSettings,
        host: Arc<dyn LaneHost>,
    ) -> Self {
        let MemoryBroker { logs, storage } = broker.clone();
        let monitor = Arc::<Monitor>::default();
        let mut pump = Pump::new(settings.start);
        pump.awaits_topics = false;
        Self {
            host,
            limits: Limits::of(settings),
            waker: Arc::default(),
            commits: Commits::new(committer, Arc::clone(&monitor), Arc::<Notices>::default()),
            monitor,
            logs,
            pump,
            storage,
            departures: Vec::new(),
            drain_timeout: settings.drain_timeout(),
            roster: Roster::default(),
            at: Moment {
                elapsed: Duration::ZERO,
                // No record lies in the future.
                unix_ms: i64::MAX,
            },
        }
    }

    /// Appends a record to the log of `source`; whoever reads the partition gets it in a later
    /// [`MemorySource::turn`].
    pub fn append(&mut self, source: &TopicPartition, record: MemoryRecord) {
        self.change(source, |log| log.append(record));
    }

    /// Drops the records of `source` below `offset`, as retention does.
    pub fn forget_before(&mut self, source: &TopicPartition, offset: i64) {
        self.change(source, |log| log.forget_before(offset));
    }

    /// Begins the log of `source` anew at offset 0, as a topic that was deleted and made again.
    pub fn make_anew(&mut self, source: &TopicPartition) {
        self.change(source, |log| *log = Log::default());
    }

    /// Lanes are not read before it is known what their topics are. Without it, a topic that was not
    /// described is one without an id.
    pub fn await_topics(&mut self) {
        self.pump.awaits_topics = true;
    }

    /// What a broker tells of `topic` from here on, lanes that come later included: other partitions than
    /// before move keys, another id is that of a topic that was deleted and made anew.
    pub fn describe(&mut self, topic: &str, identity: TopicIdentity) {
        let inlets = self.inlets();
        self.roster.note(topic, identity, self.at.unix_ms, &inlets);
    }

    /// Whether the records of `source` that were not read come, or wait as those of a partition whose broker
    /// is away.
    pub fn hold_back(&mut self, source: &TopicPartition, is_held: bool) {
        self.change(source, |log| log.is_held = is_held);
    }

    /// Lets time pass, for records that wait for another source.
    pub fn pass(&mut self, time: Duration) {
        self.at.elapsed += time;
    }

    /// Sets the machine's clock, in milliseconds since 1970: records that are stamped far ahead of it lie in
    /// the future. Without it none does.
    pub fn set_clock(&mut self, unix_ms: i64) {
        self.at.unix_ms = unix_ms;
    }

    /// Assigns `source` to the host.
    pub fn assign(&mut self, source: &TopicPartition) {
        self.assign_merged(std::slice::from_ref(source));
    }

    /// Assigns `sources`, which are partitions of one number, to the host as one lane.
    pub fn assign_merged(&mut self, sources: &[TopicPartition]) {
        let waker = Arc::clone(&self.waker);
        let inlet = Arc::new(Inlet::new(sources.to_vec(), self.limits, waker));
        let feed = |source: &TopicPartition| MemoryFeed {
            source: source.clone(),
            logs: Arc::clone(&self.logs),
            next: None,
        };
        self.monitor.add(Arc::clone(&inlet));
        self.pump.add(&inlet, sources.iter().map(feed).collect());
        self.roster.introduce(&inlet);
        self.roster.welcome(&inlet);
        let position = self.host.assigned(&inlet);
        inlet.begin(position);
    }

    /// One turn of the poll loop: begins to read what was told where, tells what the group has committed to
    /// those who wait, moves one burst of each partition into its inlet, lets lanes that leave go on. Whether
    /// more may wait.
    ///
    /// # Errors
    /// What would end a consumer's run.
    pub fn turn(&mut self) -> Result<bool, ConsumerError> {
        self.begin_told();
        self.locate();
        // What begins where the group stands, if that had to be asked for.
        self.begin_told();
        let marks = Marks(Arc::clone(&self.logs));
        self.pump.note_reaches(&marks, self.at.unix_ms);
        let faults = &mut Vec::new();
        let turned = self.pump.run(self.at, &*self.host, &marks, faults);
        self.pump.note_reaches(&marks, self.at.unix_ms);
        for (inlet, source) in self.pump.standing(usize::MAX) {
            let partition = &inlet.counted()[source].partition;
            let end = self.logs.lock().entry(partition).end();
            inlet.note_readable(source, end, self.at.elapsed);
        }
        let inlets = self.inlets();
        self.commits.note_answers(|| inlets);
        self.leave_on();
        self.pump.failure().map_or(Ok(turned.more), Err)
    }

    /// Asks for a commit of what has settled, as the consumer does at every interval. Its answer is taken
    /// note of in the next turn.
    pub fn commit(&mut self) {
        let inlets = self.inlets();
        self.commits.request_news(&inlets);
    }

    /// Revokes `sources`: their lanes begin to leave, and go on in each [`MemorySource::turn`].
    pub fn begin_to_revoke(&mut self, sources: &[TopicPartition]) {
        let inlets = self.inlets_of(sources);
        let deadline = self.at.elapsed + self.drain_timeout;
        let departure = Departure::begin(inlets, deadline, &*self.host);
        self.departures.push(departure);
        self.leave_on();
    }

    /// Revokes `sources` and lets them leave, without other partitions being read: in `drain` the caller lets
    /// settle what is to settle, and whatever is still waited for then takes as long as it may.
    pub fn revoke(&mut self, sources: &[TopicPartition], drain: impl FnOnce()) {
        let inlets = self.inlets_of(sources);
        let deadline = self.at.elapsed + self.drain_timeout;
        let departure = Departure::begin(inlets, deadline, &*self.host);
        self.departures.push(departure);
        drain();
        while let Some(next) = self.leave_on() {
            self.at.elapsed = self.at.elapsed.max(next);
        }
    }

    /// Takes `sources` away as a session that has timed out does: no last call, no commit.
    pub fn lose(&mut self, sources: &[TopicPartition]) {
        let inlets = self.inlets_of(sources);
        let is_lost = |departure: &Departure| {
            let mut leaving = departure.inlets();
            leaving.any(|one| inlets.iter().any(|lost| Arc::ptr_eq(one, lost)))
        };
        let Self {
            host,
            commits,
            pump,
            monitor,
            departures,
            ..
        } = self;
        let mut forget = |inlet: &Arc<Inlet>| {
            pump.remove(inlet);
            monitor.remove(inlet);
        };
        let mut left = inlets.clone();
        for departure in departures.extract_if(.., |departure| is_lost(departure)) {
            commits.abandon(&inlets);
            left.retain(|inlet| !departure.inlets().any(|one| Arc::ptr_eq(one, inlet)));
            departure.end(&**host, true, &mut forget);
        }
        lose(&left, &**host, Some(commits), forget);
    }

    /// What becomes of commits from here on.
    pub fn answer_commits(&mut self, answering: Answering) {
        self.storage.lock().answering = answering;
    }

    /// What is stored for `source`.
    pub fn committed(&self, source: &TopicPartition) -> Option<i64> {
        self.storage.lock().stored.get(source).copied()
    }

    /// Stores an offset of `source`, as whoever read it before has done.
    pub fn store(&mut self, source: &TopicPartition, offset: i64) {
        self.storage.lock().stored.insert(source.clone(), offset);
    }

    /// Every offset that was ever stored, in order.
    pub fn commits(&self) -> Vec<(TopicPartition, i64)> {
        self.storage.lock().commits.clone()
    }

    /// For counts, as a consumer has one.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    fn change(&self, source: &TopicPartition, change: impl FnOnce(&mut Log)) {
        change(self.logs.lock().entry(source));
    }

    /// Begins to read what was told where.
    fn begin_told(&mut self) {
        for (source, begin) in self.pump.take_told() {
            let next = match begin {
                Begin::At(offset) => offset,
                Begin::Committed => {
                    let start = || self.logs.lock().entry(&source).start();
                    self.committed(&source).unwrap_or_else(start)
                }
            };
            if let Some(feed) = self.pump.feed_of(&source) {
                feed.next = Some(next);
            }
        }
    }

    /// Takes note of what the group has committed.
    fn locate(&mut self) {
        for source in self.pump.unlocated() {
            let end = || Some(self.logs.lock().entry(&source).end());
            let committed = self.committed(&source);
            let (offset, _) = self.pump.choose(&source, committed, end);
            match self.pump.locate(&source) {
                Some(Located::Waiting(inlet)) => self.host.located(&inlet, &source, offset),
                Some(Located::Begun(inlet, index)) => {
                    let marks = Marks(Arc::clone(&self.logs));
                    let low = || low_of(&inlet, index, &marks);
                    let unix_ms = self.at.unix_ms;
                    let bounds = Bounds { low: &low, unix_ms };
                    inlet.note_committed(index, offset, &bounds);
                }
                None => {}
            }
        }
    }

    /// Lets lanes that leave go on. When they go on by themselves; `None` when none leaves.
    fn leave_on(&mut self) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for mut departure in std::mem::take(&mut self.departures) {
            let all = self.inlets();
            let mut turn = Turn {
                now: self.at.elapsed,
                host: &*self.host,
                waker: &self.waker,
                commits: &mut self.commits,
                all: &all,
            };
            match departure.go_on(&mut turn) {
                Progress::Waits(at) => {
                    next = next.into_iter().chain([at]).min();
                    self.departures.push(departure);
                }
                Progress::IsOver => {
                    let inlets: Vec<Arc<Inlet>> = departure.inlets().cloned().collect();
                    self.commits.abandon(&inlets);
                    let (pump, monitor) = (&mut self.pump, &self.monitor);
                    departure.end(&*self.host, false, |inlet| {
                        pump.remove(inlet);
                        monitor.remove(inlet);
                    });
                }
            }
        }
        next
    }

    fn inlets(&self) -> Vec<Arc<Inlet>> {
        self.pump.inlets().cloned().collect()
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
        let mut logs = self.logs.lock();
        let log = logs.entry(&self.source);
        !log.is_held && log.end() != next
    }

    fn pour(
        &mut self,
        inlet: &Inlet,
        source: usize,
        buffer: &mut Self::Buffer,
        bounds: &Bounds<'_>,
        _: &mut Vec<Fault>,
    ) -> Pushed {
        let Some(next) = self.next else {
            return Pushed::default();
        };
        let mut logs = self.logs.lock();
        let log = logs.entry(&self.source);
        // An offset that the log does not have: reading begins at its start.
        let next = if next > log.end() { log.start() } else { next };
        buffer.clear();
        log.read(next, BURST_RECORDS_MAX, buffer);
        let last = buffer.last().map(|last| last.offset + 1);
        let next = last.unwrap_or_else(|| log.end());
        self.next = Some(next);
        drop(logs);
        inlet.push(source, buffer.iter().map(|record| &**record), bounds)
    }
}

/// Where the logs begin and end.
struct Marks(Arc<Mutex<Logs>>);

impl Reaches for Marks {
    fn of(&self, source: &TopicPartition) -> Option<Reach> {
        self.0.lock().of(source)
    }
}

#[cfg(test)]
mod departure_tests;
#[cfg(test)]
mod loss_tests;
#[cfg(test)]
mod merged_tests;
#[cfg(test)]
mod notice_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod replay_tests;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
