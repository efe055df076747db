//! What the poll loop and the group's events share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_kafka::{
    Begin, ErrorCode, GroupClient, GroupEvents, KafkaError, Member, Notices, PartitionQueue,
    Trouble, Waker, now,
};
use tillwatch_records::TopicPartition;

use crate::assignment::{Assignment, lacking};
use crate::beginning::begin_at_end;
use crate::commits::Commits;
use crate::counters::ErrorCause;
use crate::departure;
use crate::error::ConsumerError;
use crate::host::LaneHost;
use crate::inlet::Inlet;
use crate::limits::Limits;
use crate::moment::Moment;
use crate::monitor::Monitor;
use crate::position::Position;
use crate::pump::{Located, Pump, Reaches, judge_gaps};
use crate::settings::{ConsumerSettings, Start};

/// A commit gets this long even when draining used up the time: without it everything since the last
/// commit is done again.
const COMMIT_TIME_MIN: Duration = Duration::from_secs(1);

/// A drain shows this often that the thread is not stuck.
const DRAIN_TURN: Duration = Duration::from_secs(1);

/// Partitions whose end is asked for at once: each takes a round trip on the poll thread.
const ENDS_MAX: usize = 8;

/// State of a consumer that has a host.
pub(crate) struct Shared {
    pub(crate) settings: ConsumerSettings,
    pub(crate) waker: Arc<Waker>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) notices: Arc<Notices>,
    pump: Mutex<Pump<PartitionQueue>>,
    host: Mutex<Option<Arc<dyn LaneHost>>>,
    /// Present while the consumer runs.
    pub(crate) commits: Mutex<Option<Commits>>,
    fatal: Mutex<Option<ConsumerError>>,
    /// Since when a subscribed topic is reported missing.
    pub(crate) topic_missing: Mutex<Option<Instant>>,
    /// Lanes that begin where the group has committed, or else at the end: it is not known yet.
    open: Mutex<Vec<Arc<Inlet>>>,
    /// Assigned partitions that are not read, since another topic's partition of the same number is not
    /// ours. At most as many as the topics have.
    held: Mutex<Vec<TopicPartition>>,
    /// When the consumer was made.
    started: Instant,
    /// No partition is taken on any more.
    closing: AtomicBool,
}

impl Shared {
    pub(crate) fn new(settings: ConsumerSettings) -> Self {
        Self {
            settings,
            waker: Arc::default(),
            monitor: Arc::default(),
            notices: Arc::default(),
            pump: Mutex::new(Pump::new()),
            host: Mutex::default(),
            commits: Mutex::default(),
            fatal: Mutex::default(),
            topic_missing: Mutex::default(),
            open: Mutex::default(),
            held: Mutex::default(),
            started: now(),
            closing: AtomicBool::new(false),
        }
    }

    pub(crate) fn attach(&self, host: Arc<dyn LaneHost>) {
        *self.host.lock() = Some(host);
    }

    /// Remembers the first error that must end the run.
    pub(crate) fn fail(&self, error: ConsumerError) {
        self.fatal.lock().get_or_insert(error);
        self.waker.wake();
    }

    pub(crate) fn take_fatal(&self) -> Option<ConsumerError> {
        self.fatal.lock().take()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.fatal.lock().is_some()
    }

    pub(crate) fn inlets(&self) -> Vec<Arc<Inlet>> {
        self.pump.lock().inlets().cloned().collect()
    }

    /// Moves what has arrived into the inlets. When to do it again at the latest: at once when more may
    /// wait, and when records that wait for another topic may go.
    pub(crate) fn pump(&self, reaches: &dyn Reaches) -> Option<Instant> {
        let host = self.host.lock().clone()?;
        let mut faults = Vec::new();
        let mut pump = self.pump.lock();
        let turned = pump.run(Moment::since(self.started), &*host, reaches, &mut faults);
        let failure = pump.failure();
        drop(pump);
        if let Some(error) = failure {
            self.fail(error);
        }
        for fault in faults {
            self.note_trouble(fault.code, &fault.reason);
        }
        if turned.more {
            return Some(now());
        }
        turned.look_at.map(|elapsed| self.started + elapsed)
    }

    /// Takes note of which partitions were read to their end.
    pub(crate) fn note_reaches(&self, reaches: &dyn Reaches) {
        self.pump.lock().note_reaches(reaches);
    }

    /// Asks where some partitions end whose last records do not come, at most `timeout` for each: those of an
    /// open transaction are not to be waited for.
    pub(crate) fn ask_for_ends(&self, client: &GroupClient, timeout: Duration) {
        let standing = self.pump.lock().standing(ENDS_MAX);
        for (inlet, source) in standing {
            let partition = &inlet.counted()[source].partition;
            let Some(end) = client.end(partition, timeout) else {
                return;
            };
            inlet.note_readable(source, end);
        }
    }

