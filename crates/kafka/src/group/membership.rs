//! What a group tells its member: rebalances, errors, logs. All of it on the thread that polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::log;
use crate::native::PartitionQueue;
use crate::notices::Notices;
use crate::trouble::ErrorCode;
use crate::waker::Waker;

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
    /// `sources` are ours from now on. Gives where to begin in each that is to be read at once; the
    /// others are read after [`crate::GroupClient::begin`].
    fn assigned(
        &self,
        member: &Member<'_>,
        sources: Vec<TopicPartition>,
    ) -> Vec<(TopicPartition, Begin)>;

    /// `sources` are ours no more once this returns; when `lost`, another member may have them already.
    fn revoked(&self, sources: &[TopicPartition], lost: bool);

    /// Something is wrong; what it asks of us is [`crate::Trouble::of`] the code.
    fn trouble(&self, code: ErrorCode, reason: &str);

    /// Whether partitions that are offered are to be given back at once.
    fn is_closing(&self) -> bool;
}

/// A member as seen from [`GroupEvents::assigned`].
pub struct Member<'a>(&'a BaseConsumer<Context>);

/// Receives the client's callbacks.
pub(super) struct Context {
    events: Arc<dyn GroupEvents>,
    notices: Arc<Notices>,
    /// Callbacks so far: tells whether a poll that gave nothing did something.
    callbacks: AtomicU64,
}

impl Member<'_> {
    /// Splits the records of `source` off the common queue; they wake `waker`.
    pub fn queue_of(&self, source: &TopicPartition, waker: &Arc<Waker>) -> Option<PartitionQueue> {
        PartitionQueue::open(self.0, source, Arc::clone(waker))
    }
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

    /// Tells of `sources` and begins to read those that are to be read at once.
    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        sources: Vec<TopicPartition>,
    ) -> Result<(), BindingError> {
        let begins = self.events.assigned(&Member(consumer), sources);
        let begins = listed(&begins)?;
        if is_cooperative(consumer) {
            consumer.incremental_assign(&begins)
        } else {
            consumer.assign(&begins)
        }
    }

    /// Gives `sources` up; `all` when none is left after it.
    fn revoke(
        &self,
        consumer: &BaseConsumer<Self>,
        sources: &[TopicPartition],
        all: bool,
    ) -> Result<(), BindingError> {
        self.events.revoked(sources, consumer.assignment_lost());
        if all || !is_cooperative(consumer) {
            return consumer.unassign();
        }
        // The client refuses a partition that was given to us and not begun.
        let reading = consumer.assignment()?;
        let mut begun = TopicPartitionList::new();
        for source in sources {
            if reading
                .find_partition(&source.topic, source.partition)
                .is_some()
            {
                begun.add_partition(&source.topic, source.partition);
            }
        }
        consumer.incremental_unassign(&begun)
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
        let assigning = is_offer && !self.events.is_closing();
        tracing::info!(
            assigned = assigning,
            cooperative = is_cooperative(consumer),
            partitions = %named(&sources),
            "rebalance"
        );
        let result = if assigning {
            self.assign(consumer, sources)
        } else {
            self.revoke(consumer, &sources, is_offer)
        };
        if let Err(error) = result {
            let reason = format!("rebalance: {error}");
            self.events.trouble(ErrorCode::Fatal, &reason);
        }
    }
}

pub(super) fn is_cooperative(consumer: &BaseConsumer<Context>) -> bool {
    matches!(
        consumer.rebalance_protocol(),
        RebalanceProtocol::Cooperative
    )
}

pub(super) fn listed(
    begins: &[(TopicPartition, Begin)],
) -> Result<TopicPartitionList, BindingError> {
    let mut list = TopicPartitionList::with_capacity(begins.len());
    for (source, begin) in begins {
        let offset = match begin {
            Begin::Committed => Offset::Invalid,
            Begin::At(offset) => Offset::Offset(*offset),
        };
        list.add_partition_offset(&source.topic, source.partition, offset)?;
    }
    Ok(list)
}

/// `topic/0 topic/1 …`
fn named(sources: &[TopicPartition]) -> String {
    let names: Vec<String> = sources.iter().map(ToString::to_string).collect();
    names.join(" ")
}
