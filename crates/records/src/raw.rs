//! Bytes as they came, with their positions.

use std::ops::Range;

use crate::flags::Flags;
use crate::limits::BATCH_BYTES_MAX;
use crate::position::{TopicId, TopicPartition};

/// Records of one partition in offset order, copied out of the client's buffers into one arena, so
/// that a batch is two allocations however many records it holds.
#[derive(Debug, Clone)]
pub struct RawBatch {
    source: TopicPartition,
    /// See [`RawBatch::topic_id`].
    topic_id: Option<TopicId>,
    /// Payloads, keys and headers, back to back. Never longer than [`BATCH_BYTES_MAX`] plus one
    /// record, so `u32` ranges address it.
    bytes: Vec<u8>,
    /// One entry per record; offsets strictly increase.
    entries: Vec<Entry>,
    /// See [`RawBatch::flags`].
    flags: Flags,
}

#[derive(Debug, Clone)]
struct Entry {
    offset: i64,
    timestamp_ms: i64,
    payload: Option<Range<u32>>,
    key: Option<Range<u32>>,
    /// Headers, encoded as (name length, name, value length or `u32::MAX` for null, value).
    headers: Range<u32>,
}

/// One record of a [`RawBatch`].
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// Kafka offset, or the row number for a file.
    pub offset: i64,
    /// Kafka record timestamp in milliseconds since 1970, or `None` where the source has none.
    pub timestamp_ms: Option<i64>,
    /// Record value; `None` for a tombstone.
    pub payload: Option<&'a [u8]>,
    /// Record key.
    pub key: Option<&'a [u8]>,
    headers: &'a [u8],
}

const NULL_LENGTH: u32 = u32::MAX;
const NO_TIMESTAMP: i64 = i64::MIN;

impl RawBatch {
    /// An empty batch of `source`, whose topic has no id.
    pub fn new(source: TopicPartition) -> Self {
        Self::of_topic(source, None)
    }

    /// An empty batch of `source`, whose topic is the one with this id.
    pub fn of_topic(source: TopicPartition, topic_id: Option<TopicId>) -> Self {
        Self {
            source,
            topic_id,
            bytes: Vec::new(),
            entries: Vec::new(),
            flags: Flags::empty(),
        }
    }

    /// The partition that all records came from.
    pub fn source(&self) -> &TopicPartition {
        &self.source
    }

    /// What tells the topic from another one that had its name before; `None` where topics have no ids.
    pub fn topic_id(&self) -> Option<&TopicId> {
        self.topic_id.as_ref()
    }

    /// Marks that every score made of the batch has, for what happened to its records on their way.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Adds to [`RawBatch::flags`].
    pub fn mark(&mut self, flags: Flags) {
        self.flags |= flags;
    }

    /// Appends a record. `headers` are (name, value) pairs in order.
    ///
    /// The caller stops at [`RawBatch::is_full`]; a record past that is still taken whole.
    pub fn push<'h>(
        &mut self,
        offset: i64,
        timestamp_ms: Option<i64>,
        key: Option<&[u8]>,
        payload: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        debug_assert!(self.entries.last().is_none_or(|last| last.offset < offset));
        let payload = payload.map(|bytes| self.append(bytes));
        let key = key.map(|bytes| self.append(bytes));
        let start = self.end();
        for (name, value) in headers {
            self.append_header_part(Some(name.as_bytes()));
            self.append_header_part(value);
        }
        let headers = start..self.end();
        let timestamp_ms = timestamp_ms.unwrap_or(NO_TIMESTAMP);
        self.entries.push(Entry {
            offset,
            timestamp_ms,
            payload,
            key,
            headers,
        });
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of payloads, keys and headers.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes allocated, records or not.
    pub fn allocated_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Whether the batch holds as much as one may: `records_max` records or [`BATCH_BYTES_MAX`].
    pub fn is_full(&self, records_max: usize) -> bool {
        self.entries.len() >= records_max || self.bytes.len() >= BATCH_BYTES_MAX
    }

