//! Lines of JSON, wherever they go.

use std::time::Duration;

use tillwatch_records::{ScoreBatch, Ticket};

use crate::counters::CountersSnapshot;
use crate::encode::ScoreEncoder;
use crate::encode::dead_letter_json;
use crate::error::SinkError;
use crate::settings::{Output, SinkSettings};
use crate::sink::{DeadLetter, Sink};
use crate::surroundings::{Clock, Surroundings};
use crate::worker::{Target, Worker};

/// Writes everything as JSON lines: to the files of a directory ([`LineSink::in_directory`]) or to one stream
/// ([`LineSink::on_stdout`]).
pub struct LineSink {
    worker: Worker<Lines>,
    settings: SinkSettings,
    clock: Option<Clock>,
}

/// Encoded lines of one kind.
pub(crate) struct Lines {
    pub(crate) output: Output,
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u64,
}

impl LineSink {
    /// A sink whose thread is called `name`.
    pub(crate) fn start(
        name: &str,
        target: impl Target<Item = Lines>,
        settings: &SinkSettings,
        around: &Surroundings,
    ) -> Result<Self, SinkError> {
        Ok(Self {
            worker: Worker::start(name, target)?,
            settings: settings.clone(),
            clock: around.clock.clone(),
        })
    }

    fn give(&self, lines: Lines, ticket: &Ticket) -> Result<(), SinkError> {
        let (records, bytes) = (lines.records as usize, lines.bytes.len());
        self.worker.give(lines, records, bytes, ticket)
    }
}

impl Sink for LineSink {
    fn write(&self, scores: &ScoreBatch, ticket: &Ticket) -> Result<(), SinkError> {
        if self.settings.takes(Output::Scores) && !scores.is_empty() {
            self.give(encode_scores(scores, self.settings.features), ticket)?;
            self.worker.counters().batch(scores.len(), 0);
        }
        if self.settings.takes(Output::Alerts) && !scores.alerts.is_empty() {
            self.give(encode_alerts(scores, self.clock.as_ref()), ticket)?;
            self.worker.counters().batch(0, scores.alerts.len());
        }
        Ok(())
    }

    fn dead_letter(&self, letter: &DeadLetter<'_>, ticket: &Ticket) -> Result<(), SinkError> {
        if self.settings.takes(Output::DeadLetters) {
            self.give(encode_dead_letter(letter), ticket)?;
            self.worker.counters().dead_letter(letter.reason);
        }
        Ok(())
    }

    fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        self.worker.flush(timeout)
    }

    fn settle_soon(&self) {
        self.worker.settle_soon();
    }

    fn close(&self) {
        self.worker.close();
    }

    fn counters(&self) -> CountersSnapshot {
        self.worker.counters().snapshot()
    }
}

/// One line per score.
fn encode_scores(scores: &ScoreBatch, features: bool) -> Lines {
    let encoder = ScoreEncoder::new(scores, features);
    let mut bytes = Vec::with_capacity(scores.len() * 384);
    for row in 0..scores.len() {
        encoder.score(row, &mut bytes);
        bytes.push(b'\n');
    }
    Lines {
        output: Output::Scores,
        bytes,
        records: scores.len() as u64,
    }
}

/// One line per alert.
fn encode_alerts(scores: &ScoreBatch, clock: Option<&Clock>) -> Lines {
    let encoder = ScoreEncoder::new(scores, false);
    let now = clock.map(|clock| clock());
    let mut bytes = Vec::new();
    for alert in &scores.alerts {
        encoder.alert(alert, now, &mut bytes);
        bytes.push(b'\n');
    }
    Lines {
        output: Output::Alerts,
        bytes,
        records: scores.alerts.len() as u64,
    }
}

/// A line for a dead letter.
fn encode_dead_letter(letter: &DeadLetter<'_>) -> Lines {
    let mut bytes = Vec::new();
    dead_letter_json(letter, &mut bytes);
    bytes.push(b'\n');
    Lines {
        output: Output::DeadLetters,
        bytes,
        records: 1,
    }
}