    /// Begins to read the partitions that were told where to, since the last time.
    pub(crate) fn begin_told(&self, client: &GroupClient) {
        let mut pump = self.pump.lock();
        let begins = pump.take_told();
        if begins.is_empty() {
            return;
        }
        let mut reading = pump.reading();
        drop(pump);
        reading.retain(|(source, _)| !begins.iter().any(|(begun, _)| begun == source));
        if let Err(error) = client.begin(&begins, &reading) {
            self.fail(error.into());
        }
    }

    /// Finds out what the group has committed of partitions that came, asking at most `timeout`: the host is
    /// told of those that were not begun; of the others it says whether records were lost before they were
    /// read. Whether all of it is known.
    pub(crate) fn locate(&self, client: &GroupClient, timeout: Duration) -> bool {
        let sources = self.pump.lock().unlocated();
        if sources.is_empty() {
            return true;
        }
        let Some(host) = self.host.lock().clone() else {
            return true;
        };
        match client.committed(&sources, timeout) {
            Ok(offsets) => {
                let is_decided = self.begin_open(client, &offsets, timeout);
                for (source, offset) in offsets {
                    if self.is_open(&source) {
                        continue;
                    }
                    let located = self.pump.lock().locate(&source);
                    match (located, offset) {
                        (Some(Located::Waiting(inlet)), _) => {
                            host.located(&inlet, &source, offset);
                        }
                        (Some(Located::Begun(inlet, index)), offset)
                            if inlet.note_committed(index, offset) =>
                        {
                            judge_gaps(&inlet, index, client);
                        }
                        _ => {}
                    }
                }
                is_decided
            }
            Err(code) => {
                self.warn(code, "no answer to what the group has committed");
                false
            }
        }
    }

    /// Gives `inlets` up: see [`departure::release`]. What was taken is waited for until `deadline`; other
    /// lanes go on meanwhile.
    pub(crate) fn release(&self, inlets: &[Arc<Inlet>], deadline: Instant) {
        let Some(host) = self.host.lock().clone() else {
            return;
        };
        let drain = || {
            while !inlets.iter().all(|inlet| inlet.is_settled()) && now() < deadline {
                self.monitor.note_turn();
                let again = self.pump(&()).unwrap_or(deadline);
                let turn = now() + DRAIN_TURN;
                self.waker.wait_until(again.min(deadline).min(turn));
            }
        };
        let commit = || {
            if let Some(commits) = &mut *self.commits.lock() {
                let end = deadline.max(now() + COMMIT_TIME_MIN);
                let left = || end.saturating_duration_since(now());
                commits.commit_last(inlets, &self.inlets(), left);
            }
        };
        departure::release(inlets, &*host, drain, commit, |inlet| self.forget(inlet));
    }

