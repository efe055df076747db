//! What can go wrong, and what a caller may do about it.

use tillwatch_kafka::KafkaError;
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
    /// The client could not be made of its properties, or brokers did not answer a question.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// Subscribed topics do not exist.
    #[error("unknown topic {}; create it or correct `topics`", .topics.join(", "))]
    UnknownTopic {
        /// Topics that the cluster does not have.
        topics: Vec<String>,
    },
    /// The broker knows us and does not let us.
    #[error("not allowed: {0}; grant READ on the topics and on the consumer group")]
    Authorization(String),
    /// The sink gave up an output.
    #[error(
        "an output made from {source_partition} was given up; offsets from {offset} on stay \
         uncommitted and are read again; repair what the sink reports and start again"
    )]
    Delivery {
        /// Where the input came from.
        source_partition: TopicPartition,
        /// The first offset that is not safe.
        offset: i64,
    },
    /// Outputs were taken back together with the offsets that belong to them.
    #[error(
        "outputs made from {source_partition} were taken back; offsets from {offset} on stay \
         uncommitted and are read again; start again"
    )]
    Abandoned {
        /// Where the input came from.
        source_partition: TopicPartition,
        /// The first offset that is not safe.
        offset: i64,
    },
    /// A batch was settled that was not under way.
    #[error(
        "a batch of {source_partition} was settled twice: what is done of the partition is not \
         known, and offsets from {offset} on stay uncommitted; this is a defect, report it and \
         start again"
    )]
    Ledger {
        /// The partition.
        source_partition: TopicPartition,
        /// The first offset that is not safe.
        offset: i64,
    },
    /// Offsets of a partition went back.
    #[error(
        "offsets of {source_partition} went back from {expected} to {found}: the topic was made anew or \
         its log truncated; nothing more of the partition is committed; start again, and if it ends so \
         again, set the group's offset of the partition to where the log is to be read from"
    )]
    OffsetsFell {
        /// The partition.
        source_partition: TopicPartition,
        /// The offset that was to come.
        expected: i64,
        /// The offset that came.
        found: i64,
    },
    /// The topics' partitions do not belong together.
    #[error(
        "topics are not co-partitioned: {}; partitions of the same number are merged into one lane, so \
         give all topics the same number of partitions, or read them by instances of their own",
        counted(.counts)
    )]
    NotCoPartitioned {
        /// Each topic and its number of partitions.
        counts: Vec<(String, usize)>,
    },
    /// A topic was deleted and made anew while it was read.
    #[error(
        "topic {topic} was deleted and made anew (its id was {before} and is {after}): its offsets are of \
         other records; nothing more of it is committed; start again to read the new one from where its log \
         begins"
    )]
    TopicRemade {
        /// Its name.
        topic: String,
        /// The id of the one that was read.
        before: String,
        /// The id of the one that has the name.
        after: String,
    },
    /// Another process has joined the group under our name.
    #[error(
        "another process has joined the group with the same group.instance.id{}: the group has given it this \
         one's partitions; give every process an id of its own, and start this one again",
        .instance.as_ref().map(|id| format!(" {id:?}")).unwrap_or_default()
    )]
    Fenced {
        /// The id, where it is known.
        instance: Option<String>,
    },
    /// librdkafka declared itself unable to go on.
    #[error("the kafka client cannot go on: {0}")]
    Fatal(String),
}

impl ConsumerError {
    /// Whether trying the same again can help.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Kafka(error) => error.remedy(),
            Self::Delivery { .. }
            | Self::Abandoned { .. }
            | Self::OffsetsFell { .. }
            | Self::TopicRemade { .. } => Remedy::Retry,
            Self::Setting { .. }
            | Self::UnknownTopic { .. }
            | Self::Authorization(_)
            | Self::NotCoPartitioned { .. }
            | Self::Fenced { .. }
            | Self::Ledger { .. }
            | Self::Fatal(_) => Remedy::Fatal,
        }
    }
}

/// `a has 4 partitions, b has 2`
fn counted(counts: &[(String, usize)]) -> String {
    let counts: Vec<String> = counts
        .iter()
        .map(|(topic, partitions)| format!("{topic} has {partitions} partitions"))
        .collect();
    counts.join(", ")
}
