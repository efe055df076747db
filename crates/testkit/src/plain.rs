//! What the plain clients here share: they are librdkafka's own, so that what they see of a broker owes
//! nothing to the crates under test.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord};
use rdkafka::types::RDKafkaErrorCode;

/// How long a broker may take to answer before a helper says so.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Sets what the caller chose, over what stands there.
pub(crate) fn extend(config: &mut ClientConfig, properties: &[(String, String)]) {
    for (name, value) in properties {
        config.set(name, value);
    }
}

/// Hands over one record, waiting while the producer's queue is full.
pub(crate) fn send(
    producer: &BaseProducer,
    record: BaseRecord<'_, [u8], [u8]>,
) -> Result<(), KafkaError> {
    let mut record = record;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(10));
                record = back;
            }
            Err((error, _)) => return Err(error),
        }
    }
}
