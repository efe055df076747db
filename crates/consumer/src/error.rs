//! What can go wrong, and what a caller may do about it.

use tillwatch_records::TopicPartition;
use tillwatch_records::error::Remedy;

/// Why the consumer could not start or had to end. Passing trouble (a broker that is away) is none
/// of these: it is retried and shown by [`crate::Monitor`].
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// A setting makes no sense.
    #[error("consumer setting `{setting}`: {problem}")]
    Setting {
        /// The key.
        setting: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A librdkafka property was refused. Never shows the value, which may be a secret.
    #[error("kafka property `{name}`: {problem}")]
    Property {
        /// The property.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// librdkafka could not make a client of the properties.
    #[error("kafka client: {0}; check the properties that this names")]
    Client(String),
    /// No broker answered.
    #[error(
        "no kafka broker answered at {brokers} within {timeout_ms} ms ({reason}); check the address, the listener's security protocol and the network"
    )]
    Unreachable {
        /// `bootstrap.servers`.
        brokers: String,
        /// How long we waited.
        timeout_ms: u128,
        /// librdkafka's words.
        reason: String,
    },
    /// Subscribed topics do not exist.
    #[error("unknown topic {}; create it or correct `topics`", .topics.join(", "))]
    UnknownTopic {
        /// Topics that the cluster does not have.
        topics: Vec<String>,
    },
    /// The broker refused who we are.
    #[error(
        "the broker refused the connection: {0}; check security.protocol, sasl.mechanism, sasl.username, sasl.password and the ssl.* properties"
    )]
    Authentication(String),
    /// The broker knows us and does not let us.
    #[error("not allowed: {0}; grant READ on the topics and on the consumer group")]
    Authorization(String),
    /// The sink gave up an output.
    #[error(
        "an output made from {source_partition} was given up; offsets from {offset} on stay uncommitted and are read again; repair what the sink reports and start again"
    )]
    Delivery {
        /// Where the input came from.
        source_partition: TopicPartition,
        /// The first offset that is not safe.
        offset: i64,
    },
    /// librdkafka declared itself unable to go on.
    #[error("the kafka client cannot go on: {0}")]
    Fatal(String),
}

impl ConsumerError {
    /// Whether trying the same again can help.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Unreachable { .. } | Self::Delivery { .. } => Remedy::Retry,
            _ => Remedy::Fatal,
        }
    }
}
