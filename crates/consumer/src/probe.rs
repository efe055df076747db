//! Whether the brokers answer and the topics exist, without joining a group.

use std::time::Duration;

use tillwatch_kafka::{ClientConfig, Properties, TopicStatus, describe};

use crate::error::ConsumerError;

/// Asks the brokers about `topics`, waiting at most `timeout` in all.
///
/// # Errors
/// [`ConsumerError::Kafka`]: no broker answers in time or it refuses us, or a property that librdkafka does
/// not accept.
pub fn probe(
    properties: &Properties,
    topics: &[String],
    timeout: Duration,
) -> Result<Vec<TopicStatus>, ConsumerError> {
    let config = ClientConfig::new(properties, &[])?;
    Ok(describe(&config, topics, timeout)?)
}
