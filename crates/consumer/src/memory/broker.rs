//! What several sources share.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use tillwatch_records::TopicPartition;

use super::log::Logs;
use super::record::MemoryRecord;
use super::storage::Storage;

/// Logs and committed offsets that several sources share, as the members of a group do. Cheap to clone.
#[derive(Clone, Default)]
pub struct MemoryBroker {
    pub(super) logs: Arc<Mutex<Logs>>,
    pub(super) storage: Arc<Mutex<Storage>>,
}

impl MemoryBroker {
    /// Appends a record to the log of `source`.
    pub fn append(&self, source: &TopicPartition, record: MemoryRecord) {
        self.logs.lock().entry(source).append(record);
    }

    /// Drops the records of `source` below `offset`, as retention does.
    pub fn forget_before(&self, source: &TopicPartition, offset: i64) {
        self.logs.lock().entry(source).forget_before(offset);
    }

    /// The first offset that the log of `source` holds, and one past the last.
    pub fn bounds(&self, source: &TopicPartition) -> Range<i64> {
        let mut logs = self.logs.lock();
        let log = logs.entry(source);
        log.start()..log.end()
    }

    /// What is stored for `source`.
    pub fn committed(&self, source: &TopicPartition) -> Option<i64> {
        self.storage.lock().stored.get(source).copied()
    }

    /// Stores an offset of `source`, whatever was stored before.
    pub fn store(&self, source: &TopicPartition, offset: i64) {
        let mut storage = self.storage.lock();
        storage.stored.insert(source.clone(), offset);
        storage.commits.push((source.clone(), offset));
    }
}
