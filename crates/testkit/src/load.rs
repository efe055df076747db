//! Records in, results out, for programs that measure a pipeline from outside.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::plain::{PATIENCE, extend, send};

/// Sends records to one topic.
pub struct Sender {
    producer: BaseProducer,
    topic: String,
}

/// Reads one topic from its first record.
pub struct Reader {
    consumer: BaseConsumer,
}

/// Counts what one topic holds.
pub struct Watch {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Sender {
    /// A sender to `topic` with further `properties`.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn new(
        brokers: &str,
        topic: &str,
        properties: &[(String, String)],
    ) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("linger.ms", "1");
        extend(&mut config, properties);
        Ok(Self {
            producer: config.create()?,
            topic: topic.to_owned(),
        })
    }

    /// Hands over one record; waits while the queue is full.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn send(&self, partition: i32, key: &[u8], payload: &[u8]) -> Result<(), KafkaError> {
        let record = BaseRecord::to(&self.topic).partition(partition);
        send(&self.producer, record.key(key).payload(payload))
    }

    /// Serves delivery reports. To be called now and then.
    pub fn serve(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Waits until the broker has everything.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn flush(&self) -> Result<(), KafkaError> {
        self.producer.flush(PATIENCE)
    }
}

impl Reader {
    /// A reader of `topic`, without a group.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn new(brokers: &str, topic: &str, partitions: i32) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "testkit-reader")
            .set("enable.auto.commit", "false")
            .set("fetch.queue.backoff.ms", "5")
            .create()?;
        let mut all = TopicPartitionList::new();
        for partition in 0..partitions {
            all.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&all)?;
        Ok(Self { consumer })
    }

    /// Shows the next value to `look`; `None` when none came within `timeout`.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn read<T>(
        &self,
        timeout: Duration,
        look: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, KafkaError> {
        let Some(message) = self.consumer.poll(timeout) else {
            return Ok(None);
        };
        let message = message?;
        Ok(Some(look(message.payload().unwrap_or_default())))
    }
}

impl Watch {
    /// A watch on `topic`.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn new(brokers: &str, topic: &str, partitions: i32) -> Result<Self, KafkaError> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "testkit-watch")
            .create()?;
        Ok(Self {
            consumer,
            topic: topic.to_owned(),
            partitions,
        })
    }

    /// Records that were written to the topic and acknowledged so far.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn records(&self) -> Result<u64, KafkaError> {
        let mut records = 0;
        for partition in 0..self.partitions {
            let ends = self
                .consumer
                .fetch_watermarks(&self.topic, partition, PATIENCE)?;
            records += ends.1.max(0).unsigned_abs();
        }
        Ok(records)
    }
}
