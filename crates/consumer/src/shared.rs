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

use crate::commits::Commits;
use crate::departure;
use crate::error::ConsumerError;
use crate::host::LaneHost;
use crate::inlet::Inlet;
use crate::limits::Limits;
use crate::monitor::Monitor;
use crate::pump::Pump;
use crate::settings::ConsumerSettings;

/// A commit gets this long even when draining used up the time: without it everything since the last
/// commit is done again.
const COMMIT_TIME_MIN: Duration = Duration::from_secs(1);

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

    /// Moves what has arrived into the inlets; whether more may wait.
    pub(crate) fn pump(&self) -> bool {
        let Some(host) = self.host.lock().clone() else {
            return false;
        };
        let mut faults = Vec::new();
        let mut pump = self.pump.lock();
        let more = pump.run(&*host, &mut faults);
        let failure = pump.failure();
        drop(pump);
        if let Some(error) = failure {
            self.fail(error);
        }
        for fault in faults {
            self.note_trouble(fault.code, &fault.reason);
        }
        more
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

    /// Tells the host what the group has committed of partitions that were not begun, asking at most
    /// `timeout`. Whether all of them are told.
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
                for (source, offset) in offsets {
                    let inlet = self.pump.lock().locate(&source);
                    if let Some(inlet) = inlet {
                        host.located(&inlet, offset);
                    }
                }
                true
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
                if !self.pump() {
                    self.waker.wait_until(deadline);
                }
            }
        };
        let commit = || {
            if let Some(commits) = &mut *self.commits.lock() {
                let end = deadline.max(now() + COMMIT_TIME_MIN);
                commits.commit_last(inlets, || end.saturating_duration_since(now()));
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

    fn forget(&self, inlet: &Arc<Inlet>) {
        self.pump.lock().remove(inlet.source());
        self.monitor.remove(inlet);
    }

    /// Sorts trouble into: end the run, wait and see, or say it and go on.
    fn note_trouble(&self, code: ErrorCode, reason: &str) {
        // Once the group had us, a refusal of who we are may be a broker that restarts: go on trying, not
        // ready, rather than end.
        let starting = !self.monitor.joined.load(Ordering::Relaxed);
        match Trouble::of(code) {
            Trouble::Authentication if starting => {
                self.fail(KafkaError::Authentication(reason.to_owned()).into());
            }
            Trouble::Authorization => self.fail(ConsumerError::Authorization(reason.to_owned())),
            Trouble::Fatal => self.fail(ConsumerError::Fatal(reason.to_owned())),
            Trouble::TopicMissing => {
                self.topic_missing.lock().get_or_insert(now());
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
        let host = self.host.lock().clone();
        for source in sources {
            let Some(queue) = member.queue_of(&source, &self.waker) else {
                self.fail(ConsumerError::Fatal(format!("no queue for {source}")));
                continue;
            };
            let limits = Limits::of(&self.settings);
            let inlet = Arc::new(Inlet::new(source, limits, Arc::clone(&self.waker)));
            self.monitor.add(Arc::clone(&inlet));
            self.pump.lock().add(Arc::clone(&inlet), queue);
            if let Some(host) = &host {
                inlet.begin(host.assigned(&inlet));
            }
        }
        self.pump.lock().take_told()
    }

    fn revoked(&self, sources: &[TopicPartition], lost: bool) {
        self.monitor.rebalances.fetch_add(1, Ordering::Relaxed);
        let mut inlets = self.inlets();
        inlets.retain(|inlet| sources.contains(inlet.source()));
        if lost {
            self.lose(&inlets);
        } else {
            self.release(&inlets, now() + self.settings.drain_timeout());
        }
    }

    fn trouble(&self, code: ErrorCode, reason: &str) {
        self.note_trouble(code, reason);
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}
