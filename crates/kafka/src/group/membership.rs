//! What a group tells its member: rebalances, errors, logs. All of it on the thread that polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::config::ClientConfig;
use crate::log;
use crate::notices::Notices;
use crate::trouble::ErrorCode;

/// Where reading of a partition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At what the group has committed, or else where `auto.offset.reset` says.
    Committed,
    /// At this offset.
    At(i64),
}

/// What a group's member is told. Every method runs on the thread that calls
/// [`crate::GroupClient::serve`] and must not call it.
pub trait GroupEvents: Send + Sync {
    /// `sources` are ours from now on. Each is read after [`crate::GroupClient::begin`].
    fn assigned(&self, sources: Vec<TopicPartition>);

    /// `sources` are to be given up. They stay ours until [`crate::GroupClient::release`], which is owed once
    /// for each of these calls; when `lost`, another member may have them already. They may be read on for
    /// `rest` before, and are silent for no longer because of it.
    fn revoked(&self, sources: Vec<TopicPartition>, lost: bool, rest: Duration);

    /// Something is wrong; what it asks of us is [`crate::Trouble::of`] the code.
    fn trouble(&self, code: ErrorCode, reason: &str);

    /// Whether nothing is taken on any more, and whatever is revoked was given up.
    fn is_closing(&self) -> bool;
}

/// librdkafka sends no second JoinGroup request within a second of the first. Where partitions are revoked in
/// steps, the revocation comes soon after the first request, and the next owner gets them by the second one.
/// So they may be read on for this long; the rest of that second is for leaving.
const REST_BEFORE_RELEASE: Duration = Duration::from_millis(600);

/// Receives the client's callbacks.
pub(super) struct Context {
    events: Arc<dyn GroupEvents>,
    notices: Arc<Notices>,
    /// How long partitions may be read on that are revoked in steps.
    rest: Duration,
    /// Callbacks so far: tells whether a poll that gave nothing did something.
    callbacks: AtomicU64,
}

impl Context {
    /// Of a client that joins no group.
    pub(super) fn of_reader(events: Arc<dyn GroupEvents>, notices: Arc<Notices>) -> Self {
        Self::new(events, notices, Duration::ZERO)
    }

    /// Of a client of `config` that joins a group. Where the brokers assign, nobody joins twice.
    pub(super) fn of_member(
        config: &ClientConfig,
        events: Arc<dyn GroupEvents>,
        notices: Arc<Notices>,
    ) -> Self {
        let brokers_assign = config.get("group.protocol") == Some("consumer");
        let rest = if brokers_assign {
            Duration::ZERO
        } else {
            REST_BEFORE_RELEASE
        };
        Self::new(events, notices, rest)
    }

    fn new(events: Arc<dyn GroupEvents>, notices: Arc<Notices>, rest: Duration) -> Self {
        Self {
            events,
            notices,
            rest,
            callbacks: AtomicU64::new(0),
        }
    }

    /// Callbacks so far.
    pub(super) fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    fn note_callback(&self) {
        self.callbacks.fetch_add(1, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.note_callback();
        log::relay(&self.notices, level, facility, message);
    }

    fn stats_raw(&self, _statistics: &[u8]) {
        self.note_callback();
    }

    fn error(&self, error: BindingError, reason: &str) {
        self.note_callback();
        if let Some(code) = error.rdkafka_error_code() {
            self.events.trouble(code, reason);
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
        self.note_callback();
        let sources: Vec<TopicPartition> = partitions
            .elements()
            .iter()
            .map(|element| TopicPartition::new(element.topic(), element.partition()))
            .collect();
        let is_offer = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let is_closing = self.events.is_closing();
        let is_in_steps = is_cooperative(consumer);
        tracing::info!(
            assigned = is_offer && !is_closing,
            cooperative = is_in_steps,
            partitions = %named(&sources),
            "rebalance"
        );
        let result = if is_offer {
            if !is_closing {
                self.events.assigned(sources);
            }
            take_on(consumer)
        } else if is_closing {
            give_up(consumer)
        } else {
            let rest = if is_in_steps {
                self.rest
            } else {
                Duration::ZERO
            };
            let lost = consumer.assignment_lost();
            self.events.revoked(sources, lost, rest);
            Ok(())
        };
        if let Err(error) = result {
            let reason = format!("rebalance: {error}");
            self.events.trouble(ErrorCode::Fatal, &reason);
        }
    }
}

/// Answers an offer: the member itself reads nothing.
fn take_on(consumer: &BaseConsumer<Context>) -> Result<(), BindingError> {
    let nothing = TopicPartitionList::new();
    if is_cooperative(consumer) {
        consumer.incremental_assign(&nothing)
    } else {
        consumer.assign(&nothing)
    }
}

/// Answers a revocation.
pub(super) fn give_up(consumer: &BaseConsumer<Context>) -> Result<(), BindingError> {
    if is_cooperative(consumer) {
        consumer.incremental_unassign(&TopicPartitionList::new())
    } else {
        consumer.unassign()
    }
}

fn is_cooperative(consumer: &BaseConsumer<Context>) -> bool {
    matches!(
        consumer.rebalance_protocol(),
        RebalanceProtocol::Cooperative
    )
}

/// `topic/0 topic/1 …`
fn named(sources: &[TopicPartition]) -> String {
    let names: Vec<String> = sources.iter().map(ToString::to_string).collect();
    names.join(" ")
}
