//! Parquet rows as JSON objects: column names as they are, nulls left out, timestamps as RFC 3339.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow_json::LineDelimitedWriter;
use tillwatch_records::limits::BATCH_RECORDS_MAX;

use super::error::FileError;
use super::meant::Meaning;
use super::parquet_batches::ParquetBatches;

pub struct ParquetRows {
    path: PathBuf,
    reader: ParquetBatches,
    rows_read: u64,
    rows_total: u64,
    meaning: Meaning,
    /// Rows of the batch in hand as JSON lines; what starts at `position` is not handed over yet.
    json: Vec<u8>,
    position: usize,
}

impl ParquetRows {
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(|source| FileError::Read {
            path: path.to_owned(),
            source,
        })?;
        let wrong = |reason: parquet::errors::ParquetError| FileError::Parquet {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        let builder = ParquetBatches::builder(file).map_err(wrong)?;
        let rows_total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let builder = builder.with_batch_size(BATCH_RECORDS_MAX);
        let reader = ParquetBatches::of(builder).map_err(wrong)?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            rows_read: 0,
            rows_total,
            meaning: Meaning::default(),
            json: Vec::new(),
            position: 0,
        })
    }

    /// How much of it is read, from 0 to 1.
    pub fn share_read(&self) -> f64 {
        self.rows_read as f64 / self.rows_total.max(1) as f64
    }

    /// Hands rows over until `push` says that it is full.
    pub fn read_rows(&mut self, push: &mut impl FnMut(&[u8]) -> bool) -> Result<(), FileError> {
        loop {
            while self.position < self.json.len() {
                let rest = &self.json[self.position..];
                let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                self.position += length + 1;
                if !push(&rest[..length]) {
                    return Ok(());
                }
            }
            match self.reader.next() {
                None => return Ok(()),
                Some(Ok(batch)) => {
                    self.rows_read += batch.num_rows() as u64;
                    self.encode(&batch)?;
                }
                Some(Err(error)) => return Err(self.wrong(&error)),
            }
        }
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<(), FileError> {
        self.json.clear();
        self.position = 0;
        let mut writer = LineDelimitedWriter::new(&mut self.json);
        let written = self
            .meaning
            .batch(batch)
            .and_then(|batch| writer.write(&batch))
            .and_then(|()| writer.finish());
        written.map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &ArrowError) -> FileError {
        FileError::Parquet {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}
