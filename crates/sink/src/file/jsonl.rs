//! Files of JSON lines.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use super::directory::{make_directory, probe, sync_directory};
use super::names;
use crate::error::SinkError;
use crate::lines::{LineSink, Lines};
use crate::settings::{FileSettings, Output, SinkSettings};
use crate::surroundings::Surroundings;
use crate::worker::Target;

/// Bytes written before a sync even though more is waiting.
const UNSYNCED_BYTES_MAX: usize = 8 * 1024 * 1024;

impl LineSink {
    /// Appends to `scores.jsonl`, `alerts.jsonl` and `dead-letters.jsonl` in the directory of `settings`. A
    /// line is acknowledged after it was synced to disk; all that waits is synced together. A file that has
    /// reached its limit is renamed to `scores-00000001.jsonl` and so on, and a new one begun.
    ///
    /// A crash may leave a last line without its end; it was not acknowledged and is written again, so
    /// readers should skip it. On opening, such a line is ended, so that it does not run into the next.
    ///
    /// # Errors
    /// [`SinkError::Settings`] without `file`, [`SinkError::File`] when the directory cannot be used.
    pub fn in_directory(settings: &SinkSettings, around: &Surroundings) -> Result<Self, SinkError> {
        settings.validate()?;
        Self::beside(settings, around)
    }

    /// As [`LineSink::in_directory`], for settings of another kind.
    pub(crate) fn beside(
        settings: &SinkSettings,
        around: &Surroundings,
    ) -> Result<Self, SinkError> {
        let files = LineFiles::open(settings.file()?)?;
        Self::start("sink-jsonl", files, settings, around)
    }
}

/// The files of a directory, each opened when first written.
struct LineFiles {
    settings: FileSettings,
    /// At most one per output.
    open: Vec<LineFile>,
    unsynced_bytes: usize,
}

struct LineFile {
    output: Output,
    path: PathBuf,
    file: File,
    bytes: u64,
    records: u64,
    is_synced: bool,
    /// Where to look for a free number.
    next_number: u32,
}

impl LineFiles {
    fn open(settings: &FileSettings) -> Result<Self, SinkError> {
        probe(&settings.directory)?;
        Ok(Self {
            settings: settings.clone(),
            open: Vec::new(),
            unsynced_bytes: 0,
        })
    }

    fn file_of(&mut self, output: Output) -> Result<&mut LineFile, SinkError> {
        let position = self.open.iter().position(|file| file.output == output);
        let position = match position {
            Some(position) => position,
            None => {
                let path = self
                    .settings
                    .directory
                    .join(format!("{}.jsonl", stem(output)));
                self.open.push(LineFile::open(output, path)?);
                sync_directory(&self.settings.directory)?;
                self.open.len() - 1
            }
        };
        Ok(&mut self.open[position])
    }
}

impl Target for LineFiles {
    type Item = Lines;

    fn write(&mut self, lines: Lines) -> Result<(), SinkError> {
        self.unsynced_bytes += lines.bytes.len();
        let file = self.file_of(lines.output)?;
        file.file
            .write_all(&lines.bytes)
            .map_err(|error| SinkError::file("write", &file.path, error))?;
        file.bytes += lines.bytes.len() as u64;
        file.records += lines.records;
        file.is_synced = false;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        let (records_max, bytes_max) = (self.settings.rotate_records, self.settings.rotate_bytes.0);
        for file in &mut self.open {
            file.sync()?;
            if file.records >= records_max || file.bytes >= bytes_max {
                file.rotate(&self.settings)?;
            }
        }
        self.unsynced_bytes = 0;
        Ok(())
    }

    fn is_due(&self, more: bool) -> bool {
        !more || self.unsynced_bytes >= UNSYNCED_BYTES_MAX
    }
}

impl LineFile {
    fn open(output: Output, path: PathBuf) -> Result<Self, SinkError> {
        let open = || -> std::io::Result<(File, u64)> {
            let ends_open = ends_within_a_line(&path)?;
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            if ends_open {
                file.write_all(b"\n")?;
            }
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(|error| SinkError::file("open", &path, error))?;
        Ok(Self {
            output,
            path,
            file,
            bytes,
            records: 0,
            is_synced: true,
            next_number: 1,
        })
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        if !self.is_synced {
            self.file
                .sync_data()
                .map_err(|error| SinkError::file("sync", &self.path, error))?;
            self.is_synced = true;
        }
        Ok(())
    }

    fn rotate(&mut self, settings: &FileSettings) -> Result<(), SinkError> {
        let directory = &settings.directory;
        make_directory(directory)?;
        let reserved =
            names::reserve(directory, stem(self.output), "jsonl", &mut self.next_number)?;
        fs::rename(&self.path, &reserved.complete)
            .map_err(|error| SinkError::file("rename", &self.path, error))?;
        names::remove(&reserved.temporary)?;
        let next_number = self.next_number;
        *self = Self::open(self.output, self.path.clone())?;
        self.next_number = next_number;
        sync_directory(directory)
    }
}

fn ends_within_a_line(path: &std::path::Path) -> std::io::Result<bool> {
    use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn stem(output: Output) -> &'static str {
    match output {
        Output::Scores => "scores",
        Output::Alerts => "alerts",
        Output::DeadLetters => "dead-letters",
    }
}
