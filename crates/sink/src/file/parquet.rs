//! Parquet files of scores.

use std::fs::{self, File};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as PageCompression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tillwatch_records::{ScoreBatch, Ticket};

use super::directory::sync_directory;
use super::names::{self, Reserved};
use crate::counters::CountersSnapshot;
use crate::encode::scores_to_record_batch;
use crate::error::SinkError;
use crate::lines::LineSink;
use crate::settings::{Compression, FileSettings, Output, SinkSettings};
use crate::sink::{DeadLetter, Sink};
use crate::surroundings::Surroundings;
use crate::worker::{Target, Worker};

/// A file is complete when nothing has come for a while, so that a backlog is committed once it is worked off
/// rather than at the age of its last file. The more rows it has, the shorter the while: with so many rows it
/// is the age, with ten times as many a tenth of it. At a steady rate that is a hundred times as long as from
/// one row to the next, so files of a steady stream have their age.
const QUIET_ROWS: u64 = 100;

/// It is never shorter: the wait for a slow disk or broker is no quiet.
const QUIET_MIN: Duration = Duration::from_millis(250);

/// Encoded rows in memory from which on they are written as a row group. Readers take a group at a time,
/// too.
const GROUP_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Writes `scores-00000001.parquet` and so on in a directory, in the columns of
/// [`scores_to_record_batch`]; alerts and dead letters as [`LineSink::in_directory`] writes them, beside.
///
/// A file is written under a hidden temporary name, completed, synced and renamed at the first of its
/// limits (records, bytes, age), at a flush, when the columns change, or when a burst is over. Only then are
/// its rows acknowledged, so [`Sink::holds_records_max`] is a file's rows. A temporary file that a crash left
/// behind holds nothing acknowledged.
pub struct ParquetSink {
    worker: Worker<RecordBatch>,
    lines: LineSink,
    settings: SinkSettings,
}

impl ParquetSink {
    /// A sink in the directory of `settings`.
    ///
    /// # Errors
    /// [`SinkError::Settings`] without `file`, [`SinkError::File`] when the directory cannot be used.
    pub fn open(settings: &SinkSettings, around: &Surroundings) -> Result<Self, SinkError> {
        settings.validate()?;
        let mut beside = settings.clone();
        beside.outputs.retain(|output| *output != Output::Scores);
        let files = ParquetFiles {
            settings: settings.file()?.clone(),
            current: None,
            next_number: 1,
        };
        Ok(Self {
            lines: LineSink::beside(&beside, around)?,
            worker: Worker::start("sink-parquet", files)?,
            settings: settings.clone(),
        })
    }
}

impl Sink for ParquetSink {
    fn write(&self, scores: &ScoreBatch, ticket: &Ticket) -> Result<(), SinkError> {
        if self.settings.takes(Output::Scores) && !scores.is_empty() {
            let rows = scores_to_record_batch(scores, self.settings.features)
                .inspect_err(|_| ticket.fail())?;
            let bytes = rows.get_array_memory_size();
            self.worker.give(rows, scores.len(), bytes, ticket)?;
            self.worker.counters().batch(scores.len(), 0);
        }
        self.lines.write(scores, ticket)
    }

    fn dead_letter(&self, letter: &DeadLetter<'_>, ticket: &Ticket) -> Result<(), SinkError> {
        self.lines.dead_letter(letter, ticket)
    }

    fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        self.worker.flush(timeout).and(self.lines.flush(timeout))
    }

    fn settle_soon(&self) {
        self.worker.settle_soon();
        self.lines.settle_soon();
    }

    fn holds_records_max(&self) -> usize {
        let file = self.settings.file.as_ref();
        let rows = file.filter(|_| self.settings.takes(Output::Scores));
        rows.map_or(0, |file| {
            usize::try_from(file.rotate_records).unwrap_or(usize::MAX)
        })
    }

    fn close(&self) {
        self.worker.close();
        self.lines.close();
    }

    fn counters(&self) -> CountersSnapshot {
        let mut total = self.worker.counters().snapshot();
        total.add(&self.lines.counters());
        total
    }
}

