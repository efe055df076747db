//! librdkafka's callbacks: rebalances, errors, logs. All of them run on the poll thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{ClientContext, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::commit;
use crate::inlet::{Inlet, Limits};
use crate::monitor::Monitor;
use crate::native::{CommitQueue, PartitionQueue};
use crate::notices::Notices;
use crate::pump::Pump;
use crate::settings::ConsumerSettings;
use crate::stop::{Waker, now};
use crate::{ConsumerError, LaneHost};

/// Given to librdkafka; a thin handle of [`Shared`].
pub(crate) struct Context(Arc<Shared>);

/// What the run loop and the callbacks share.
pub(crate) struct Shared {
    pub(crate) settings: ConsumerSettings,
    pub(crate) waker: Arc<Waker>,
    monitor: Arc<Monitor>,
    pub(crate) notices: Notices,
    pump: Mutex<Pump>,
    host: Mutex<Option<Arc<dyn LaneHost>>>,
    /// Present while the consumer runs.
    pub(crate) commits: Mutex<Option<CommitQueue>>,
    fatal: Mutex<Option<ConsumerError>>,
    /// Since when a subscribed topic is reported missing.
    pub(crate) topic_missing: Mutex<Option<Instant>>,
    /// No partition is taken on any more.
    closing: AtomicBool,
    /// Callbacks so far: tells whether a poll that gave nothing did something.
    callbacks: AtomicU64,
}

impl Context {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl Shared {
    pub(crate) fn new(settings: ConsumerSettings) -> Self {
        Self {
            settings,
            waker: Arc::default(),
            monitor: Arc::default(),
            notices: Notices::default(),
            pump: Mutex::new(Pump::new()),
            host: Mutex::default(),
            commits: Mutex::default(),
            fatal: Mutex::default(),
            topic_missing: Mutex::default(),
            closing: AtomicBool::new(false),
            callbacks: AtomicU64::new(0),
        }
    }

    pub(crate) fn monitor(&self) -> &Arc<Monitor> {
        &self.monitor
    }

    pub(crate) fn attach(&self, host: Arc<dyn LaneHost>) {
        *self.host.lock() = Some(host);
    }

    pub(crate) fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
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
        for inlet in pump.inlets() {
            if let Some(offset) = inlet.take_failure() {
                self.fail(ConsumerError::Delivery {
                    source_partition: inlet.source().clone(),
                    offset,
                });
            }
        }
        drop(pump);
        for fault in faults {
            self.note_error(fault.code, &fault.reason);
        }
        more
    }

    /// Ends the lanes of `sources`: nothing more is handed out; unless they are `lost`, waits until
    /// what was taken is settled (at most until `deadline`) and commits. Other lanes go on meanwhile.
    pub(crate) fn release(
        &self,
        consumer: &BaseConsumer<Context>,
        inlets: &[Arc<Inlet>],
        lost: bool,
        deadline: Instant,
    ) {
        for inlet in inlets {
            inlet.close();
        }
        if !lost {
            while !inlets.iter().all(|inlet| inlet.is_settled()) && now() < deadline {
                if !self.pump() {
                    self.waker.wait_until(deadline);
                }
            }
            let unsettled = inlets.iter().filter(|inlet| !inlet.is_settled()).count();
            if unsettled > 0 {
                tracing::warn!(
                    unsettled,
                    "partitions leave with outputs under way: their records are read again"
                );
            }
            let left = deadline.saturating_duration_since(now());
            commit::commit_all(self, consumer, inlets, left.max(COMMIT_TIME_MIN));
        }
        let host = self.host.lock().clone();
        for inlet in inlets {
            self.pump.lock().remove(inlet.source());
            self.monitor.remove(inlet);
            match &host {
                Some(host) if lost => host.lost(inlet),
                Some(host) => host.revoked(inlet),
                None => {}
            }
        }
    }

