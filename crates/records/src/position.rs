//! Where a record came from.

use std::fmt;
use std::sync::Arc;

/// One partition of one topic. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Topic name; Kafka allows `[a-zA-Z0-9._-]`, at most 249 characters. For a file, its stem.
    pub topic: Arc<str>,
    /// Partition number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// The identity of the score of the record at a position: `topic/partition/offset`. A topic name cannot
/// contain `/`, so it is unambiguous; [`Emissions::score_id`](crate::Emissions::score_id) tells it of any
/// emission.
pub fn score_id(source: &TopicPartition, offset: i64) -> String {
    format!("{source}/{offset}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_id_names_the_position() {
        assert_eq!(
            score_id(&TopicPartition::new("payments", 3), 42),
            "payments/3/42"
        );
    }
}
