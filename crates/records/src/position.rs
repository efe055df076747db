//! Where a record came from.

use std::fmt;
use std::sync::Arc;

/// Characters of a topic's id in the ids of its records: 48 bits, all of which Kafka draws at random.
const TOPIC_ID_CHARACTERS: usize = 8;

/// One partition of one topic. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Topic name; Kafka allows `[a-zA-Z0-9._-]`, at most 249 characters. For a file, its stem.
    pub topic: Arc<str>,
    /// Partition number, from 0.
    pub partition: i32,
}

/// What tells a topic from another one that had its name before. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TopicId(Arc<str>);

impl TopicPartition {
    /// A partition of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }

    /// What the ids of its records begin with: `topic@id/partition/` with the first eight characters of
    /// the topic's id, or `topic/partition/` where topics have no ids. The offset follows. Neither names nor
    /// ids of topics have `/` or `@` in them, so no two records have one id.
    pub fn id_prefix(&self, topic_id: Option<&TopicId>) -> String {
        let Self { topic, partition } = self;
        match topic_id {
            Some(id) => format!("{topic}@{}/{partition}/", id.beginning()),
            None => format!("{topic}/{partition}/"),
        }
    }
}

impl TopicId {
    /// The id that Kafka's tools print as `text`: letters, digits, `-` and `_`. `None` for any other text.
    pub fn new(text: &str) -> Option<Self> {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_id = !text.is_empty() && text.bytes().all(is_ours);
        is_id.then(|| Self(text.into()))
    }

    /// The whole id, as Kafka's tools print it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its beginning, as the ids of its records have it.
    fn beginning(&self) -> &str {
        // All of it is ASCII.
        &self.0[..self.0.len().min(TOPIC_ID_CHARACTERS)]
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_names_topic_and_partition() {
        let source = TopicPartition::new("payments", 3);
        let id = TopicId::new("Zk3-x_9QRs2vAbCdEfGhIj").unwrap();
        assert_eq!(id.as_str(), "Zk3-x_9QRs2vAbCdEfGhIj");
        assert_eq!(source.id_prefix(Some(&id)), "payments@Zk3-x_9Q/3/");
        let short = TopicId::new("a").unwrap();
        assert_eq!(source.id_prefix(Some(&short)), "payments@a/3/");
        assert_eq!(source.id_prefix(None), "payments/3/");
    }

    #[test]
    fn what_would_be_ambiguous_in_an_id_is_none() {
        for text in ["", "a/b", "a@b", "a\"b", "ä23456789", "a b"] {
            assert_eq!(TopicId::new(text), None, "{text}");
        }
    }
}