struct ParquetFiles {
    settings: FileSettings,
    current: Option<Current>,
    next_number: u32,
}

/// A file that is being written.
struct Current {
    writer: ArrowWriter<File>,
    reserved: Reserved,
    schema: SchemaRef,
    rows: u64,
}

impl ParquetFiles {
    fn begin(&mut self, rows: &RecordBatch) -> Result<Current, SinkError> {
        let directory = &self.settings.directory;
        let reserved = names::reserve(directory, "scores", "parquet", &mut self.next_number)?;
        let compression = match self.settings.compression {
            Compression::Zstd => PageCompression::ZSTD(ZstdLevel::default()),
            Compression::Snappy => PageCompression::SNAPPY,
            Compression::None => PageCompression::UNCOMPRESSED,
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .build();
        let broken = |error: std::io::Error| SinkError::file("write", &reserved.temporary, error);
        let file = reserved.file.try_clone().map_err(broken)?;
        let writer = ArrowWriter::try_new(file, rows.schema(), Some(properties))
            .map_err(|error| table_error(&reserved, error))?;
        Ok(Current {
            writer,
            schema: rows.schema(),
            reserved,
            rows: 0,
        })
    }
}

impl Target for ParquetFiles {
    type Item = RecordBatch;

    fn write(&mut self, rows: RecordBatch) -> Result<(), SinkError> {
        // Another catalog has other feature columns. The rows before are held until the next commit
        // like all others; only their file is completed early.
        if self
            .current
            .as_ref()
            .is_some_and(|current| current.schema != rows.schema())
        {
            self.commit()?;
        }
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin(&rows)?,
        };
        match current.add(&rows) {
            Ok(()) => self.current = Some(current),
            Err(error) => return Err(current.abandon(error)),
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), SinkError> {
        let Some(mut current) = self.current.take() else {
            return Ok(());
        };
        if let Err(error) = current.complete() {
            return Err(current.abandon(error));
        }
        sync_directory(&self.settings.directory)
    }

    fn is_due(&self, _more: bool) -> bool {
        self.current.as_ref().is_some_and(|current| {
            let bytes = current.writer.bytes_written() + current.writer.in_progress_size();
            current.rows >= self.settings.rotate_records
                || bytes as u64 >= self.settings.rotate_bytes.0
        })
    }

    fn age_max(&self) -> Option<Duration> {
        Some(self.settings.rotate_age.as_std())
    }

    fn quiet_max(&self) -> Option<Duration> {
        let rows = self.current.as_ref()?.rows;
        let age = self.settings.rotate_age.as_std();
        let share = QUIET_ROWS as f64 / rows.max(QUIET_ROWS) as f64;
        Some(age.mul_f64(share).max(QUIET_MIN))
    }
}

impl Current {
    fn add(&mut self, rows: &RecordBatch) -> Result<(), SinkError> {
        let mut written = self.writer.write(rows);
        if self.writer.memory_size() >= GROUP_BYTES_MAX {
            written = written.and_then(|()| self.writer.flush());
        }
        self.rows += rows.num_rows() as u64;
        written.map_err(|error| table_error(&self.reserved, error))
    }

    fn complete(&mut self) -> Result<(), SinkError> {
        let Reserved {
            file,
            temporary,
            complete,
        } = &self.reserved;
        let finished = self.writer.finish();
        finished.map_err(|error| table_error(&self.reserved, error))?;
        file.sync_all()
            .map_err(|error| SinkError::file("sync", temporary, error))?;
        fs::rename(temporary, complete).map_err(|error| SinkError::file("rename", temporary, error))
    }

    /// Removes the file, of which nothing was acknowledged: a process that starts again and again on a full
    /// disk must not fill it further. Gives `error`, which is what is to be said.
    fn abandon(self, error: SinkError) -> SinkError {
        // The disk or directory is in trouble already.
        let _ = names::remove(&self.reserved.temporary);
        error
    }
}

/// A full disk comes as an error of the file inside Parquet's own.
fn table_error(reserved: &Reserved, error: ParquetError) -> SinkError {
    SinkError::file("write", &reserved.temporary, std::io::Error::other(error))
}
