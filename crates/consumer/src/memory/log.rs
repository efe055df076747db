//! Records in memory, as a broker holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tillwatch_records::TopicPartition;

use super::record::MemoryRecord;
use crate::pump::Watermarks;

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

    /// Where reading of `source` begins without a committed offset: at its end when `at_end`.
    pub(super) fn start_of(&self, source: &TopicPartition, at_end: bool) -> i64 {
        let log = self.0.get(source);
        log.map_or(0, |log| if at_end { log.end } else { log.start })
    }
}

impl Watermarks for Logs {
    fn of(&self, source: &TopicPartition) -> Option<(i64, i64)> {
        let log = self.0.get(source)?;
        Some((log.start, log.end))
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
