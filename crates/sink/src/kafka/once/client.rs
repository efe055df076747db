//! The client of a transactional id.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_kafka::{
    BulkMessage, ClientConfig, ErrorCode, GroupStamp, KafkaError, NotTaken, OutRecord, Producer,
    Topic, TransactionError,
};
use tillwatch_records::TopicPartition;

use super::flight::{Flight, Share};
use crate::kafka::clients::TopicNames;
use crate::kafka::letter::Header;
use crate::settings::Output;

/// How long one call may last before it is looked whether the sink was closed meanwhile.
const CALL: Duration = Duration::from_secs(1);

/// How long the group's coordinator may take to store offsets. It is told the generation as it was when the
/// call began.
const OFFSETS_CALL: Duration = Duration::from_secs(5);

/// How long the brokers may take to say whether a topic is there.
const LOOK_UP: Duration = Duration::from_millis(500);

/// A transactional client with its topics.
pub(crate) struct Client {
    // Topics refer to the client and must go before it.
    topics: [Option<Topic<Flight>>; 3],
    producer: Producer<Flight>,
}

impl Client {
    /// A client that has no producer id yet. Does not need a broker.
    pub(crate) fn start(
        config: &ClientConfig,
        names: &TopicNames,
        flight: &Arc<Flight>,
    ) -> Result<Self, KafkaError> {
        let producer = Producer::start(config, Arc::clone(flight))?;
        let mut topics = [const { None }; 3];
        for (topic, name) in topics.iter_mut().zip(names) {
            *topic = name
                .as_deref()
                .map(|name| producer.topic(name))
                .transpose()?;
        }
        Ok(Self { topics, producer })
    }

    pub(crate) fn init(&self) -> Result<(), TransactionError> {
        self.producer.init_transactions(CALL)
    }

    pub(crate) fn begin(&self) -> Result<(), TransactionError> {
        self.producer.begin_transaction()
    }

    pub(crate) fn send_offsets(
        &self,
        offsets: &[(TopicPartition, i64)],
        stamp: &GroupStamp,
    ) -> Result<(), TransactionError> {
        self.producer.send_offsets(offsets, stamp, OFFSETS_CALL)
    }

    pub(crate) fn commit(&self) -> Result<(), TransactionError> {
        self.producer.commit_transaction(CALL)
    }

    pub(crate) fn abort(&self) -> Result<(), TransactionError> {
        self.producer.abort_transaction(CALL)
    }

    /// Why the client cannot go on; `None` while it can.
    pub(crate) fn fatal_error(&self) -> Option<(ErrorCode, String)> {
        self.producer.fatal_error()
    }

    pub(crate) fn send(
        &self,
        record: &OutRecord<'_>,
        headers: &[Header<'_>],
        share: &Arc<Share>,
    ) -> Result<(), ErrorCode> {
        self.producer.send(record, headers, share)
    }

    /// Hands records of an output over that has a topic.
    pub(crate) fn produce(
        &self,
        output: Output,
        messages: &[BulkMessage<'_>],
        share: &Arc<Share>,
    ) -> Vec<NotTaken> {
        let topic = self.topics[output as usize].as_ref();
        topic.map_or_else(Vec::new, |topic| topic.produce(messages, share))
    }

    /// Sends what is still collected, and waits a moment for its acknowledgements.
    pub(crate) fn flush(&self, timeout: Duration) {
        self.producer.flush(timeout);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.producer.is_idle()
    }

    pub(crate) fn look_up(&self, topic: &str) -> Result<(), ErrorCode> {
        self.producer.look_up(topic, LOOK_UP)
    }
}
