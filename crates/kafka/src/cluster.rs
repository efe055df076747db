//! A Kafka cluster inside the process: librdkafka's mock cluster.
//!
//! It speaks Kafka's protocol on local ports, so producers and consumers are the ordinary ones. It
//! keeps little, and nothing on disk: see [`Cluster::PARTITION_BYTES_MAX`].

use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};

use crate::error::KafkaError;
use crate::native;

/// How long a new consumer group waits for further members. librdkafka's 3,000 ms would be most of
/// the wait for the first score, and of a test.
const GROUP_REBALANCE_DELAY_MS: i32 = 50;

/// A running cluster; it ends when this is dropped.
pub struct Cluster {
    /// Owns the cluster: librdkafka makes it for a client configured so and destroys it with it.
    owner: BaseProducer,
    brokers: String,
}

impl Cluster {
    /// Records of a partition that are retained at least (`max_cnt` in librdkafka's `rdkafka_mock.c`; it
    /// counts batches, of one record or more). Older ones are dropped, read or not.
    pub const PARTITION_RECORDS_MAX: usize = 100_000;

    /// Bytes of a partition that are retained (`max_size` there). Older ones are dropped, read or not, so
    /// a producer must be paced by its consumer.
    pub const PARTITION_BYTES_MAX: usize = 5 * 1024 * 1024;

    /// Starts `brokers` brokers with `topics`, each a name and its number of partitions. Topics that a
    /// client names are created on demand.
    ///
    /// # Errors
    /// What librdkafka refuses, such as a port.
    pub fn start(brokers: u16, topics: &[(&str, i32)]) -> Result<Self, KafkaError> {
        let owner: BaseProducer = rdkafka::ClientConfig::new()
            .set("test.mock.num.brokers", brokers.to_string())
            // Or librdkafka notes on stderr that the address was replaced.
            .set("log_level", "3")
            .create()
            .map_err(|error| KafkaError::of("start an embedded broker", &error))?;
        if !native::lower_rebalance_delay(&owner, GROUP_REBALANCE_DELAY_MS) {
            return Err(KafkaError::Missing("mock cluster"));
        }
        let brokers = cluster(&owner)?.bootstrap_servers();
        let started = Self { owner, brokers };
        for (topic, partitions) in topics {
            started.create_topic(topic, *partitions)?;
        }
        Ok(started)
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), KafkaError> {
        let created = cluster(&self.owner)?.create_topic(name, partitions, 1);
        created.map_err(|error| KafkaError::of("create a topic", &error))
    }

    /// The value for `bootstrap.servers`.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Takes the brokers down (connections drop, new ones are refused) or up again, with all records
    /// kept: a broker that goes away for a while.
    ///
    /// # Errors
    /// What librdkafka refuses.
    pub fn set_available(&self, available: bool) -> Result<(), KafkaError> {
        let cluster = cluster(&self.owner)?;
        let outcome = if available {
            cluster.broker_up(-1)
        } else {
            cluster.broker_down(-1)
        };
        outcome.map_err(|error| KafkaError::of("take the embedded broker up or down", &error))
    }

    /// Makes the broker with the number `broker`, from 1 on, the leader of a partition.
    ///
    /// # Errors
    /// What librdkafka refuses, such as a broker that is not there.
    pub fn move_leader(&self, topic: &str, partition: i32, broker: i32) -> Result<(), KafkaError> {
        let moved = cluster(&self.owner)?.partition_leader(topic, partition, Some(broker));
        moved.map_err(|error| KafkaError::of("move the leader of a partition", &error))
    }

    /// Makes the broker with the number `broker`, from 1 on, the coordinator of a consumer group.
    ///
    /// # Errors
    /// What librdkafka refuses, such as a broker that is not there.
    pub fn move_coordinator(&self, group: &str, broker: i32) -> Result<(), KafkaError> {
        let group = MockCoordinator::Group(group.to_owned());
        let moved = cluster(&self.owner)?.coordinator(group, broker);
        moved.map_err(|error| KafkaError::of("move the coordinator of a group", &error))
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("brokers", &self.brokers)
            .finish_non_exhaustive()
    }
}

fn cluster(owner: &BaseProducer) -> Result<MockCluster<'_, DefaultProducerContext>, KafkaError> {
    let cluster = owner.client().mock_cluster();
    cluster.ok_or(KafkaError::Missing("mock cluster"))
}
