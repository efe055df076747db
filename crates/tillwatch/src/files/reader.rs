//! Rows as the same JSON records that Kafka would carry.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tillwatch_records::limits::BATCH_RECORDS_MAX;
use tillwatch_records::{RawBatch, TopicPartition};

use super::content::{Content, Said};
use super::csv_rows::CsvRows;
use super::error::FileError;
use super::inputs::{Inputs, Part};
use super::jsonl::JsonLines;
use super::opened::Opened;
use super::parquet_rows::ParquetRows;
use super::progress::Progress;

/// Reads files, one after the other, in batches of rows. Offsets are row numbers from 0, which go on from
/// file to file.
pub struct FileReader {
    /// What the files are called together, as a topic with one partition.
    source: TopicPartition,
    parts: std::vec::IntoIter<Part>,
    said: Said,
    /// The file that is being read.
    current: Option<Current>,
    /// The first file with rows, and its kind: the others are of the same.
    first: Option<(PathBuf, &'static str)>,
    next_row: i64,
    /// Bytes of the files that are read.
    done: u64,
    /// Bytes of all; `None` where not all have a length.
    total: Option<u64>,
}

struct Current {
    rows: Rows,
    bytes: u64,
    taken: Arc<AtomicU64>,
}

enum Rows {
    JsonLines(Box<JsonLines>),
    Csv(Box<CsvRows>),
    Parquet(Box<ParquetRows>),
}

impl FileReader {
    /// Opens one file, and finds out what it holds.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let inputs = Inputs::find(&[path.to_owned()])?;
        Self::over(&inputs, Said::default())
    }

    /// Reads `inputs`. That each file can be read and that all are of one kind is known before the first row,
    /// except for pipes, which can be read only once.
    pub fn over(inputs: &Inputs, said: Said) -> Result<Self, FileError> {
        let lengths = inputs.parts().iter().map(Part::bytes);
        let mut reader = Self {
            source: TopicPartition::new(inputs.name(), 0),
            parts: inputs.parts().to_vec().into_iter(),
            said,
            current: None,
            first: None,
            next_row: 0,
            done: 0,
            total: lengths.sum(),
        };
        reader.next_part()?;
        for part in reader.parts.as_slice().to_vec() {
            if part.bytes().is_some() {
                reader.check_kind(&part, &Opened::open(&part, said)?)?;
            }
        }
        Ok(reader)
    }

    /// What the files are called together, as a topic with one partition.
    pub fn source(&self) -> &TopicPartition {
        &self.source
    }

    /// The next rows, at most [`BATCH_RECORDS_MAX`]; `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<RawBatch>, FileError> {
        let mut batch = RawBatch::new(self.source.clone());
        let mut row = self.next_row;
        while let Some(current) = &mut self.current {
            let first = row;
            let mut push = |json: &[u8]| {
                batch.push(row, None, None, Some(json), []);
                row += 1;
                !batch.is_full(BATCH_RECORDS_MAX)
            };
            match &mut current.rows {
                Rows::JsonLines(lines) => lines.read_rows(&mut push)?,
                Rows::Csv(csv) => csv.read_rows(first, &mut push)?,
                Rows::Parquet(parquet) => parquet.read_rows(&mut push)?,
            }
            if batch.is_full(BATCH_RECORDS_MAX) {
                break;
            }
            self.next_part()?;
        }
        self.next_row = row;
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Bytes read so far, and in all; `None` where nobody knows how many there are.
    pub fn progress(&self) -> Option<Progress> {
        let current = self
            .current
            .as_ref()
            .map_or(0, |current| match &current.rows {
                Rows::Parquet(parquet) => {
                    let share = parquet.share_read();
                    (current.bytes as f64 * share) as u64
                }
                _ => current.taken.load(Ordering::Relaxed),
            });
        let done = self.done + current;
        self.total.map(|total| Progress { done, total })
    }

    /// Goes on to the next file with rows, if there is one.
    fn next_part(&mut self) -> Result<(), FileError> {
        if let Some(current) = self.current.take() {
            self.done += current.bytes;
        }
        while let Some(part) = self.parts.next() {
            let opened = Opened::open(&part, self.said)?;
            self.check_kind(&part, &opened)?;
            let path = part.path();
            let rows = match opened.content {
                Content::Empty => continue,
                Content::Parquet => Rows::Parquet(Box::new(ParquetRows::open(path)?)),
                Content::JsonLines => Rows::JsonLines(Box::new(JsonLines::new(path, opened.bytes))),
                Content::Csv { delimiter } => {
                    Rows::Csv(Box::new(CsvRows::open(path, opened.bytes, delimiter)?))
                }
            };
            self.current = Some(Current {
                rows,
                bytes: part.bytes().unwrap_or(0),
                taken: opened.taken,
            });
            return Ok(());
        }
        Ok(())
    }

    fn check_kind(&mut self, part: &Part, opened: &Opened) -> Result<(), FileError> {
        let kind = match opened.content {
            Content::Empty => return Ok(()),
            Content::Parquet => "Parquet",
            Content::JsonLines => "JSON lines",
            Content::Csv { .. } => "CSV",
        };
        let (first, first_kind) = self
            .first
            .get_or_insert_with(|| (part.path().to_owned(), kind));
        if *first_kind == kind {
            return Ok(());
        }
        Err(FileError::Mixed {
            path: part.path().to_owned(),
            kind,
            first: first.clone(),
            first_kind,
        })
    }
}

#[cfg(test)]
mod tests;
