//! Plain records to Kafka, for whoever feeds topics rather than scores.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::message::{Header, OwnedHeaders};

use super::config;
use super::producer::{Group, Producer};
use crate::{CountersSnapshot, SinkError};

/// A record to write.
#[derive(Debug, Clone, Copy)]
pub struct OutRecord<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition; `None` leaves it to the key (murmur2, as Kafka's Java client).
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; `None` for a tombstone.
    pub payload: Option<&'a [u8]>,
    /// Milliseconds since 1970; `None` for the time of sending.
    pub timestamp_ms: Option<i64>,
}

/// Sends records with the delivery promises of [`crate::KafkaSink`].
pub struct RecordWriter {
    producer: Producer,
    nobody: Group,
}

impl OutRecord<'_> {
    /// Bytes of key and value.
    pub(crate) fn len(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.payload.map_or(0, <[u8]>::len)
    }
}

impl RecordWriter {
    /// A writer with librdkafka `properties`, which override the defaults of [`crate::KafkaSink`].
    ///
    /// # Errors
    /// [`SinkError::Settings`] without `bootstrap.servers`, [`SinkError::Client`] when librdkafka
    /// refuses a property.
    pub fn open(properties: &BTreeMap<String, String>) -> Result<Self, SinkError> {
        let config = config::producer(properties, &BTreeMap::new())?;
        Ok(Self {
            producer: Producer::start(&config)?,
            nobody: Group::without_ticket(),
        })
    }

    /// Takes a record with its headers. Blocks while the queue is full.
    ///
    /// # Errors
    /// [`SinkError::Refused`] when it can never be sent, [`SinkError::Closed`] after
    /// [`RecordWriter::close`].
    pub fn send(
        &self,
        record: &OutRecord<'_>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<(), SinkError> {
        let headers = (!headers.is_empty()).then(|| {
            let all = OwnedHeaders::new_with_capacity(headers.len());
            headers.iter().fold(all, |all, (key, value)| {
                all.insert(Header { key, value: *value })
            })
        });
        self.producer.send(record, headers, &self.nobody)
    }

    /// Waits until everything sent is acknowledged or given up.
    ///
    /// # Errors
    /// [`SinkError::FlushTimeout`] when that lasts longer than `timeout`.
    pub fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        self.producer.flush(timeout)
    }

    /// Ends waiting: senders that are blocked, and all that come later, get [`SinkError::Closed`].
    pub fn close(&self) {
        self.producer.close();
    }

    /// Records sent and not yet acknowledged.
    pub fn in_flight(&self) -> u64 {
        self.counters().in_flight
    }

    /// Totals; `delivered` and `failed` count records.
    pub fn counters(&self) -> CountersSnapshot {
        self.producer.counters().snapshot()
    }
}
