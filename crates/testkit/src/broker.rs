//! Brokers to test against: librdkafka's mock cluster inside the process, and a real Apache Kafka
//! started by `scripts/kafka.sh`.

mod mock;
mod real;
mod transactional;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use crate::plain::{PATIENCE, send};
pub use mock::Mock;
pub use real::{RealBroker, RealBrokerError};
pub use transactional::Transactional;

/// A record to produce.
#[derive(Debug, Clone, Default)]
pub struct TestRecord {
    /// Destination.
    pub partition: i32,
    /// Record key.
    pub key: Option<Vec<u8>>,
    /// Record value.
    pub payload: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; the broker's clock when absent.
    pub timestamp_ms: Option<i64>,
}

/// Sends `records` to `topic` and waits until the broker has all of them, in order per partition.
///
/// # Errors
/// What librdkafka reports.
pub fn produce(
    brokers: &str,
    topic: &str,
    records: impl IntoIterator<Item = TestRecord>,
) -> Result<(), KafkaError> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        // A topic may take more than the client's own default.
        .set("message.max.bytes", "8388608")
        .create()?;
    for record in records {
        let mut headers = OwnedHeaders::new();
        for (name, value) in &record.headers {
            headers = headers.insert(Header {
                key: name,
                value: value.as_ref(),
            });
        }
        let mut message: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(topic).partition(record.partition);
        if !record.headers.is_empty() {
            message = message.headers(headers);
        }
        message.key = record.key.as_deref();
        message.payload = record.payload.as_deref();
        message.timestamp = record.timestamp_ms;
        send(&producer, message)?;
    }
    producer.flush(PATIENCE)
}

/// Creates `topic` on the cluster at `brokers`, with one replica.
///
/// # Errors
/// What librdkafka reports.
pub fn create_topic(brokers: &str, topic: &str, partitions: i32) -> Result<(), KafkaError> {
    real::create_topic(brokers, topic, partitions, &[])
}

/// What `group` has committed of `topic`, by partition; `None` where it has committed nothing. A coordinator
/// that is on its way is waited for.
///
/// # Errors
/// What librdkafka reports.
pub fn committed(
    brokers: &str,
    group: &str,
    topic: &str,
    partitions: i32,
) -> Result<Vec<Option<i64>>, KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .create()?;
    let mut asked = TopicPartitionList::new();
    for partition in 0..partitions {
        asked.add_partition(topic, partition);
    }
    let answer = committed_offsets(&consumer, &asked)?;
    let offset = |partition| match answer.find_partition(topic, partition)?.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    Ok((0..partitions).map(offset).collect())
}

/// Everything that `topic` holds now, partition by partition, each in order.
///
/// # Errors
/// What librdkafka reports, a broker that does not answer for long included.
pub fn read_all(
    brokers: &str,
    topic: &str,
    partitions: i32,
) -> Result<Vec<TestRecord>, KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "testkit-read-all")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    let mut ends = Vec::new();
    for partition in 0..partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
        ends.push(high);
        if high > low {
            assignment.add_partition_offset(topic, partition, Offset::Offset(low))?;
        }
    }
    let mut left = assignment.count();
    consumer.assign(&assignment)?;
    let mut records = Vec::new();
    while left > 0 {
        let Some(message) = consumer.poll(PATIENCE) else {
            return Err(KafkaError::MessageConsumption(
                RDKafkaErrorCode::OperationTimedOut,
            ));
        };
        let message = message?;
        left -= usize::from(message.offset() + 1 == ends[message.partition() as usize]);
        records.push(test_record(&message));
    }
    records.sort_by_key(|record| record.partition);
    Ok(records)
}

/// Everything that a reader with `isolation.level=read_committed` sees of `topic` now, partition by
/// partition, each in order: up to the first transaction that is open.
///
/// # Errors
/// What librdkafka reports, a broker that does not answer for long included.
pub fn read_committed(
    brokers: &str,
    topic: &str,
    partitions: i32,
) -> Result<Vec<TestRecord>, KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "testkit-read-committed")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut left = partitions;
    let mut records = Vec::new();
    while left > 0 {
        match consumer.poll(PATIENCE) {
            Some(Ok(message)) => records.push(test_record(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(error)) => return Err(error),
            None => {
                let code = RDKafkaErrorCode::OperationTimedOut;
                return Err(KafkaError::MessageConsumption(code));
            }
        }
    }
    records.sort_by_key(|record| record.partition);
    Ok(records)
}

/// Asks again while the coordinator moves or loads: a broker that has just started does for seconds.
fn committed_offsets(
    consumer: &BaseConsumer,
    asked: &TopicPartitionList,
) -> Result<TopicPartitionList, KafkaError> {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    loop {
        let answer = consumer.committed_offsets(asked.clone(), PATIENCE);
        let is_passing = matches!(
            answer
                .as_ref()
                .err()
                .and_then(KafkaError::rdkafka_error_code),
            Some(
                RDKafkaErrorCode::NotCoordinator
                    | RDKafkaErrorCode::CoordinatorNotAvailable
                    | RDKafkaErrorCode::CoordinatorLoadInProgress
            )
        );
        if !is_passing || waited >= PATIENCE {
            return answer;
        }
        // Nothing is subscribed: it only serves the client.
        consumer.poll(PAUSE);
        waited += PAUSE;
    }
}

fn test_record(message: &BorrowedMessage<'_>) -> TestRecord {
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
            .collect()
    });
    TestRecord {
        partition: message.partition(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        timestamp_ms: message.timestamp().to_millis(),
    }
}
