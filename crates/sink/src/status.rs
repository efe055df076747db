//! How a sink is, and what it waits for.

use std::fmt;
use std::time::Duration;

/// How a sink is at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkStatus {
    /// What outputs wait for, one entry for a cause and topic. Empty when all is well.
    pub waiting: Vec<Waiting>,
    /// Records handed over and not yet acknowledged.
    pub in_flight: u64,
    /// Their bytes of key and value.
    pub queued_bytes: u64,
}

/// What outputs wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Why.
    pub cause: Cause,
    /// The topic that cannot be written; `None` when none can.
    pub topic: Option<String>,
    /// For how long.
    pub waited: Duration,
}

/// Why outputs are not delivered: one of few, fit for a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The topic, or a partition of it, is not there.
    TopicMissing,
    /// We may not write to the topic.
    NotAuthorized,
    /// The brokers refuse who we are: TLS or SASL.
    Authentication,
    /// No broker can be reached.
    BrokersDown,
    /// Too few replicas are in sync for `acks=all`.
    NotEnoughReplicas,
    /// A quota is used up.
    Quota,
    /// The broker refuses the time of sending, which is this host's.
    Timestamp,
    /// Nothing was acknowledged for long, and no broker says why.
    Unacknowledged,
    /// The client could not go on and is replaced.
    Fatal,
    /// An output is larger than the topic or the client takes.
    TooLarge,
    /// The topic does not take such a record, for example one without a key.
    Invalid,
    /// Anything else.
    Other,
}

impl SinkStatus {
    /// Whether outputs are being delivered.
    pub fn is_up(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds the status of another sink, for one over several.
    pub fn add(&mut self, other: Self) {
        self.waiting.extend(other.waiting);
        self.in_flight += other.in_flight;
        self.queued_bytes += other.queued_bytes;
    }
}

impl Cause {
    /// Every cause, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::TopicMissing,
        Self::NotAuthorized,
        Self::Authentication,
        Self::BrokersDown,
        Self::NotEnoughReplicas,
        Self::Quota,
        Self::Timestamp,
        Self::Unacknowledged,
        Self::Fatal,
        Self::TooLarge,
        Self::Invalid,
        Self::Other,
    ];

    /// The name as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopicMissing => "topic_missing",
            Self::NotAuthorized => "not_authorized",
            Self::Authentication => "authentication",
            Self::BrokersDown => "brokers_down",
            Self::NotEnoughReplicas => "not_enough_replicas",
            Self::Quota => "quota",
            Self::Timestamp => "timestamp",
            Self::Unacknowledged => "unacknowledged",
            Self::Fatal => "fatal",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::Other => "other",
        }
    }

    /// What is wrong and what to do, to be read after the name of what cannot be written.
    pub fn advice(self) -> &'static str {
        match self {
            Self::TopicMissing => "does not exist; create it",
            Self::NotAuthorized => "we may not write to it; grant WRITE and DESCRIBE",
            Self::Authentication => {
                "the brokers refuse the connection; check the security, sasl and ssl properties"
            }
            Self::BrokersDown => "no broker can be reached; check brokers and network",
            Self::NotEnoughReplicas => {
                "too few replicas are in sync; start the missing brokers or lower \
                 min.insync.replicas"
            }
            Self::Quota => "a quota of the cluster is used up; raise it",
            Self::Timestamp => {
                "the broker refuses the time of sending; check the clock of this host and the \
                 topic's message.timestamp settings"
            }
            Self::Unacknowledged => {
                "the brokers acknowledge nothing; check that they run and that enough replicas \
                 are in sync"
            }
            Self::Fatal => "the client cannot go on and is replaced; see the log",
            Self::TooLarge => "does not take records of this size; raise max.message.bytes",
            Self::Invalid => "does not take such records; check its cleanup.policy",
            Self::Other => "the broker refuses it; see the log",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.topic {
            Some(topic) => write!(f, "topic `{topic}`: ")?,
            None => f.write_str("outputs: ")?,
        }
        let seconds = self.waited.as_secs();
        write!(f, "{} (for {seconds} s)", self.cause.advice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_cause_is_its_place_in_the_list() {
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index, "{cause}");
        }
    }

    #[test]
    fn what_is_waited_for_is_said_with_what_to_do() {
        let mut status = SinkStatus::default();
        assert!(status.is_up());
        status.add(SinkStatus {
            waiting: vec![Waiting {
                cause: Cause::TopicMissing,
                topic: Some("letters".to_owned()),
                waited: Duration::from_millis(12_300),
            }],
            in_flight: 3,
            queued_bytes: 70,
        });
        assert!(!status.is_up());
        assert_eq!((status.in_flight, status.queued_bytes), (3, 70));
        assert_eq!(
            status.waiting[0].to_string(),
            "topic `letters`: does not exist; create it (for 12 s)"
        );
    }
}