    /// The record at `index`, counted from 0.
    ///
    /// # Panics
    /// When `index` is not below [`RawBatch::len`].
    pub fn get(&self, index: usize) -> RawRecord<'_> {
        let entry = &self.entries[index];
        RawRecord {
            offset: entry.offset,
            timestamp_ms: (entry.timestamp_ms != NO_TIMESTAMP).then_some(entry.timestamp_ms),
            payload: entry.payload.as_ref().map(|range| self.slice(range)),
            key: entry.key.as_ref().map(|range| self.slice(range)),
            headers: self.slice(&entry.headers),
        }
    }

    /// All records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RawRecord<'_>> {
        (0..self.entries.len()).map(|index| self.get(index))
    }

    /// The offset to commit once everything made from this batch is acknowledged: one past the last
    /// record; `None` for an empty batch.
    pub fn next_offset(&self) -> Option<i64> {
        self.entries.last().map(|entry| entry.offset + 1)
    }

    /// Keeps the first `records` records, all when there are fewer. Bytes of the others stay in the
    /// arena until it is cleared.
    pub fn truncate(&mut self, records: usize) {
        self.entries.truncate(records);
    }

    /// Removes all records and marks, and keeps the memory.
    pub fn clear(&mut self) {
        self.flags = Flags::empty();
        self.bytes.clear();
        self.entries.clear();
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        &self.bytes[range.start as usize..range.end as usize]
    }

    fn end(&self) -> u32 {
        // A batch is at most BATCH_BYTES_MAX plus one record, and a record is below 2^31.
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn append(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.end();
        self.bytes.extend_from_slice(bytes);
        start..self.end()
    }

    fn append_header_part(&mut self, part: Option<&[u8]>) {
        let length = part.map_or(NULL_LENGTH, |bytes| bytes.len() as u32);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(part.unwrap_or_default());
    }
}

impl<'a> RawRecord<'a> {
    /// Headers in order: (name, value).
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        let mut rest = self.headers;
        std::iter::from_fn(move || {
            let name = take_part(&mut rest)??;
            let value = take_part(&mut rest)?;
            Some((std::str::from_utf8(name).unwrap_or_default(), value))
        })
    }

    /// The first header called `name`.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers()
            .find(|(found, _)| *found == name)
            .and_then(|(_, value)| value)
    }
}

/// The next length-prefixed part; outer `None` at the end, inner `None` for null.
fn take_part<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    if length == NULL_LENGTH {
        *rest = after;
        return Some(None);
    }
    let (part, after) = after.split_at_checked(length as usize)?;
    *rest = after;
    Some(Some(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_pushed() {
        let mut batch = RawBatch::new(TopicPartition::new("t", 0));
        batch.push(
            7,
            Some(5),
            Some(b"k"),
            Some(b"v"),
            [("a", Some(&b"1"[..])), ("b", None)],
        );
        batch.push(9, None, None, None, []);
        let first = batch.get(0);
        assert_eq!((first.offset, first.timestamp_ms), (7, Some(5)));
        assert_eq!(
            (first.key, first.payload),
            (Some(&b"k"[..]), Some(&b"v"[..]))
        );
        assert_eq!(
            first.headers().collect::<Vec<_>>(),
            vec![("a", Some(&b"1"[..])), ("b", None)]
        );
        assert_eq!(first.header("a"), Some(&b"1"[..]));
        let second = batch.get(1);
        assert_eq!(
            (second.timestamp_ms, second.payload, second.key),
            (None, None, None)
        );
        assert_eq!(batch.next_offset(), Some(10));
    }

    #[test]
    fn marks_go_with_the_records() {
        let mut batch = RawBatch::new(TopicPartition::new("t", 0));
        batch.mark(Flags::REORDERED);
        assert_eq!(batch.flags(), Flags::REORDERED);
        batch.clear();
        assert_eq!(batch.flags(), Flags::empty());
    }

    #[test]
    fn is_full_by_records() {
        let mut batch = RawBatch::new(TopicPartition::new("t", 0));
        assert!(!batch.is_full(1));
        batch.push(0, None, None, None, []);
        assert!(batch.is_full(1));
    }
}
