//! The last stage: [`ScoreBatch`] → Kafka, Parquet, JSON lines, stdout; dead letters; and the
//! acknowledgements that let the consumer commit.
//!
//! A [`Ticket`] is dropped only when what was made under it is durable: acknowledged by all in-sync
//! replicas, or synced to disk. What is given up fails its ticket first. Nothing is dropped silently:
//! a sink that is full blocks its callers.

mod counters;
mod encode;
mod error;
mod fan_out;
mod file;
mod kafka;
mod lines;
mod memory;
mod open;
mod settings;
mod stdout;
#[cfg(test)]
mod test_support;

use std::time::Duration;

use tillwatch_records::{RawRecord, ScoreBatch, Ticket, TopicPartition};

pub use counters::{Counters, CountersSnapshot, REASONS_COUNTED_MAX};
pub use encode::{ScoreEncoder, scores_to_record_batch};
pub use error::SinkError;
pub use fan_out::FanOut;
pub use file::ParquetSink;
pub use kafka::{KafkaSink, OutRecord, RecordWriter};
pub use lines::LineSink;
pub use memory::MemorySink;
pub use open::{Clock, Surroundings, open, probe};
pub use settings::{
    Compression, FileSettings, Output, SinkKind, SinkSettings, SinksSettings, Topics,
};

/// Where scores go. Called by several lanes at once; what one lane writes for one key stays in order.
///
/// Implement [`Sink::write`] and [`Sink::dead_letter`] so that they return once the output is taken
/// over, not once it is durable; keep a clone of the ticket with everything taken, call
/// [`Ticket::fail`] on it before dropping it when the output is given up. Order of calls: any number
/// of `write` and `dead_letter`, [`Sink::flush`] whenever the caller wants everything out,
/// [`Sink::close`] at the end or in an emergency.
pub trait Sink: Send + Sync {
    /// Takes over the scores and alerts of a batch. Blocks while the sink is full.
    ///
    /// # Errors
    /// What the sink cannot take now or ever; the ticket has then been failed.
    fn write(&self, scores: &ScoreBatch, ticket: &Ticket) -> Result<(), SinkError>;

    /// Takes over a record that could not be decoded. Blocks while the sink is full.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn dead_letter(&self, letter: &DeadLetter<'_>, ticket: &Ticket) -> Result<(), SinkError>;

    /// Waits until everything taken over is durable or given up.
    ///
    /// # Errors
    /// [`SinkError::FlushTimeout`] when that lasts longer than `timeout`; the sink goes on trying.
    fn flush(&self, timeout: Duration) -> Result<(), SinkError>;

    /// Ends waiting: writers that are blocked, and all that come later, get [`SinkError::Closed`].
    /// What is not durable when the sink is dropped fails its tickets.
    fn close(&self);

    /// What went out so far.
    fn counters(&self) -> CountersSnapshot;
}

/// A record that could not be decoded, with everything needed to repair it and send it again.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The partition it came from.
    pub source: &'a TopicPartition,
    /// The record as it came.
    pub record: RawRecord<'a>,
    /// Why it was refused: a short code, one of few, fit for a metric's label.
    pub reason: &'a str,
    /// Why it was refused, in words, without the record's content.
    pub detail: &'a str,
}
