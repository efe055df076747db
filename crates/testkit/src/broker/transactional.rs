//! A producer whose records are seen together or not at all.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::plain::{PATIENCE, send};

/// Sends in transactions.
pub struct Transactional(BaseProducer);

impl Transactional {
    /// A producer with the transactional id `id` on the cluster at `brokers`.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn new(brokers: &str, id: &str) -> Result<Self, KafkaError> {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("transactional.id", id)
            .create()?;
        producer.init_transactions(PATIENCE)?;
        Ok(Self(producer))
    }

    /// Begins a transaction and sends `records` (partition and value) to `topic` in it; returns once the
    /// broker has them.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn begin(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = (i32, Vec<u8>)>,
    ) -> Result<(), KafkaError> {
        self.0.begin_transaction()?;
        for (partition, payload) in &records.into_iter().collect::<Vec<_>>() {
            let message: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(topic).partition(*partition).payload(payload);
            send(&self.0, message)?;
        }
        self.0.flush(PATIENCE)
    }

    /// Ends the transaction: its records are there.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn commit(&self) -> Result<(), KafkaError> {
        self.0.commit_transaction(PATIENCE)
    }

    /// Ends the transaction: its records are gone.
    ///
    /// # Errors
    /// What librdkafka reports.
    pub fn abort(&self) -> Result<(), KafkaError> {
        self.0.abort_transaction(PATIENCE)
    }
}
