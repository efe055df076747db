//! What a group tells its member: rebalances, errors, logs. All of it on the thread that polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use tillwatch_records::TopicPartition;

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
    /// for each of these calls; when `lost`, another member may have them already.
    fn revoked(&self, sources: Vec<TopicPartition>, lost: bool);

    /// Something is wrong; what it asks of us is [`crate::Trouble::of`] the code.
    fn trouble(&self, code: ErrorCode, reason: &str);

    /// Whether nothing is taken on any more, and whatever is revoked was given up.
    fn is_closing(&self) -> bool;
}

/// Receives the client's callbacks.
pub(super) struct Context {
    events: Arc<dyn GroupEvents>,
    notices: Arc<Notices>,
    /// Callbacks so far: tells whether a poll that gave nothing did something.
    callbacks: AtomicU64,
}

impl Context {
    pub(super) fn new(events: Arc<dyn GroupEvents>, notices: Arc<Notices>) -> Self {
        Self {
            events,
            notices,
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
        tracing::info!(
            assigned = is_offer && !is_closing,
            cooperative = is_cooperative(consumer),
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
            self.events.revoked(sources, consumer.assignment_lost());
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

pub(super) fn is_cooperative(consumer: &BaseConsumer<Context>) -> bool {
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
