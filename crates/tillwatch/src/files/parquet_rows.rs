//! Parquet rows as JSON objects: column names as they are, nulls left out, timestamps as RFC 3339.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray as _, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use arrow_json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use tillwatch_records::limits::BATCH_RECORDS_MAX;

use super::error::FileError;

pub struct ParquetRows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    rows_total: u64,
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
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(wrong)?;
        let rows_total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let reader = builder
            .with_batch_size(BATCH_RECORDS_MAX)
            .build()
            .map_err(wrong)?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            rows_total,
            json: Vec::new(),
            position: 0,
        })
    }

    pub fn rows_total(&self) -> u64 {
        self.rows_total
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
                Some(Ok(batch)) => self.encode(&batch)?,
                Some(Err(error)) => return Err(self.wrong(&error)),
            }
        }
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<(), FileError> {
        self.json.clear();
        self.position = 0;
        let mut writer = LineDelimitedWriter::new(&mut self.json);
        let written = as_meant(batch)
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

/// The batch as it is to be written. Doubles are rounded to 15 significant digits, which is how many
/// decimal digits a double keeps: amounts are often computed ones, five times 17.13 is stored as
/// 85.64999999999999, and an amount of money with so many decimals is refused. Timestamps with a named
/// time zone are the same instants with the offset of UTC, since Parquet stores them in UTC.
fn as_meant(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            let column = match column.data_type() {
                DataType::Timestamp(unit, Some(_)) => {
                    cast(column, &DataType::Timestamp(*unit, Some("+00:00".into())))?
                }
                DataType::Float64 => {
                    let rounded = column.as_primitive::<Float64Type>().unary(fifteen_digits);
                    Arc::new(rounded as Float64Array)
                }
                _ => Arc::clone(column),
            };
            Ok((field.name().clone(), column, field.is_nullable()))
        });
    RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>, ArrowError>>()?)
}

fn fifteen_digits(value: f64) -> f64 {
    format!("{value:.14e}").parse().unwrap_or(value)
}
