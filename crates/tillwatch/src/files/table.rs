//! Files as tables: some of their columns by name, in batches of rows.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow_csv::ReaderBuilder;
use arrow_csv::reader::Format;
use parquet::arrow::ProjectionMask;
use serde_json::{Map, Value};
use tillwatch_records::suggest::did_you_mean;

use super::error::FileError;
use super::name::holds_parquet;
use super::parquet_batches::ParquetBatches;
use super::reader::FileReader;
use super::values::{fit, from_json, from_text, text_of};

/// Rows that are read at once: with a thousand columns of doubles, 32 MiB.
const BATCH_ROWS: usize = 4096;

/// A column that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub name: String,
    /// What its values become; `None` for what they are in the file, which is text unless it is Parquet.
    pub data_type: Option<DataType>,
}

/// Reads the wanted columns of a file.
pub struct Table {
    path: PathBuf,
    wanted: Vec<Wanted>,
    rows: Rows,
}

enum Rows {
    /// With the position of each wanted column.
    Columns(Batches, Vec<usize>, Kind),
    /// The flag says whether it has been looked whether the columns are there.
    JsonLines(Box<FileReader>, bool),
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Parquet,
    Csv,
}

impl Table {
    /// Opens `path`: Parquet when it is named `.parquet`, CSV when `.csv`, JSON lines otherwise.
    ///
    /// # Errors
    /// Refuses a file without one of the wanted columns, and says which name is near; JSON lines, where
    /// a column may be left out of a row, at the first rows.
    pub fn open(path: &Path, wanted: Vec<Wanted>) -> Result<Self, FileError> {
        let rows = if holds_parquet(path) {
            parquet(path, &wanted)?
        } else if is_csv(path) {
            csv(path, &wanted)?
        } else {
            Rows::JsonLines(Box::new(FileReader::open(path)?), false)
        };
        Ok(Self {
            path: path.to_owned(),
            wanted,
            rows,
        })
    }

    /// The next rows: the wanted columns in their order. `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<Vec<ArrayRef>>, FileError> {
        let (batches, positions, kind) = match &mut self.rows {
            Rows::Columns(batches, positions, kind) => (batches, positions, *kind),
            Rows::JsonLines(reader, checked) => {
                return json_lines(&self.path, &self.wanted, reader, checked);
            }
        };
        let Some(batch) = batches.next() else {
            return Ok(None);
        };
        let batch = batch.map_err(|error| broken(&self.path, kind, &error))?;
        let columns = self.wanted.iter().zip(positions).map(|(wanted, position)| {
            let column = batch.column(*position);
            let values = match (kind, &wanted.data_type) {
                (_, None) => Ok(Arc::clone(column)),
                (Kind::Parquet, Some(data_type)) => fit(column, data_type),
                (Kind::Csv, Some(data_type)) => from_text(column, data_type),
            };
            values.map_err(|reason| wrong_column(&self.path, wanted, reason))
        });
        columns.collect::<Result<_, _>>().map(Some)
    }
}

fn is_csv(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

fn open_file(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|source| FileError::Read {
        path: path.to_owned(),
        source,
    })
}

fn broken(path: &Path, kind: Kind, error: &dyn std::fmt::Display) -> FileError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match kind {
        Kind::Parquet => FileError::Parquet { path, reason },
        Kind::Csv => FileError::Csv { path, reason },
    }
}

fn wrong_column(path: &Path, wanted: &Wanted, reason: String) -> FileError {
    FileError::Column {
        path: path.to_owned(),
        name: wanted.name.clone(),
        reason,
    }
}

/// Where each wanted column stands among `names`.
fn positions(path: &Path, wanted: &[Wanted], names: &[&str]) -> Result<Vec<usize>, FileError> {
    let position = |wanted: &Wanted| {
        let found = names.iter().position(|name| *name == wanted.name);
        found.ok_or_else(|| FileError::NoColumn {
            path: path.to_owned(),
            name: wanted.name.clone(),
            hint: did_you_mean(&wanted.name, names.iter().copied()),
        })
    };
    wanted.iter().map(position).collect()
}

fn parquet(path: &Path, wanted: &[Wanted]) -> Result<Rows, FileError> {
    let failed = |error| broken(path, Kind::Parquet, &error);
    let builder = ParquetBatches::builder(open_file(path)?).map_err(failed)?;
    let schema = Arc::clone(builder.schema());
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let roots = positions(path, wanted, &names)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
    let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
    let reader = ParquetBatches::of(builder).map_err(failed)?;
    // What is read has the columns in the order of the file.
    let mut read = roots.clone();
    read.sort_unstable();
    read.dedup();
    let places = roots
        .iter()
        .filter_map(|root| read.binary_search(root).ok())
        .collect();
    Ok(Rows::Columns(Box::new(reader), places, Kind::Parquet))
}

/// Every column is text until something else is asked for. An empty field is null.
fn csv(path: &Path, wanted: &[Wanted]) -> Result<Rows, FileError> {
    let failed = |error: ArrowError| broken(path, Kind::Csv, &error);
    let (header, _) = Format::default()
        .with_header(true)
        .infer_schema(BufReader::new(open_file(path)?), Some(0))
        .map_err(failed)?;
    let names: Vec<&str> = header.fields().iter().map(|f| f.name().as_str()).collect();
    // What some programs put before the first column's name.
    let names: Vec<&str> = names
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}'))
        .collect();
    let places = positions(path, wanted, &names)?;
    let text = |name: &&str| Field::new(*name, DataType::Utf8, true);
    let schema = Schema::new(names.iter().map(text).collect::<Vec<_>>());
    let reader = ReaderBuilder::new(Arc::new(schema))
        .with_header(true)
        .with_batch_size(BATCH_ROWS)
        .build(BufReader::new(open_file(path)?))
        .map_err(failed)?;
    Ok(Rows::Columns(Box::new(reader), places, Kind::Csv))
}

fn json_lines(
    path: &Path,
    wanted: &[Wanted],
    reader: &mut FileReader,
    checked: &mut bool,
) -> Result<Option<Vec<ArrayRef>>, FileError> {
    let Some(raw) = reader.next_batch()? else {
        return Ok(None);
    };
    let rows = raw.iter().map(|record| {
        let row = serde_json::from_slice(record.payload.unwrap_or_default());
        row.map_err(|error| FileError::Json {
            path: path.to_owned(),
            row: record.offset,
            reason: format!("no JSON object: {error}"),
        })
    });
    let rows: Vec<Map<String, Value>> = rows.collect::<Result<_, _>>()?;
    if !*checked {
        let names: std::collections::BTreeSet<&str> = rows
            .iter()
            .flat_map(|row| row.keys())
            .map(String::as_str)
            .collect();
        positions(path, wanted, &names.into_iter().collect::<Vec<_>>())?;
        *checked = true;
    }
    let columns = wanted.iter().map(|wanted| {
        let values = rows
            .iter()
            .map(|row| row.get(&wanted.name).unwrap_or(&Value::Null));
        match &wanted.data_type {
            None => Ok(text_of(values)),
            Some(data_type) => {
                from_json(values, data_type).map_err(|reason| wrong_column(path, wanted, reason))
            }
        }
    });
    columns.collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests;
