//! The newest records of a topic, for whoever looks at what it holds.

use std::time::Duration;

use tillwatch_kafka::{ErrorCode, KafkaError, Span, TopicReader, TopicRecord, now};
use tillwatch_records::{RawBatch, TopicPartition};

use crate::error::ConsumerError;
use crate::settings::ConsumerSettings;

/// How much of a topic is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Glance {
    /// Most records of all partitions together; each gives as many as the others, where it has so many.
    pub records_max: usize,
    /// Bytes of records from which on no more are read.
    pub bytes_max: usize,
    /// For how long brokers may leave a question, or us without a record.
    pub answer_max: Duration,
    /// For how long records are read.
    pub read_max: Duration,
}

/// What was read of a topic.
#[derive(Debug)]
pub struct Newest {
    /// Records of each partition in the order of their offsets, those of a partition one after the other.
    pub batches: Vec<RawBatch>,
    /// Whether fewer were read than [`Glance::records_max`] asks for, as bytes or time ran out.
    pub is_cut: bool,
}

/// Reads the newest records of `topic`, of whatever cluster `settings` read from. Joins no group and commits
/// nothing; the group of `settings` is what the user may read with.
///
/// # Errors
/// A setting or property that cannot work, and what the brokers say, or that they say nothing.
pub fn newest(
    settings: &ConsumerSettings,
    topic: &str,
    glance: &Glance,
) -> Result<Newest, ConsumerError> {
    let config = settings.client_config()?;
    let (max, timeout) = (glance.records_max as u64, glance.answer_max);
    let mut reader = TopicReader::open_newest(&config, topic, &settings.group, max, timeout)?;
    let mut found = Found::of(topic, reader.spans());
    let deadline = now() + glance.read_max;
    let is_cut = loop {
        match reader.read_next() {
            Ok(Some(record)) => found.take(&record),
            Ok(None) => break false,
            // What came is worth a look: an open transaction holds back what comes after it.
            Err(KafkaError::Call {
                code: ErrorCode::OperationTimedOut,
                ..
            }) if !found.is_empty() => break true,
            Err(error) => return Err(error.into()),
        }
        if found.bytes >= glance.bytes_max || now() >= deadline {
            break true;
        }
    };
    Ok(Newest {
        batches: found.into_batches(),
        is_cut,
    })
}

/// Records by partition, as they come.
struct Found {
    /// One for each partition, in ascending order of their numbers.
    open: Vec<RawBatch>,
    /// Those that hold as much as a batch may.
    full: Vec<RawBatch>,
    bytes: usize,
}

impl Found {
    fn of(topic: &str, spans: &[Span]) -> Self {
        let sources = spans.iter();
        let sources = sources.map(|span| TopicPartition::new(topic, span.partition));
        Self {
            open: sources.map(RawBatch::new).collect(),
            full: Vec::new(),
            bytes: 0,
        }
    }

    fn take(&mut self, record: &TopicRecord<'_>) {
        let mut open = self.open.iter_mut();
        let of_partition = |batch: &&mut RawBatch| batch.source().partition == record.partition();
        let Some(batch) = open.find(of_partition) else {
            return;
        };
        let before = batch.bytes_len();
        batch.push(
            record.offset(),
            record.timestamp_ms(),
            record.key(),
            record.payload(),
            record.headers(),
        );
        self.bytes += batch.bytes_len() - before;
        if batch.is_full(usize::MAX) {
            let next = RawBatch::new(batch.source().clone());
            self.full.push(std::mem::replace(batch, next));
        }
    }

    fn is_empty(&self) -> bool {
        self.full.is_empty() && self.open.iter().all(RawBatch::is_empty)
    }

    fn into_batches(self) -> Vec<RawBatch> {
        let mut batches = self.full;
        batches.extend(self.open);
        batches.retain(|batch| !batch.is_empty());
        // A stable order: those of one partition stay as they came.
        batches.sort_by_key(|batch| batch.source().partition);
        batches
    }
}
