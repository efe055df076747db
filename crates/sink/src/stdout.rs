//! JSON lines on standard output.

use std::io::{self, Write};
use std::time::Duration;

use tillwatch_records::{ScoreBatch, Ticket};

use crate::file::worker::{Target, Worker};
use crate::file::{Lines, encode_alerts, encode_dead_letter, encode_scores};
use crate::{
    Clock, CountersSnapshot, DeadLetter, Output, Sink, SinkError, SinkSettings, Surroundings,
};

/// Writes everything as JSON lines to one stream, whole lines at a time, and acknowledges after
/// flushing. An alert is told from a score by its `alert_id`, a dead letter by its `reason`.
pub struct StdoutSink {
    worker: Worker<Stream>,
    settings: SinkSettings,
    clock: Option<Clock>,
}

impl StdoutSink {
    /// A sink on standard output.
    ///
    /// # Errors
    /// [`SinkError::Settings`] for keys that belong to another kind.
    pub fn open(settings: &SinkSettings, around: &Surroundings) -> Result<Self, SinkError> {
        Self::on(Box::new(io::stdout()), settings, around)
    }

    /// A sink on any stream.
    ///
    /// # Errors
    /// As [`StdoutSink::open`].
    pub fn on(
        stream: Box<dyn Write + Send>,
        settings: &SinkSettings,
        around: &Surroundings,
    ) -> Result<Self, SinkError> {
        settings.validate()?;
        Ok(Self {
            worker: Worker::start("sink-stdout", Stream(stream))?,
            settings: settings.clone(),
            clock: around.clock.clone(),
        })
    }

    fn give(&self, lines: Lines, ticket: &Ticket) -> Result<(), SinkError> {
        let (records, bytes) = (lines.records as usize, lines.bytes.len());
        self.worker.give(lines, records, bytes, ticket)
    }
}

impl Sink for StdoutSink {
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

    fn close(&self) {
        self.worker.close();
    }

    fn counters(&self) -> CountersSnapshot {
        self.worker.counters().snapshot()
    }
}

struct Stream(Box<dyn Write + Send>);

impl Target for Stream {
    type Item = Lines;

    fn write(&mut self, lines: Lines) -> Result<(), SinkError> {
        self.0.write_all(&lines.bytes).map_err(closed_or_broken)
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        self.0.flush().map_err(closed_or_broken)
    }

    fn is_due(&self, more: bool) -> bool {
        !more
    }

    fn age_max(&self) -> Option<Duration> {
        None
    }
}

fn closed_or_broken(error: io::Error) -> SinkError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        SinkError::OutputClosed
    } else {
        SinkError::file("write", "standard output", error)
    }
}
