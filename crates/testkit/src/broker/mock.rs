//! librdkafka's mock cluster.

use tillwatch_kafka::{Cluster, KafkaError};

/// A cluster inside the process, ended on drop. It keeps at most 5 MiB or 100,000 records of each
/// partition, and creates topics on demand.
pub struct Mock(Cluster);

impl Mock {
    /// A cluster of `brokers` brokers with `topics`, each of (name, partitions).
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn start(brokers: u16, topics: &[(&str, i32)]) -> Result<Self, KafkaError> {
        Cluster::start(brokers, topics).map(Self)
    }

    /// `bootstrap.servers` for clients.
    pub fn brokers(&self) -> &str {
        self.0.brokers()
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), KafkaError> {
        self.0.create_topic(name, partitions)
    }

    /// Makes the broker with the number `broker`, from 1 on, the leader of a partition.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn move_leader(&self, topic: &str, partition: i32, broker: i32) -> Result<(), KafkaError> {
        self.0.move_leader(topic, partition, broker)
    }

    /// Makes the broker with the number `broker`, from 1 on, the coordinator of a consumer group.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn move_coordinator(&self, group: &str, broker: i32) -> Result<(), KafkaError> {
        self.0.move_coordinator(group, broker)
    }

    /// Takes the brokers down, or up again with everything that they held.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn set_available(&self, available: bool) -> Result<(), KafkaError> {
        self.0.set_available(available)
    }
}
