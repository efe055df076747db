//! A record that is not Kafka's.

use tillwatch_records::RawBatch;

use crate::incoming::Incoming;

/// A record in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryRecord {
    /// Its offset; above that of the record before it in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, if it has a time.
    pub timestamp_ms: Option<i64>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; `None` for a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Headers in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Incoming for &MemoryRecord {
    fn offset(&self) -> i64 {
        self.offset
    }

    fn append_to(&self, batch: &mut RawBatch) {
        let headers = self.headers.iter();
        batch.push(
            self.offset,
            self.timestamp_ms,
            self.key.as_deref(),
            self.payload.as_deref(),
            headers.map(|(name, value)| (name.as_str(), value.as_deref())),
        );
    }
}
