//! A Kafka cluster inside the process, for the demonstration.

use tillwatch_kafka::Cluster;

use crate::error::SimulatorError;

/// Records of a partition that the broker retains at least. Older ones are dropped, read or not.
pub const PARTITION_RECORDS_MAX: usize = Cluster::PARTITION_RECORDS_MAX;

/// Bytes of a partition that the broker retains. Older ones are dropped, read or not, so a producer must
/// be paced by its consumer: see [`Pacer`](crate::Pacer).
pub const PARTITION_BYTES_MAX: usize = Cluster::PARTITION_BYTES_MAX;

/// Brokers of the cluster. One: nothing is replicated, and every further one costs a thread's time.
const BROKERS: u16 = 1;

/// What a consumer of this broker should set, each a librdkafka property and its value. The broker
/// answers a fetch that found nothing only after the whole `fetch.wait.max.ms` (500 by default), even
/// when records come in earlier; and librdkafka pauses fetching for `fetch.queue.backoff.ms` (1,000 by
/// default) whenever its queue is full.
pub const CONSUMER_PROPERTIES: [(&str, &str); 2] =
    [("fetch.wait.max.ms", "2"), ("fetch.queue.backoff.ms", "2")];

/// A running cluster; it ends when this is dropped.
#[derive(Debug)]
pub struct EmbeddedBroker(Cluster);

impl EmbeddedBroker {
    /// Starts a cluster with `topics`, each a name and its number of partitions.
    ///
    /// # Errors
    /// [`SimulatorError::Broker`].
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, SimulatorError> {
        Ok(Self(Cluster::start(BROKERS, topics)?))
    }

    /// The value for `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        self.0.brokers()
    }

    /// Takes the brokers down (connections drop, new ones are refused) or up again, with all records
    /// kept: a broker that goes away for a while.
    ///
    /// # Errors
    /// [`SimulatorError::Broker`].
    pub fn set_available(&self, available: bool) -> Result<(), SimulatorError> {
        Ok(self.0.set_available(available)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::error::{KafkaError, RDKafkaErrorCode};
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
    use rdkafka::{ClientConfig, Message as _};

    use super::*;
    use crate::Pacer;
    use crate::partition::partition_of;

    const PARTITIONS: i32 = 4;
    const RECORDS: usize = 300_000;

    #[test]
    fn a_paced_run_loses_nothing() {
        let broker = EmbeddedBroker::start(&[("t", PARTITIONS)]).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker.bootstrap());
        let producer: BaseProducer = config.clone().set("linger.ms", "5").create().unwrap();
        config.extend(CONSUMER_PROPERTIES.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let consumer: BaseConsumer = config
            .set("group.id", "g")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        consumer.subscribe(&["t"]).unwrap();

        let mut pacer = Pacer::for_embedded_broker(PARTITIONS as usize);
        let payload = [b'x'; 430];
        let mut sent = 0;
        let mut next = [0_i64; PARTITIONS as usize];
        let mut received = 0;
        while received < RECORDS {
            while sent < RECORDS {
                let key = format!("terminal-{}", sent % 1_000);
                let partition = partition_of(key.as_bytes(), PARTITIONS);
                if !pacer.try_send(partition as usize, key.len() + payload.len()) {
                    break;
                }
                let mut record = BaseRecord::to("t")
                    .partition(partition)
                    .key(&key)
                    .payload(&payload[..]);
                while let Err((KafkaError::MessageProduction(code), back)) = producer.send(record) {
                    assert_eq!(code, RDKafkaErrorCode::QueueFull);
                    producer.poll(Duration::from_millis(1));
                    record = back;
                }
                sent += 1;
            }
            producer.poll(Duration::ZERO);
            let mut wait = Duration::from_millis(20);
            while let Some(message) = consumer.poll(wait) {
                let message = message.unwrap();
                let partition = message.partition() as usize;
                assert_eq!(message.offset(), next[partition], "a record was lost");
                next[partition] += 1;
                received += 1;
                wait = Duration::ZERO;
            }
            for (partition, offset) in next.iter().enumerate() {
                pacer.progress(partition, *offset);
            }
        }
        assert_eq!(next.iter().sum::<i64>(), RECORDS as i64);
        assert_eq!(pacer.outstanding(), 0);
    }

    #[test]
    fn a_broker_that_went_away_comes_back_with_its_records() {
        let broker = EmbeddedBroker::start(&[("t", 1)]).unwrap();
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", broker.bootstrap())
            .set("reconnect.backoff.ms", "10")
            .set("reconnect.backoff.max.ms", "20")
            .create()
            .unwrap();
        let send = || {
            let record: BaseRecord<'_, str, str> = BaseRecord::to("t").partition(0).payload("x");
            producer.send(record).unwrap();
        };
        send();
        producer.flush(Duration::from_secs(10)).unwrap();
        broker.set_available(false).unwrap();
        send();
        assert!(
            producer.flush(Duration::from_millis(100)).is_err(),
            "nobody is there"
        );
        broker.set_available(true).unwrap();
        producer.flush(Duration::from_secs(10)).unwrap();
        let watermarks = producer
            .client()
            .fetch_watermarks("t", 0, Duration::from_secs(10))
            .unwrap();
        assert_eq!(watermarks, (0, 2));
    }
}
