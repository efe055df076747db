//! What an error code of librdkafka asks of us.

use tillwatch_records::error::Remedy;

/// An error code of librdkafka or of a broker. Its text is `Name (words)`, without anything of a record.
pub use rdkafka::types::RDKafkaErrorCode as ErrorCode;

/// A kind of trouble, decided by the code alone: the words that come with it change between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The broker refuses who we are: TLS or SASL.
    Authentication,
    /// The broker knows us and does not let us.
    Authorization,
    /// A topic or partition is not there, perhaps not yet.
    TopicMissing,
    /// No broker can be reached at present.
    BrokersDown,
    /// The client holds as many records as it may; there is room once some are delivered.
    QueueFull,
    /// This record can never be sent; the next one may.
    RecordRefused,
    /// The client cannot go on.
    Fatal,
    /// Anything else: the client tries again by itself.
    Passing,
}

impl Trouble {
    /// The kind of `code`.
    pub fn of(code: ErrorCode) -> Self {
        use ErrorCode as Code;
        match code {
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL => Self::Authentication,
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed => Self::Authorization,
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                Self::TopicMissing
            }
            Code::AllBrokersDown => Self::BrokersDown,
            Code::QueueFull => Self::QueueFull,
            Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessage
            | Code::InvalidMessageSize
            | Code::InvalidRecord
            | Code::InvalidTimestamp => Self::RecordRefused,
            Code::Fatal | Code::Fenced | Code::ProducerFenced => Self::Fatal,
            _ => Self::Passing,
        }
    }

    /// Whether waiting does not mend it, for one who only reads what is there.
    pub(crate) fn is_lasting(self) -> bool {
        matches!(
            self,
            Self::Authentication | Self::Authorization | Self::TopicMissing | Self::Fatal
        )
    }

    /// What the caller may do.
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Authentication | Self::Authorization | Self::Fatal => Remedy::Fatal,
            Self::RecordRefused => Remedy::Skip,
            Self::TopicMissing | Self::BrokersDown | Self::QueueFull | Self::Passing => {
                Remedy::Retry
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_whether_to_retry_skip_or_end() {
        for (code, trouble, remedy) in [
            (
                ErrorCode::SaslAuthenticationFailed,
                Trouble::Authentication,
                Remedy::Fatal,
            ),
            (
                ErrorCode::GroupAuthorizationFailed,
                Trouble::Authorization,
                Remedy::Fatal,
            ),
            (
                ErrorCode::UnknownTopic,
                Trouble::TopicMissing,
                Remedy::Retry,
            ),
            (
                ErrorCode::AllBrokersDown,
                Trouble::BrokersDown,
                Remedy::Retry,
            ),
            (ErrorCode::QueueFull, Trouble::QueueFull, Remedy::Retry),
            (
                ErrorCode::MessageSizeTooLarge,
                Trouble::RecordRefused,
                Remedy::Skip,
            ),
            (ErrorCode::Fatal, Trouble::Fatal, Remedy::Fatal),
            (
                ErrorCode::BrokerTransportFailure,
                Trouble::Passing,
                Remedy::Retry,
            ),
        ] {
            assert_eq!(Trouble::of(code), trouble, "{code}");
            assert_eq!(trouble.remedy(), remedy, "{code}");
        }
    }
}
