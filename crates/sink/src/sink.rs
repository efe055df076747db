//! What a sink is to whoever has something for it.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_records::{RawRecord, ScoreBatch, Ticket, TopicId, TopicPartition};

use crate::counters::CountersSnapshot;
use crate::error::SinkError;
use crate::masked::MaskMark;
use crate::status::SinkStatus;
use crate::transactions::Transactions;

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

    /// Takes over everything that was made from a batch. Blocks while the sink is full.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn deliver(&self, delivery: &Delivery<'_>) -> Result<(), SinkError> {
        for letter in delivery.letters {
            self.dead_letter(letter, delivery.ticket)?;
        }
        match delivery.scores {
            Some(scores) => self.write(scores, delivery.scores_ticket),
            None => Ok(()),
        }
    }

    /// Waits until everything taken over is durable or given up.
    ///
    /// # Errors
    /// [`SinkError::FlushTimeout`] when that lasts longer than `timeout`; the sink goes on trying.
    fn flush(&self, timeout: Duration) -> Result<(), SinkError>;

    /// Asks for what was taken over to be made durable soon, without waiting for that: its partitions are
    /// about to leave. Only a sink that makes much durable at once, and otherwise waits for more, need do
    /// anything.
    fn settle_soon(&self) {}

    /// Records that the sink may hold unacknowledged while it waits for more, all lanes together: rows of a
    /// file that is not complete. Reading must not pause before it has as many, or nothing would complete the
    /// file but its age.
    fn holds_records_max(&self) -> usize {
        0
    }

    /// What stores offsets together with outputs, for a sink that does.
    fn transactions(&self) -> Option<Arc<dyn Transactions>> {
        None
    }

    /// Ends waiting: writers that are blocked, and all that come later, get [`SinkError::Closed`].
    /// What is not durable when the sink is dropped fails its tickets.
    fn close(&self);

    /// What went out so far.
    fn counters(&self) -> CountersSnapshot;

    /// How the sink is now. Cheap, and never waits for a broker or a disk.
    fn status(&self) -> SinkStatus {
        SinkStatus {
            in_flight: self.counters().in_flight,
            ..SinkStatus::default()
        }
    }
}

/// Everything made from one batch of input, which is of one partition.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// Records that could not be decoded.
    pub letters: &'a [DeadLetter<'a>],
    /// The others' scores, with their alerts; `None` when there are none.
    pub scores: Option<&'a ScoreBatch>,
    /// The batch's.
    pub ticket: &'a Ticket,
    /// The scores': the batch's, or one that holds it and is told when the scores are delivered.
    pub scores_ticket: &'a Ticket,
}

/// A record that could not be decoded, with everything needed to repair it and send it again.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The partition it came from.
    pub source: &'a TopicPartition,
    /// The id of its topic; `None` where topics have none.
    pub topic_id: Option<&'a TopicId>,
    /// The record as it came, or with its card numbers hidden.
    pub record: RawRecord<'a>,
    /// What is hidden; `None` for a record as it came.
    pub mask: Option<&'a MaskMark>,
    /// Why it was refused: a short code, one of few, fit for a metric's label.
    pub reason: &'a str,
    /// Why it was refused, in words, without the record's content.
    pub detail: &'a str,
}
