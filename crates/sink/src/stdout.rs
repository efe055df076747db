//! JSON lines on standard output.

use std::io::{self, Write};

use crate::error::SinkError;
use crate::lines::{LineSink, Lines};
use crate::settings::SinkSettings;
use crate::surroundings::Surroundings;
use crate::worker::Target;

impl LineSink {
    /// Writes everything to standard output, whole lines at a time, and acknowledges after flushing. An
    /// alert is told from a score by its `alert_id`, a dead letter by its `reason`.
    ///
    /// # Errors
    /// [`SinkError::Settings`] for keys that belong to another kind.
    pub fn on_stdout(settings: &SinkSettings, around: &Surroundings) -> Result<Self, SinkError> {
        Self::on(Box::new(io::stdout()), settings, around)
    }

    /// As [`LineSink::on_stdout`], on any stream.
    ///
    /// # Errors
    /// As [`LineSink::on_stdout`].
    pub fn on(
        stream: Box<dyn Write + Send>,
        settings: &SinkSettings,
        around: &Surroundings,
    ) -> Result<Self, SinkError> {
        settings.validate()?;
        Self::start("sink-stdout", Stream(stream), settings, around)
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
}

fn closed_or_broken(error: io::Error) -> SinkError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        SinkError::OutputClosed
    } else {
        SinkError::file("write", "standard output", error)
    }
}