    /// From here on no partition is taken on.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn lose(&self, inlets: &[Arc<Inlet>]) {
        let Some(host) = self.host.lock().clone() else {
            return;
        };
        let abandon = || {
            if let Some(commits) = &mut *self.commits.lock() {
                commits.abandon(inlets);
            }
        };
        departure::lose(inlets, &*host, abandon, |inlet| self.forget(inlet));
    }

    /// Opens a lane of `sources`.
    fn open(&self, member: &Member<'_>, sources: Vec<TopicPartition>) {
        let queue_of = |source| member.queue_of(source, &self.waker);
        let queues: Option<Vec<PartitionQueue>> = sources.iter().map(queue_of).collect();
        let Some(queues) = queues else {
            let what = format!("no queue for partition {}", sources[0].partition);
            self.fail(ConsumerError::Fatal(what));
            return;
        };
        let limits = Limits::of(&self.settings);
        let inlet = Arc::new(Inlet::new(sources, limits, Arc::clone(&self.waker)));
        self.monitor.add(Arc::clone(&inlet));
        self.pump.lock().add(&inlet, queues);
        let host = self.host.lock().clone();
        let Some(host) = host else {
            return;
        };
        let position = host.assigned(&inlet);
        if position == Position::Committed && self.settings.start == Start::Latest {
            self.open.lock().push(inlet);
        } else {
            inlet.begin(position);
        }
    }

    /// Begins the lanes for which it is known now where, asking at most `timeout` for each partition that
    /// the group has not committed. Whether there is none left.
    fn begin_open(
        &self,
        client: &GroupClient,
        offsets: &[(TopicPartition, Option<i64>)],
        timeout: Duration,
    ) -> bool {
        let committed = |source: &TopicPartition| {
            let found = offsets.iter().find(|(found, _)| found == source);
            found.and_then(|(_, offset)| *offset)
        };
        let end = |source: &TopicPartition| client.end(source, timeout);
        let is_asked = |inlet: &Inlet| {
            let mut sources = inlet.sources();
            sources.all(|source| offsets.iter().any(|(asked, _)| asked == source))
        };
        let mut open = self.open.lock();
        open.retain(|inlet| !(is_asked(inlet) && begin_at_end(inlet, committed, end)));
        open.is_empty()
    }

    /// Whether it is not known yet where `source` begins.
    fn is_open(&self, source: &TopicPartition) -> bool {
        let open = self.open.lock();
        open.iter().any(|inlet| inlet.index_of(source).is_some())
    }

    /// Says which partitions are not read though they are ours, and why.
    pub(crate) fn warn_of_held(&self) {
        let held = self.held.lock();
        if !held.is_empty()
            && let Some(held_back) = self.notices.admit("held partitions")
        {
            let lacking = lacking(&self.settings.topics, &held);
            tracing::error!(
                partitions = lacking,
                held_back,
                "partitions are not read, since another topic's partition of the same number is not \
                 ours: give all topics as many partitions, and all members of the group the same topics"
            );
        }
    }

    fn forget(&self, inlet: &Arc<Inlet>) {
        self.open.lock().retain(|open| !Arc::ptr_eq(open, inlet));
        self.pump.lock().remove(inlet);
        self.monitor.remove(inlet);
    }

    /// Sorts trouble into: end the run, wait and see, or say it and go on.
    pub(crate) fn note_trouble(&self, code: ErrorCode, reason: &str) {
        let trouble = Trouble::of(code);
        self.monitor.count_error(ErrorCause::of(trouble));
        // Once the group had us, a refusal of who we are may be a broker that restarts: go on trying, not
        // ready, rather than end.
        let starting = !self.monitor.joined.load(Ordering::Relaxed)
            && self.monitor.rebalances.load(Ordering::Relaxed) == 0;
        match trouble {
            Trouble::Authentication if starting => {
                self.fail(KafkaError::Authentication(reason.to_owned()).into());
            }
            Trouble::Authorization => self.fail(ConsumerError::Authorization(reason.to_owned())),
            Trouble::Fatal => self.fail(ConsumerError::Fatal(reason.to_owned())),
            Trouble::TopicMissing => {
                self.topic_missing.lock().get_or_insert(now());
                self.monitor.topic_missing.store(true, Ordering::Relaxed);
                self.warn(code, reason);
            }
            Trouble::BrokersDown => {
                self.monitor.broker_up.store(false, Ordering::Relaxed);
                self.warn(code, reason);
            }
            Trouble::Authentication
            | Trouble::QueueFull
            | Trouble::RecordRefused
            | Trouble::Passing => self.warn(code, reason),
        }
    }

    fn warn(&self, code: ErrorCode, reason: &str) {
        if let Some(held_back) = self.notices.admit(&format!("{code:?}")) {
            tracing::warn!(cause = ?code, reason, held_back, "kafka trouble; trying again");
        }
    }
}

impl GroupEvents for Shared {
    fn assigned(
        &self,
        member: &Member<'_>,
        sources: Vec<TopicPartition>,
    ) -> Vec<(TopicPartition, Begin)> {
        self.monitor.rebalances.fetch_add(1, Ordering::Relaxed);
        self.monitor.broker_up.store(true, Ordering::Relaxed);
        self.monitor.joined.store(true, Ordering::Relaxed);
        let assignment = Assignment::of(&self.settings.topics, sources);
        for sources in assignment.lanes {
            self.open(member, sources);
        }
        self.held.lock().extend(assignment.held);
        self.warn_of_held();
        self.pump.lock().take_told()
    }

    fn revoked(&self, sources: &[TopicPartition], lost: bool) {
        self.monitor.rebalances.fetch_add(1, Ordering::Relaxed);
        self.held.lock().retain(|held| !sources.contains(held));
        let mut inlets = self.inlets();
        inlets.retain(|inlet| inlet.sources().any(|source| sources.contains(source)));
        let is_torn = |inlet: &&Arc<Inlet>| !inlet.sources().all(|source| sources.contains(source));
        if let Some(torn) = inlets.iter().find(is_torn) {
            let taken = torn.source().clone();
            self.fail(ConsumerError::Torn { taken });
        }
        if lost {
            self.lose(&inlets);
        } else {
            self.release(&inlets, now() + self.settings.drain_timeout());
        }
        // Whoever has lost all of them waits for the next assignment, which may be one of none.
        if lost || self.inlets().is_empty() {
            self.monitor.joined.store(false, Ordering::Relaxed);
        }
    }

    fn trouble(&self, code: ErrorCode, reason: &str) {
        self.note_trouble(code, reason);
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}
