//! What the poll loop and the group's events share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_kafka::{
    ByTopic, ErrorCode, GroupClient, GroupEvents, KafkaError, Notices, PartitionQueue, Refusal,
    TopicIdentity, Trouble, Waker, now,
};
use tillwatch_records::TopicPartition;

use crate::announced::Rebalances;
use crate::assignment::lacking;
use crate::commits::Commits;
use crate::counters::ErrorCause;
use crate::error::ConsumerError;
use crate::host::LaneHost;
use crate::inlet::Inlet;
use crate::moment::Moment;
use crate::monitor::Monitor;
use crate::notice::Bounds;
use crate::pump::{Located, Pump, Reaches, low_of};
use crate::roster::Roster;
use crate::settings::ConsumerSettings;
use crate::topics::Topics;

/// Partitions whose end is asked for at once: each takes a round trip on the poll thread.
const ENDS_MAX: usize = 8;

/// State of a consumer that has a host.
pub(crate) struct Shared {
    pub(crate) settings: ConsumerSettings,
    pub(crate) waker: Arc<Waker>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) pump: Mutex<Pump<PartitionQueue>>,
    pub(crate) host: Mutex<Option<Arc<dyn LaneHost>>>,
    /// Present while the consumer runs.
    pub(crate) commits: Mutex<Option<Commits>>,
    fatal: Mutex<Option<ConsumerError>>,
    /// Since when a subscribed topic is reported missing.
    pub(crate) topic_missing: Mutex<Option<Instant>>,
    /// Assigned partitions that are not read, since another topic's partition of the same number is not
    /// ours. At most as many as the topics have.
    pub(crate) held: Mutex<Vec<TopicPartition>>,
    /// What the group has announced, and what leaves because of it.
    pub(crate) rebalances: Rebalances,
    /// Present while the consumer runs.
    pub(crate) topics: Mutex<Option<Topics>>,
    pub(crate) roster: Mutex<Roster>,
    /// When the consumer was made.
    started: Instant,
    /// No partition is taken on any more.
    closing: AtomicBool,
}

impl Shared {
    pub(crate) fn new(settings: ConsumerSettings) -> Self {
        Self {
            waker: Arc::default(),
            monitor: Arc::default(),
            notices: Arc::default(),
            pump: Mutex::new(Pump::new(settings.start)),
            host: Mutex::default(),
            commits: Mutex::default(),
            fatal: Mutex::default(),
            topic_missing: Mutex::default(),
            held: Mutex::default(),
            rebalances: Rebalances::default(),
            topics: Mutex::default(),
            roster: Mutex::default(),
            started: now(),
            closing: AtomicBool::new(false),
            settings,
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

    /// Time elapsed since the consumer was made.
    pub(crate) fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.started)
    }

    /// The moment that is `elapsed` after the consumer was made.
    pub(crate) fn moment_of(&self, elapsed: Duration) -> Instant {
        self.started + elapsed
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
        turned.look_at.map(|elapsed| self.moment_of(elapsed))
    }

    /// Takes note of which partitions were read to their end.
    pub(crate) fn note_reaches(&self, reaches: &dyn Reaches) {
        let unix_ms = Moment::since(self.started).unix_ms;
        self.pump.lock().note_reaches(reaches, unix_ms);
    }

    /// Asks what the topics are when it is time to, and takes note of the answer. When to do it again. Where
    /// no broker is known that can be asked, one is looked for, at most for `timeout`.
    pub(crate) fn look_at_topics(
        &self,
        client: &GroupClient,
        timeout: Duration,
    ) -> Option<Instant> {
        let mut topics = self.topics.lock();
        let topics = topics.as_mut()?;
        let find = |topic: &str, turn: usize| client.broker(topic, turn, timeout);
        if let Some(answer) = topics.turn(now(), find) {
            let refusals = match answer {
                Ok(answer) => self.note_topics(answer),
                Err(refusal) => vec![refusal],
            };
            let is_awaited = self.pump.lock().lacks_topics();
            if is_awaited || !refusals.is_empty() {
                topics.ask_again(now());
            }
            for Refusal { code, words } in refusals.iter().filter(|_| is_awaited) {
                let why = format!("partitions wait for what their topic is: {words}");
                self.warn(*code, &why);
            }
        }
        Some(topics.next())
    }

