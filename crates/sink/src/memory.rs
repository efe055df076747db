//! A sink for tests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_records::{ScoreBatch, Ticket};

use crate::counters::{Counters, CountersSnapshot, Outcome};
use crate::encode::ScoreEncoder;
use crate::encode::dead_letter_json;
use crate::error::SinkError;
use crate::sink::{DeadLetter, Sink};

/// Keeps everything as JSON lines in memory. Acknowledges at once, or when told to.
#[derive(Debug, Default)]
pub struct MemorySink {
    kept: Mutex<Kept>,
    counters: Counters,
    hold: bool,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Kept {
    scores: Vec<String>,
    alerts: Vec<String>,
    dead_letters: Vec<String>,
    /// Tickets not yet acknowledged; only when holding.
    tickets: Vec<Ticket>,
}

impl MemorySink {
    /// A sink that acknowledges at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that acknowledges only in [`MemorySink::acknowledge`], [`MemorySink::fail`] and `flush`.
    pub fn holding() -> Self {
        Self {
            hold: true,
            ..Self::default()
        }
    }

    /// Scores so far, as JSON with their features, in order of arrival.
    pub fn scores(&self) -> Vec<String> {
        self.kept.lock().scores.clone()
    }

    /// Alerts so far, as JSON.
    pub fn alerts(&self) -> Vec<String> {
        self.kept.lock().alerts.clone()
    }

    /// Dead letters so far, as JSON.
    pub fn dead_letters(&self) -> Vec<String> {
        self.kept.lock().dead_letters.clone()
    }

    /// Acknowledges everything held.
    pub fn acknowledge(&self) {
        // Taken out first: settling may call back into this sink.
        let tickets = std::mem::take(&mut self.kept.lock().tickets);
        self.counters.settled(tickets.len(), Outcome::Delivered);
    }

    /// Gives up everything held.
    pub fn fail(&self) {
        let tickets = std::mem::take(&mut self.kept.lock().tickets);
        tickets.iter().for_each(Ticket::fail);
        self.counters.settled(tickets.len(), Outcome::Failed);
    }

    fn check_open(&self, ticket: &Ticket) -> Result<(), SinkError> {
        if self.closed.load(Ordering::Relaxed) {
            ticket.fail();
            return Err(SinkError::Closed);
        }
        Ok(())
    }

    fn hold(&self, kept: &mut Kept, ticket: &Ticket, bytes: usize) {
        self.counters.taken(1, bytes);
        if self.hold {
            kept.tickets.push(ticket.clone());
        } else {
            self.counters.settled(1, Outcome::Delivered);
        }
    }
}

impl Sink for MemorySink {
    fn write(&self, scores: &ScoreBatch, ticket: &Ticket) -> Result<(), SinkError> {
        self.check_open(ticket)?;
        let encoder = ScoreEncoder::new(scores, true);
        let mut kept = self.kept.lock();
        let mut bytes = 0;
        for row in 0..scores.len() {
            let line = line(|out| encoder.score(row, out));
            bytes += line.len();
            kept.scores.push(line);
        }
        for alert in &scores.alerts {
            let line = line(|out| encoder.alert(alert, None, out));
            bytes += line.len();
            kept.alerts.push(line);
        }
        self.counters.batch(scores.len(), scores.alerts.len());
        self.hold(&mut kept, ticket, bytes);
        Ok(())
    }

    fn dead_letter(&self, letter: &DeadLetter<'_>, ticket: &Ticket) -> Result<(), SinkError> {
        self.check_open(ticket)?;
        let line = line(|out| dead_letter_json(letter, out));
        let bytes = line.len();
        let mut kept = self.kept.lock();
        kept.dead_letters.push(line);
        self.counters.dead_letter(letter.reason);
        self.hold(&mut kept, ticket, bytes);
        Ok(())
    }

    fn flush(&self, _timeout: Duration) -> Result<(), SinkError> {
        self.acknowledge();
        Ok(())
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn counters(&self) -> CountersSnapshot {
        self.counters.snapshot()
    }
}

fn line(encode: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    encode(&mut out);
    String::from_utf8(out).unwrap_or_default()
}
