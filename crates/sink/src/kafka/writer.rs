//! Plain records to Kafka, for whoever feeds topics rather than scores.

use std::time::Duration;

use tillwatch_kafka::{OutRecord, Properties};
use tillwatch_records::Ticket;

use super::clients::NO_TOPICS;
use super::config;
use super::letter::Header;
use super::outbox::Outbox;
use super::owed::{Group, Plain};
use crate::{CountersSnapshot, SinkError};

/// Sends records with the delivery promises of [`crate::KafkaSink`], but for one: what a topic or a broker
/// refuses is given up. Records that are refused only because another one of their batch is wrong are sent
/// again alone.
pub struct RecordWriter {
    outbox: Outbox,
}

impl RecordWriter {
    /// A writer with librdkafka `properties`, which override the defaults of [`crate::KafkaSink`].
    ///
    /// # Errors
    /// [`SinkError::Kafka`] without `bootstrap.servers`, or when librdkafka refuses a property.
    pub fn open(properties: &Properties) -> Result<Self, SinkError> {
        let [bulk, alone] = config::producers(properties, &Properties::default())?;
        Ok(Self {
            outbox: Outbox::start(bulk, alone, NO_TOPICS)?,
        })
    }

    /// Takes a record with its headers. Blocks while the queue is full.
    ///
    /// # Errors
    /// [`SinkError::Refused`] when it can never be sent, [`SinkError::Closed`] after
    /// [`RecordWriter::close`].
    pub fn send(&self, record: &OutRecord<'_>, headers: &[Header<'_>]) -> Result<(), SinkError> {
        self.hand_over(record, headers, None)
    }

    /// As [`RecordWriter::send`], for somebody who waits for the record: `ticket` settles when it is
    /// acknowledged, and fails when it is given up or refused.
    ///
    /// # Errors
    /// As [`RecordWriter::send`].
    pub fn send_for(
        &self,
        record: &OutRecord<'_>,
        headers: &[Header<'_>],
        ticket: &Ticket,
    ) -> Result<(), SinkError> {
        self.hand_over(record, headers, Some(ticket))
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

    fn hand_over(
        &self,
        record: &OutRecord<'_>,
        headers: &[Header<'_>],
        ticket: Option<&Ticket>,
    ) -> Result<(), SinkError> {
        let plain = Plain {
            partition: record.partition,
            timestamp_ms: record.timestamp_ms,
        };
        let group = Group::plain(ticket, plain);
        self.outbox.send(record, headers, &group)
    }
}
