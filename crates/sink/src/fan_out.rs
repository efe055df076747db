//! Several sinks as one.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_records::{ScoreBatch, Ticket};

use crate::counters::CountersSnapshot;
use crate::error::SinkError;
use crate::sink::{DeadLetter, Sink};
use crate::status::SinkStatus;

/// Gives everything to each of its sinks. Each keeps its own clones of the ticket, so that an input
/// settles when the slowest has acknowledged, and fails when any of them failed.
pub struct FanOut {
    sinks: Vec<Arc<dyn Sink>>,
}

impl FanOut {
    /// A sink in front of `sinks`.
    pub fn new(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { sinks }
    }

    fn each(&self, call: impl Fn(&dyn Sink) -> Result<(), SinkError>) -> Result<(), SinkError> {
        // All are asked even after an error, so that a broken sink does not starve the others.
        let mut result = Ok(());
        for sink in &self.sinks {
            result = result.and(call(sink.as_ref()));
        }
        result
    }
}

impl Sink for FanOut {
    fn write(&self, scores: &ScoreBatch, ticket: &Ticket) -> Result<(), SinkError> {
        self.each(|sink| sink.write(scores, ticket))
    }

    fn dead_letter(&self, letter: &DeadLetter<'_>, ticket: &Ticket) -> Result<(), SinkError> {
        self.each(|sink| sink.dead_letter(letter, ticket))
    }

    fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        self.each(|sink| sink.flush(timeout))
    }

    fn settle_soon(&self) {
        self.sinks.iter().for_each(|sink| sink.settle_soon());
    }

    /// The most that one of them may hold: each holds the last records, so what the others hold is among
    /// these.
    fn holds_records_max(&self) -> usize {
        let each = self.sinks.iter().map(|sink| sink.holds_records_max());
        each.max().unwrap_or(0)
    }

    fn close(&self) {
        self.sinks.iter().for_each(|sink| sink.close());
    }

    fn counters(&self) -> CountersSnapshot {
        let mut total = CountersSnapshot::default();
        for sink in &self.sinks {
            total.add(&sink.counters());
        }
        total
    }

    fn status(&self) -> SinkStatus {
        let mut total = SinkStatus::default();
        for sink in &self.sinks {
            total.add(sink.status());
        }
        total
    }
}
