//! librdkafka's mock cluster.
#![expect(
    unsafe_code,
    reason = "the binding has no call for the mock group's rebalance delay"
)]

use rdkafka::ClientConfig;
use rdkafka::bindings as sys;
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};

/// How long the mock coordinator waits for more members before a group's first generation. Its own
/// default of 3 s would be most of a test.
const REBALANCE_DELAY_MS: i32 = 50;

/// A cluster inside the process, ended on drop. It keeps at most 5 MiB or 100,000 records of each
/// partition, and creates topics on demand.
pub struct Mock {
    /// Owns the cluster.
    client: BaseProducer,
    brokers: String,
}

impl Mock {
    /// A cluster of `brokers` brokers with `topics`, each of (name, partitions).
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn start(brokers: u16, topics: &[(&str, i32)]) -> Result<Self, KafkaError> {
        let client: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", brokers.to_string())
            // Or librdkafka notes on stderr that the address was replaced.
            .set("log_level", "3")
            .create()?;
        // SAFETY: the cluster belongs to the client, which is alive; a null handle is passed over.
        unsafe {
            let cluster = sys::rd_kafka_handle_mock_cluster(client.client().native_ptr());
            if !cluster.is_null() {
                sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, REBALANCE_DELAY_MS);
            }
        }
        let address = cluster_of(&client)?.bootstrap_servers();
        let mock = Self {
            client,
            brokers: address,
        };
        for (topic, partitions) in topics {
            mock.cluster()?.create_topic(topic, *partitions, 1)?;
        }
        Ok(mock)
    }

    /// `bootstrap.servers` for clients.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The cluster, to inject faults.
    ///
    /// # Errors
    /// When the client has no cluster, which cannot be after `start`.
    pub fn cluster(&self) -> Result<MockCluster<'_, DefaultProducerContext>, KafkaError> {
        cluster_of(&self.client)
    }
}

fn cluster_of(
    client: &BaseProducer,
) -> Result<MockCluster<'_, DefaultProducerContext>, KafkaError> {
    client
        .client()
        .mock_cluster()
        .ok_or(KafkaError::ClientCreation("no mock cluster".to_owned()))
}
