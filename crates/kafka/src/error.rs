//! What can go wrong between us and Kafka.

use tillwatch_records::TopicPartition;
use tillwatch_records::error::Remedy;

use crate::trouble::{ErrorCode, Trouble};

/// Why a client could not be made or a question was not answered. Never shows a property's value that
/// may be a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KafkaError {
    /// A librdkafka property was refused.
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
    /// A name that no topic can have.
    #[error("`{0}` cannot be a topic name; use letters, digits, `.`, `_`, `-`")]
    TopicName(String),
    /// The broker refused who we are.
    #[error(
        "the broker refused the connection: {0}; check security.protocol, sasl.mechanism, \
         sasl.username, sasl.password and the ssl.* properties"
    )]
    Authentication(String),
    /// A call that librdkafka refused.
    #[error("kafka client: cannot {action}: {code}")]
    Call {
        /// What was asked for, as a verb.
        action: &'static str,
        /// The answer.
        code: ErrorCode,
    },
    /// A part that librdkafka did not give, for want of room or because it was built without it.
    #[error("kafka client: librdkafka gave no {0}; check that the build has it, and free bytes")]
    Missing(&'static str),
    /// A record came past the queue of its partition.
    #[error("a record of {0} came past its partition's queue; this is a defect, report it")]
    Stray(TopicPartition),
    /// The system gave no thread.
    #[error("no thread for kafka's delivery reports: {0}; raise the limit on threads")]
    Thread(String),
}

impl KafkaError {
    /// What the caller may do.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Call { code, .. } => Trouble::of(*code).remedy(),
            Self::Property { .. }
            | Self::Client(_)
            | Self::TopicName(_)
            | Self::Authentication(_)
            | Self::Missing(_)
            | Self::Stray(_)
            | Self::Thread(_) => Remedy::Fatal,
        }
    }

    /// `error` of the binding, met while trying to `action`.
    pub(crate) fn of(action: &'static str, error: &rdkafka::error::KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(code) => Self::Call { action, code },
            None => Self::Client(format!("cannot {action}: {error}")),
        }
    }
}