    /// Takes note of what the topics are; why that is not known of some.
    fn note_topics(&self, answer: ByTopic<TopicIdentity>) -> Vec<Refusal> {
        let unix_ms = Moment::since(self.started).unix_ms;
        let inlets = self.inlets();
        let mut roster = self.roster.lock();
        let mut refusals = Vec::new();
        for (topic, identity) in answer {
            match identity {
                Ok(identity) => roster.note(&topic, identity, unix_ms, &inlets),
                // One that is missing is looked after elsewhere.
                Err(refusal) => refusals.push(refusal),
            }
        }
        refusals
    }

    /// Asks where some partitions end whose last records do not come, at most `timeout` for each: those of an
    /// open transaction are not to be waited for, and a log that was truncated does not hold them.
    pub(crate) fn ask_for_ends(&self, client: &GroupClient, timeout: Duration) {
        let standing = self.pump.lock().standing(ENDS_MAX);
        for (inlet, source) in standing {
            let partition = &inlet.counted()[source].partition;
            let Some(end) = client.end(partition, timeout) else {
                return;
            };
            inlet.note_readable(source, end, self.elapsed());
        }
    }

    /// Begins to read the partitions that were told where to, since the last time.
    pub(crate) fn begin_told(&self, client: &GroupClient) {
        let mut pump = self.pump.lock();
        let begins = pump.take_told();
        if begins.is_empty() {
            return;
        }
        drop(pump);
        if let Err(error) = client.begin(&begins) {
            self.fail(error.into());
        }
    }

    /// Finds out what the group has committed of partitions that came, asking at most `timeout`: the host is
    /// told of those that were not begun; of the others it says whether records were lost before they were
    /// read. Whether all of it is known that can be asked for now.
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
                let mut is_decided = true;
                for (source, offset) in offsets {
                    let end = || client.end(&source, timeout);
                    is_decided &= self.note_located(&*host, client, &source, offset, end);
                }
                is_decided
            }
            Err(code) => {
                self.warn(code, "no answer to what the group has committed");
                false
            }
        }
    }

    /// The group has committed `offset` of `source`, which ends at `end`. Whether that says where it begins.
    fn note_located(
        &self,
        host: &dyn LaneHost,
        reaches: &dyn Reaches,
        source: &TopicPartition,
        offset: Option<i64>,
        end: impl FnOnce() -> Option<i64>,
    ) -> bool {
        let mut pump = self.pump.lock();
        let (offset, is_known) = pump.choose(source, offset, end);
        if !is_known {
            return false;
        }
        let located = pump.locate(source);
        drop(pump);
        match located {
            Some(Located::Waiting(inlet)) => host.located(&inlet, source, offset),
            Some(Located::Begun(inlet, index)) => {
                let low = || low_of(&inlet, index, reaches);
                let unix_ms = Moment::since(self.started).unix_ms;
                let bounds = Bounds { low: &low, unix_ms };
                inlet.note_committed(index, offset, &bounds);
            }
            None => {}
        }
        true
    }

    /// From here on no partition is taken on, and one that the group wants back is given up at once.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
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

    /// Takes a lane out of everything that knows it.
    pub(crate) fn forget(&self, inlet: &Arc<Inlet>) {
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
                if let Some(topics) = &mut *self.topics.lock() {
                    // It may be made again at any moment.
                    topics.ask_again(now());
                }
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
    fn assigned(&self, sources: Vec<TopicPartition>) {
        self.rebalances.note_assigned(sources);
    }

    fn revoked(&self, sources: Vec<TopicPartition>, lost: bool, rest: Duration) {
        self.rebalances.note_revoked(sources, lost, rest);
    }

    fn trouble(&self, code: ErrorCode, reason: &str) {
        self.note_trouble(code, reason);
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}
