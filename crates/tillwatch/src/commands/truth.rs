//! The ground truth of a simulation, as JSON lines beside the data.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tillwatch_simulator::{Emitted, Fleet, TruthRecord};

/// Writes one line per fraudulent transaction while the simulation runs, and one per scenario at its
/// end.
pub struct TruthFile {
    path: PathBuf,
    writer: BufWriter<File>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    /// A fraudulent transaction and the scenario that it belongs to.
    Transaction { event_id: &'a str, scenario_id: u32 },
    /// A scenario.
    Scenario {
        #[serde(flatten)]
        truth: &'a TruthRecord,
    },
}

impl TruthFile {
    pub fn create(path: &Path) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            writer: BufWriter::new(file),
        })
    }

    /// Notes a record that is part of a fraud.
    pub fn record(&mut self, emitted: &Emitted) -> Result<()> {
        let Some(scenario_id) = emitted.fraud else {
            return Ok(());
        };
        let event_id = std::str::from_utf8(&emitted.event_id)?;
        self.write(&Line::Transaction {
            event_id,
            scenario_id,
        })
    }

    /// Writes the scenarios and completes the file.
    pub fn finish(mut self, fleet: &Fleet) -> Result<()> {
        for truth in fleet.truth() {
            self.write(&Line::Scenario { truth })?;
        }
        let file = self
            .writer
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn write(&mut self, line: &Line<'_>) -> Result<()> {
        let written = serde_json::to_writer(&mut self.writer, line)
            .map_err(std::io::Error::from)
            .and_then(|()| self.writer.write_all(b"\n"));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}
