//! Scores as one file.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow::array::{ArrayRef, AsArray as _, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use tillwatch_records::ScoreBatch;
use tillwatch_sink::{ScoreEncoder, scores_to_record_batch};

use crate::files::{OutputFormat, ParquetFile, TextFile};

/// A file of scores in one of the formats.
pub struct TableWriter {
    output: Output,
    features: bool,
}

enum Output {
    Parquet(ParquetFile),
    /// The objects that Kafka would carry.
    JsonLines {
        file: TextFile,
        lines: Vec<u8>,
    },
    /// The columns of Parquet as text.
    Csv {
        file: TextFile,
        delimiter: u8,
        has_header: bool,
    },
}

impl TableWriter {
    pub fn create(path: &Path, format: OutputFormat, features: bool) -> Result<Self> {
        let output = match format {
            OutputFormat::Parquet => Output::Parquet(ParquetFile::new(path)),
            OutputFormat::JsonLines => Output::JsonLines {
                file: TextFile::create(path)?,
                lines: Vec::new(),
            },
            OutputFormat::Csv { delimiter } => Output::Csv {
                file: TextFile::create(path)?,
                delimiter,
                has_header: false,
            },
        };
        Ok(Self { output, features })
    }

    /// Appends one row per score. A batch without rows still says which columns there are.
    pub fn write(&mut self, scores: &ScoreBatch) -> Result<()> {
        let rows = || {
            scores_to_record_batch(scores, self.features)
                .context("cannot lay out scores as columns")
        };
        match &mut self.output {
            Output::Parquet(file) => file.write(&rows()?),
            Output::JsonLines { file, lines } => {
                let encoder = ScoreEncoder::new(scores, self.features);
                lines.clear();
                for row in 0..scores.len() {
                    encoder.score(row, lines);
                    lines.push(b'\n');
                }
                file.write(lines)
            }
            Output::Csv {
                file,
                delimiter,
                has_header,
            } => {
                let mut text = Vec::new();
                let mut writer = arrow_csv::WriterBuilder::new()
                    .with_delimiter(*delimiter)
                    .with_header(!*has_header)
                    .build(&mut text);
                writer
                    .write(&flat(&rows()?)?)
                    .context("cannot lay out scores as CSV")?;
                drop(writer);
                *has_header = true;
                file.write(&text)
            }
        }
    }

    /// Completes the file.
    pub fn finish(self) -> Result<()> {
        match self.output {
            Output::Parquet(file) => file.finish(),
            Output::JsonLines { file, .. } | Output::Csv { file, .. } => file.finish(),
        }
    }
}

/// `rows` as CSV can hold them: a text in place of each list, its items with `|` between them.
fn flat(rows: &RecordBatch) -> Result<RecordBatch> {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns());
    let columns = columns.map(|(field, column)| {
        let column = match column.data_type() {
            DataType::List(_) => joined(column),
            // What is written as text knows zones by their offset alone.
            DataType::Timestamp(unit, Some(_)) => {
                cast(column, &DataType::Timestamp(*unit, Some("+00:00".into())))?
            }
            _ => Arc::clone(column),
        };
        Ok((field.name().clone(), column, field.is_nullable()))
    });
    let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

fn joined(lists: &ArrayRef) -> ArrayRef {
    let lists = lists.as_list::<i32>().iter();
    let texts = lists.map(|list| {
        let list = list?;
        let items = list.as_string::<i32>().iter().flatten();
        Some(items.collect::<Vec<_>>().join("|"))
    });
    Arc::new(texts.collect::<StringArray>())
}