    /// From here on no partition is taken on.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn assign(&self, consumer: &BaseConsumer<Context>, partitions: &TopicPartitionList) {
        let host = self.host.lock().clone();
        for element in partitions.elements() {
            let source = TopicPartition::new(element.topic(), element.partition());
            let waker = Arc::clone(&self.waker);
            let queue = PartitionQueue::open(consumer, element.topic(), element.partition(), waker);
            let Some(queue) = queue else {
                self.fail(ConsumerError::Fatal(format!("no queue for {source}")));
                return;
            };
            let limits = Limits::of(&self.settings);
            let inlet = Arc::new(Inlet::new(source, limits, Arc::clone(&self.waker)));
            self.monitor.add(Arc::clone(&inlet));
            self.pump.lock().add(Arc::clone(&inlet), queue);
            if let Some(host) = &host {
                host.assigned(&inlet);
            }
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Context>, partitions: &TopicPartitionList) {
        let lost = consumer.assignment_lost();
        let elements = partitions.elements();
        let is_revoked = |inlet: &Arc<Inlet>| {
            let source = inlet.source();
            elements.iter().any(|element| {
                element.partition() == source.partition && element.topic() == &*source.topic
            })
        };
        let mut inlets = self.inlets();
        inlets.retain(is_revoked);
        let deadline = now() + self.settings.drain_timeout();
        self.release(consumer, &inlets, lost, deadline);
    }

    /// Sorts an error into: end the run, wait and see, or say it and go on.
    fn note_error(&self, code: RDKafkaErrorCode, reason: &str) {
        use RDKafkaErrorCode as Code;
        // Once the group had us, the same refusal may be a broker that restarts: go on trying, not
        // ready, rather than end.
        let starting = !self.monitor.joined.load(Ordering::Relaxed);
        match code {
            Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL if starting => {
                self.fail(ConsumerError::Authentication(reason.to_owned()));
            }
            Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed => {
                self.fail(ConsumerError::Authorization(reason.to_owned()));
            }
            Code::Fatal => self.fail(ConsumerError::Fatal(reason.to_owned())),
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                self.topic_missing.lock().get_or_insert(now());
                self.warn(code, reason);
            }
            Code::AllBrokersDown => {
                self.monitor.broker_up.store(false, Ordering::Relaxed);
                self.warn(code, reason);
            }
            _ => self.warn(code, reason),
        }
    }

    fn warn(&self, code: RDKafkaErrorCode, reason: &str) {
        if let Some(held_back) = self.notices.admit(&format!("{code:?}")) {
            tracing::warn!(cause = ?code, reason, held_back, "kafka trouble; trying again");
        }
    }
}

/// A commit gets this long even when draining used up the time: without it everything since the last
/// commit is done again.
const COMMIT_TIME_MIN: std::time::Duration = std::time::Duration::from_secs(1);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.callbacks.fetch_add(1, Ordering::Relaxed);
        match level {
            RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Notice => {
                tracing::info!(facility, message, "librdkafka");
            }
            _ => {
                if let Some(held_back) = self.0.notices.admit(facility) {
                    tracing::warn!(facility, message, held_back, "librdkafka");
                }
            }
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {
        self.0.callbacks.fetch_add(1, Ordering::Relaxed);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.callbacks.fetch_add(1, Ordering::Relaxed);
        if let Some(code) = error.rdkafka_error_code() {
            self.0.note_error(code, reason);
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let shared = &*self.0;
        shared.callbacks.fetch_add(1, Ordering::Relaxed);
        shared.monitor.rebalances.fetch_add(1, Ordering::Relaxed);
        let closing = shared.closing.load(Ordering::Relaxed);
        let cooperative = matches!(
            consumer.rebalance_protocol(),
            RebalanceProtocol::Cooperative
        );
        let assigning = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !closing;
        tracing::info!(
            assigned = assigning,
            cooperative,
            partitions = %listed(partitions),
            "rebalance"
        );
        let result = if assigning {
            shared.monitor.broker_up.store(true, Ordering::Relaxed);
            shared.monitor.joined.store(true, Ordering::Relaxed);
            shared.assign(consumer, partitions);
            if cooperative {
                consumer.incremental_assign(partitions)
            } else {
                consumer.assign(partitions)
            }
        } else {
            shared.revoke(consumer, partitions);
            if cooperative && kind != RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
                consumer.incremental_unassign(partitions)
            } else {
                consumer.unassign()
            }
        };
        if let Err(error) = result {
            shared.fail(ConsumerError::Fatal(format!("rebalance: {error}")));
        }
    }
}

/// `topic/0 topic/1 …`
fn listed(partitions: &TopicPartitionList) -> String {
    let names = partitions
        .elements()
        .iter()
        .map(|element| format!("{}/{}", element.topic(), element.partition()))
        .collect::<Vec<_>>();
    names.join(" ")
}
