//! Plain records to Kafka, for whoever feeds topics rather than scores.

use std::time::Duration;

use tillwatch_kafka::{OutRecord, Properties};

use super::config;
use super::outbox::{Group, Outbox};
use crate::{CountersSnapshot, SinkError};

/// Sends records with the delivery promises of [`crate::KafkaSink`].
pub struct RecordWriter {
    outbox: Outbox,
    nobody: Group,
}

impl RecordWriter {
    /// A writer with librdkafka `properties`, which override the defaults of [`crate::KafkaSink`].
    ///
    /// # Errors
    /// [`SinkError::Kafka`] without `bootstrap.servers`, or when librdkafka refuses a property.
    pub fn open(properties: &Properties) -> Result<Self, SinkError> {
        let config = config::producer(properties, &Properties::default())?;
        Ok(Self {
            outbox: Outbox::start(&config)?,
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
        self.outbox.send(record, headers, &self.nobody)
    }

    /// Waits until everything sent is acknowledged or given up.
    ///
    /// # Errors
    /// [`SinkError::FlushTimeout`] when that lasts longer than `timeout`.
    pub fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        self.outbox.flush(timeout)
    }

    /// Ends waiting: senders that are blocked, and all that come later, get [`SinkError::Closed`].
    pub fn close(&self) {
        self.outbox.close();
    }

    /// Records sent and not yet acknowledged.
    pub fn in_flight(&self) -> u64 {
        self.counters().in_flight
    }

    /// Totals; `delivered` and `failed` count records.
    pub fn counters(&self) -> CountersSnapshot {
        self.outbox.counters().snapshot()
    }
}
