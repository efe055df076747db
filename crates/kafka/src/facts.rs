//! What a cluster says of itself, of topics and of a group when it is asked.

use std::collections::BTreeMap;

use crate::trouble::ErrorCode;

/// An operation of Kafka's access control that matters to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Read a topic, or be a member of a group.
    Read,
    /// Write to a topic.
    Write,
    /// See that a topic or group exists.
    Describe,
    /// See the settings of a topic.
    DescribeConfigs,
}

/// The operations that we are allowed, as the broker itself answers: also where it has no access
/// control, and where one right includes another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations(u8);

/// A broker of the cluster, at the address that it tells its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: i32,
    /// `host:port`, from its `advertised.listeners`.
    pub address: String,
}

/// The cluster as it describes itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Its identity; empty where it tells none.
    pub id: String,
    /// Its brokers.
    pub nodes: Vec<Node>,
}

/// A topic that exists and that we may see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicFacts {
    /// Its partitions.
    pub partitions: usize,
    /// Partitions that no broker leads at present.
    pub leaderless: usize,
    /// Replicas of the partition that has the fewest.
    pub replicas_min: usize,
    /// Replicas in step with the leader, of the partition that has the fewest.
    pub in_sync_min: usize,
    /// What we may do with it; `None` from a broker that does not say (before Kafka 2.3).
    pub operations: Option<Operations>,
}

/// Which topic a name stands for at present, and how far its keys are spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicIdentity {
    /// Its partitions.
    pub partitions: usize,
    /// What tells it from another topic of the same name, as Kafka's tools print it; `None` from a broker
    /// that gives topics none (before Kafka 2.8).
    pub id: Option<String>,
}

/// A topic's settings by name, the broker's defaults included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSettings(pub BTreeMap<String, String>);

/// Why a question was not answered, or was answered with a refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    /// The kind of refusal, for decisions.
    pub code: ErrorCode,
    /// The words of broker or client, for a person.
    pub words: String,
}

/// An answer, or why there is none.
pub type Asked<T> = Result<T, Refusal>;

/// What a question about several topics was answered, by topic.
pub type ByTopic<T> = Vec<(String, Asked<T>)>;

impl Operations {
    /// These operations.
    pub fn of(operations: impl IntoIterator<Item = Operation>) -> Self {
        let bits = operations.into_iter().map(Operation::bit);
        Self(bits.fold(0, |all, bit| all | bit))
    }

    /// Whether `operation` is among them.
    pub fn allow(self, operation: Operation) -> bool {
        self.0 & operation.bit() != 0
    }
}

impl Operation {
    /// As Kafka's documentation and tools write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Describe => "DESCRIBE",
            Self::DescribeConfigs => "DESCRIBE_CONFIGS",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl TopicSettings {
    /// The number that `name` is set to; `None` where the broker does not tell it.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.parse().ok()
    }

    /// The text that `name` is set to.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Refusal {
    /// A refusal by its code alone.
    pub fn of(code: ErrorCode) -> Self {
        Self {
            code,
            words: code.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_apart() {
        let operations = Operations::of([Operation::Read, Operation::DescribeConfigs]);
        assert!(operations.allow(Operation::Read) && operations.allow(Operation::DescribeConfigs));
        assert!(!operations.allow(Operation::Write) && !operations.allow(Operation::Describe));
        assert!(!Operations::default().allow(Operation::Read));
    }
}
