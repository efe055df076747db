//! Whose fault it is that a record was not delivered.

use tillwatch_kafka::ErrorCode;

use crate::status::Cause;

/// Whose fault it is, which decides what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The record's own: it would be refused again as it is.
    Record(Cause),
    /// Another record's of the same batch: alone it may be taken.
    Neighbour,
    /// The cluster's: it will be taken once that is mended.
    Cluster(Cause),
    /// The client's, which is at its end.
    Client,
    /// There is no room at present.
    Full,
}

impl Blame {
    /// By the code of librdkafka or a broker.
    pub(crate) fn of(code: ErrorCode) -> Self {
        use ErrorCode as Code;
        match code {
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => Self::Record(Cause::TooLarge),
            Code::InvalidRecord
            | Code::InvalidMessageSize
            | Code::InvalidMessage
            | Code::PolicyViolation => Self::Record(Cause::Invalid),
            Code::InvalidDifferentRecord => Self::Neighbour,
            Code::QueueFull => Self::Full,
            Code::Fatal
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::Fenced
            | Code::ProducerFenced
            | Code::OutOfOrderSequenceNumber
            | Code::DuplicateSequenceNumber
            | Code::UnknownProducerId
            | Code::InvalidProducerEpoch => Self::Client,
            other => Self::Cluster(cause_of(other)),
        }
    }

    /// What it counts as.
    pub(crate) fn cause(self) -> Cause {
        match self {
            Self::Record(cause) | Self::Cluster(cause) => cause,
            Self::Client => Cause::Fatal,
            Self::Neighbour | Self::Full => Cause::Other,
        }
    }
}

/// The cause of a trouble of the cluster.
fn cause_of(code: ErrorCode) -> Cause {
    use ErrorCode as Code;
    match code {
        Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::InvalidTopic => Cause::TopicMissing,
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => Cause::NotAuthorized,
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SSL => Cause::Authentication,
        Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve => Cause::BrokersDown,
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => Cause::NotEnoughReplicas,
        Code::ThrottlingQuotaExceeded => Cause::Quota,
        Code::InvalidTimestamp => Cause::Timestamp,
        Code::MessageTimedOut
        | Code::OperationTimedOut
        | Code::TimedOutQueue
        | Code::RequestTimedOut => Cause::Unacknowledged,
        _ => Cause::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_causes_is_told_from_what_the_cluster_causes() {
        for (code, blame) in [
            (
                ErrorCode::MessageSizeTooLarge,
                Blame::Record(Cause::TooLarge),
            ),
            (
                ErrorCode::MessageBatchTooLarge,
                Blame::Record(Cause::TooLarge),
            ),
            (ErrorCode::InvalidRecord, Blame::Record(Cause::Invalid)),
            (ErrorCode::InvalidDifferentRecord, Blame::Neighbour),
            (ErrorCode::QueueFull, Blame::Full),
            (ErrorCode::Fatal, Blame::Client),
            (ErrorCode::PurgeQueue, Blame::Client),
            (ErrorCode::UnknownTopic, Blame::Cluster(Cause::TopicMissing)),
            (
                ErrorCode::TopicAuthorizationFailed,
                Blame::Cluster(Cause::NotAuthorized),
            ),
            // The time is ours: no record can choose it.
            (
                ErrorCode::InvalidTimestamp,
                Blame::Cluster(Cause::Timestamp),
            ),
            (
                ErrorCode::UnsupportedCompressionType,
                Blame::Cluster(Cause::Other),
            ),
        ] {
            assert_eq!(Blame::of(code), blame, "{code}");
        }
    }
}
