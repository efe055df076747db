//! Records in memory, as a broker holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tillwatch_kafka::Reach;
use tillwatch_records::TopicPartition;

use super::record::MemoryRecord;
use crate::pump::Reaches;

/// The logs of all partitions.
#[derive(Debug, Default)]
pub(super) struct Logs(BTreeMap<TopicPartition, Log>);

/// The log of one partition.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// In offset order.
    records: Vec<Arc<MemoryRecord>>,
    /// First offset that is held.
    start: i64,
    /// One past the last offset.
    end: i64,
    /// Nothing of it is given at present.
    pub(super) is_held: bool,
}

impl Logs {
    /// The log of `source`; an empty one where there was none.
    pub(super) fn entry(&mut self, source: &TopicPartition) -> &mut Log {
        self.0.entry(source.clone()).or_default()
    }
}

impl Reaches for Logs {
    fn of(&self, source: &TopicPartition) -> Option<Reach> {
        let log = self.0.get(source);
        Some(Reach {
            low: log.map_or(0, |log| log.start),
            high: log.map_or(0, |log| log.end),
            position: None,
        })
    }
}

impl Log {
    pub(super) fn append(&mut self, record: MemoryRecord) {
        self.end = record.offset + 1;
        self.records.push(Arc::new(record));
    }

    pub(super) fn forget_before(&mut self, offset: i64) {
        self.records.retain(|record| record.offset >= offset);
        self.start = self.start.max(offset.min(self.end));
    }

    /// Appends at most `most` records from offset `next` on to `to`.
    pub(super) fn read(&self, next: i64, most: usize, to: &mut Vec<Arc<MemoryRecord>>) {
        let first = self.records.partition_point(|record| record.offset < next);
        to.extend(self.records[first..].iter().take(most).cloned());
    }

    pub(super) fn start(&self) -> i64 {
        self.start
    }

    pub(super) fn end(&self) -> i64 {
        self.end
    }
}
