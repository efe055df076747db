//! What a lane is told between its batches.

use std::sync::Arc;

use tillwatch_records::TopicPartition;

/// Records that were deleted before they were read: by retention, by hand, or since the lane was away for too
/// long. A lane is told before the next batch of the same source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The partition.
    pub source: TopicPartition,
    /// The first offset that is missing.
    pub from: i64,
    /// One past the last one. Among them may be offsets that never held a record for us.
    pub to: i64,
    /// No record that is missing has a later Kafka timestamp, in milliseconds since 1970: that of the next
    /// record, where brokers stamp the topic's records, else the time by this machine's clock.
    pub newest_ms: i64,
}

/// A topic has another number of partitions than before. A producer spreads keys by that number, so what a
/// lane knows of a key may be another lane's from here on, and the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partitions before.
    pub before: usize,
    /// Its partitions now.
    pub after: usize,
    /// When that was noticed, in milliseconds since 1970: records up to then may be in another partition.
    pub newest_ms: i64,
}

/// What tells records that were deleted from offsets that never held one.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a> {
    /// The first offset that the broker holds, where it is known. Asked for when offsets were passed over.
    pub(crate) low: &'a dyn Fn() -> Option<i64>,
    /// The time by this machine's clock, in milliseconds since 1970.
    pub(crate) unix_ms: i64,
}
