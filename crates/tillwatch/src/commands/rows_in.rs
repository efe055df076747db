//! Rows of the files that a command line names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use tillwatch_decode::{DecodePlan, Decoder};
use tillwatch_records::{Column, Projection, RawBatch, TopicPartition};

use crate::cli::{FileFormat, InputArgs};
use crate::config::Config;
use crate::files::{
    FileReader, Inputs, Progress, STANDARD_INPUT, Said, SaidKind, SortedRows, Spill,
};

/// Rows of files, in their order or in that of their times.
pub struct RowsIn {
    rows: Rows,
    source: TopicPartition,
    /// Rows that may still be read.
    left: u64,
}

enum Rows {
    Files(Box<FileReader>),
    Sorted(Box<SortedRows>),
}

/// A batch of rows.
pub struct BatchIn {
    pub raw: RawBatch,
    /// The number of each row in the input, where that is not its offset.
    numbers: Option<Vec<i64>>,
    /// How far the input is read, in thousandths; `None` where nobody knows.
    pub permille: Option<u64>,
}

impl RowsIn {
    /// Opens the files that `args` name.
    ///
    /// # Errors
    /// Says which file is not there, or what it is instead of rows that can be read.
    pub fn open(args: &InputArgs, inputs: &Inputs) -> Result<Self> {
        let reader = FileReader::over(inputs, said(args))?;
        Ok(Self {
            source: reader.source().clone(),
            rows: Rows::Files(Box::new(reader)),
            left: args.records.unwrap_or(u64::MAX),
        })
    }

    /// The rows in the order of their event times, as `config` reads these; temporary files are made beside
    /// `output`, if there is one.
    pub fn sorted_by_time(self, config: &Config, output: Option<&Path>) -> Result<Self> {
        let Rows::Files(reader) = self.rows else {
            return Ok(self);
        };
        let projection = Arc::new(Projection::new([Column::EventTime]));
        let plan = DecodePlan::new(&config.decode, projection, &config.stages.first().key)?;
        let mut decoder = Decoder::new(Arc::new(plan));
        let times = |batch: &RawBatch| {
            let events = decoder.decode(batch).events;
            let times = events.event_times_ms().unwrap_or_default().iter();
            let mut known = events.offsets.iter().zip(times).peekable();
            let rows = batch.iter().map(|record| {
                let own = known.next_if(|(offset, _)| **offset == record.offset);
                own.map(|(_, time_ms)| *time_ms)
            });
            rows.collect()
        };
        let spill = Spill::beside(&spill_place(output));
        let sorted = SortedRows::sort(*reader, self.left, &spill, times)?;
        Ok(Self {
            rows: Rows::Sorted(Box::new(sorted)),
            left: u64::MAX,
            source: self.source,
        })
    }

    /// What the files are called together.
    pub fn source(&self) -> &TopicPartition {
        &self.source
    }

    /// The next rows; `None` at the end.
    pub fn next(&mut self) -> Result<Option<BatchIn>> {
        if self.left == 0 {
            return Ok(None);
        }
        let (read, progress) = match &mut self.rows {
            Rows::Files(reader) => {
                let batch = reader.next_batch()?;
                (batch.map(|batch| (batch, None)), reader.progress())
            }
            Rows::Sorted(sorted) => {
                let batch = sorted.next_batch()?;
                let batch = batch.map(|(batch, numbers)| (batch, Some(numbers)));
                (batch, Some(sorted.progress()))
            }
        };
        let Some((mut raw, numbers)) = read else {
            return Ok(None);
        };
        raw.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= raw.len() as u64;
        let permille = |Progress { done, total }| done.saturating_mul(1000) / total.max(1);
        Ok(Some(BatchIn {
            raw,
            numbers,
            permille: progress.map(permille),
        }))
    }
}

impl BatchIn {
    /// A batch without rows.
    pub fn empty(source: TopicPartition) -> Self {
        Self {
            raw: RawBatch::new(source),
            numbers: None,
            permille: None,
        }
    }

    /// The number of the row at `index` in the input, counted from 0.
    pub fn number(&self, index: usize) -> i64 {
        match &self.numbers {
            Some(numbers) => numbers.get(index).copied().unwrap_or_default(),
            None => self.raw.get(index).offset,
        }
    }

    /// The number of the row whose offset is `offset`.
    pub fn number_of(&self, offset: i64) -> i64 {
        let Some(numbers) = &self.numbers else {
            return offset;
        };
        let first = self.raw.iter().next().map_or(0, |record| record.offset);
        let index = usize::try_from(offset - first).ok();
        index
            .and_then(|index| numbers.get(index))
            .copied()
            .unwrap_or(offset)
    }

    /// Whether numbers are not offsets.
    pub fn is_renumbered(&self) -> bool {
        self.numbers.is_some()
    }
}

/// What the command line says of the files.
fn said(args: &InputArgs) -> Said {
    let kind = args.input_format.map(|format| match format {
        FileFormat::Parquet => SaidKind::Parquet,
        FileFormat::Jsonl => SaidKind::JsonLines,
        FileFormat::Csv => SaidKind::Csv,
    });
    Said {
        kind: kind.or(args.csv_delimiter.map(|_| SaidKind::Csv)),
        delimiter: args.csv_delimiter,
    }
}

/// Where temporary files are made: beside a file that is written, else where the system has them.
fn spill_place(output: Option<&Path>) -> PathBuf {
    let is_file = |output: &&Path| {
        *output != Path::new(STANDARD_INPUT) && (output.is_file() || !output.exists())
    };
    let elsewhere = || std::env::temp_dir().join(format!("tillwatch-{}", std::process::id()));
    output
        .filter(is_file)
        .map_or_else(elsewhere, Path::to_owned)
}
