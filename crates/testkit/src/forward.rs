//! What reading and writing cost without a scorer in between: the control that benches measure
//! against.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord};

use crate::plain::{extend, send};

/// How long a poll waits for a record when there is none.
const IDLE_WAIT: Duration = Duration::from_millis(100);

/// Records sent between two looks at delivery reports.
const REPORTS_EVERY: u32 = 1024;

/// A plain consume-and-forward of a topic.
#[derive(Debug, Clone)]
pub struct Forward {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// Consumer group.
    pub group: String,
    /// Topic to read, from its first record.
    pub from: String,
    /// Topic to write.
    pub to: String,
    /// Further properties of the consumer.
    pub consumer: Vec<(String, String)>,
    /// Further properties of the producer.
    pub producer: Vec<(String, String)>,
}

impl Forward {
    /// Sends key and value of every record on, in one thread, until the process is ended: the shortest
    /// loop around librdkafka that does the work, with the settings that make it fast.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn run(&self) -> Result<(), KafkaError> {
        let consumer = self.consumer()?;
        let producer = self.producer()?;
        let mut sent = 0_u32;
        loop {
            let Some(message) = consumer.poll(IDLE_WAIT) else {
                producer.poll(Duration::ZERO);
                continue;
            };
            let message = message?;
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.to);
            record.key = message.key();
            record.payload = message.payload();
            send(&producer, record)?;
            sent = sent.wrapping_add(1);
            if sent.is_multiple_of(REPORTS_EVERY) {
                producer.poll(Duration::ZERO);
            }
        }
    }

    fn consumer(&self) -> Result<BaseConsumer, KafkaError> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", &self.group)
            .set("auto.offset.reset", "earliest")
            // Its default of a second makes a fast reader wait for nothing.
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", "100");
        extend(&mut config, &self.consumer);
        let consumer: BaseConsumer = config.create()?;
        consumer.subscribe(&[&self.from])?;
        Ok(consumer)
    }

    fn producer(&self) -> Result<BaseProducer, KafkaError> {
        let mut config = ClientConfig::new();
        // As the Kafka sink chooses, with a longer queue.
        config
            .set("bootstrap.servers", &self.brokers)
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "1")
            .set("compression.type", "lz4")
            .set("queue.buffering.max.messages", "500000")
            .set("queue.buffering.max.kbytes", "65536");
        extend(&mut config, &self.producer);
        config.create()
    }
}
