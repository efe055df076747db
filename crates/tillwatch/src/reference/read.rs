//! From a file to a table.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_csv::ReaderBuilder;
use arrow_csv::reader::Format;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tillwatch_records::suggest::did_you_mean;
use tillwatch_reference::ReferenceTable;

use super::error::{BYTES_MAX, ReferenceFileError};
use crate::config::{CsvType, ReferenceSettings};
use crate::files::is_parquet;

/// Rows that a reader hands over at once.
const BATCH_ROWS: usize = 8192;

/// What some programs put before the first column's name.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads the table that `settings` name.
pub fn table(settings: &ReferenceSettings) -> Result<ReferenceTable, ReferenceFileError> {
    let path = &settings.path;
    let mut file = open(settings)?;
    let rows = if is_parquet(path) {
        parquet(settings, file)
    } else {
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        read.map_err(|error| error.to_string())
            .and_then(|_| csv(settings, &bytes))
    };
    let rows = rows.map_err(|reason| ReferenceFileError::Format {
        path: path.clone(),
        reason,
    })?;
    ReferenceTable::new(&rows, &settings.key).map_err(|source| ReferenceFileError::Table {
        path: path.clone(),
        source,
    })
}

fn open(settings: &ReferenceSettings) -> Result<File, ReferenceFileError> {
    let path = &settings.path;
    let failed = |source| ReferenceFileError::Read {
        path: path.clone(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > BYTES_MAX {
        return Err(ReferenceFileError::TooLarge {
            path: path.clone(),
            bytes,
        });
    }
    Ok(file)
}

fn parquet(settings: &ReferenceSettings, file: File) -> Result<RecordBatch, String> {
    if let Some(name) = settings.types.keys().next() {
        return Err(format!(
            "a Parquet file has its own types; leave `{name}` out of [reference] types"
        ));
    }
    let wrong = |error: parquet::errors::ParquetError| {
        format!("not Parquet: {error}; a CSV file must not be named .parquet")
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(wrong)?;
    let schema = Arc::clone(builder.schema());
    let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(wrong)?;
    together(&schema, reader)
}

/// Every column is text unless `types` say otherwise, so that the leading zeros of codes survive. An
/// empty field is null.
fn csv(settings: &ReferenceSettings, bytes: &[u8]) -> Result<RecordBatch, String> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let (header, _) = Format::default()
        .with_header(true)
        .infer_schema(Cursor::new(bytes), Some(0))
        .map_err(|error| format!("not CSV: {error}"))?;
    let names = || header.fields().iter().map(|field| field.name().as_str());
    for name in settings.types.keys() {
        if !names().any(|known| known == name) {
            return Err(format!(
                "there is no column `{name}`, which [reference] types names{}",
                did_you_mean(name, names())
            ));
        }
    }
    let fields = names().map(|name| {
        let kind = settings.types.get(name).copied().unwrap_or(CsvType::Text);
        Field::new(name, data_type(kind), true)
    });
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let reader = ReaderBuilder::new(Arc::clone(&schema))
        .with_header(true)
        .with_batch_size(BATCH_ROWS)
        .build(Cursor::new(bytes))
        .map_err(|error| error.to_string())?;
    together(&schema, reader)
}

fn data_type(kind: CsvType) -> DataType {
    match kind {
        CsvType::Text => DataType::Utf8,
        CsvType::Integer => DataType::Int64,
        CsvType::Float => DataType::Float64,
        CsvType::Boolean => DataType::Boolean,
        CsvType::Time => DataType::Timestamp(TimeUnit::Millisecond, None),
    }
}

fn together(
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, arrow::error::ArrowError>>,
) -> Result<RecordBatch, String> {
    let batches: Vec<RecordBatch> = batches
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    concat_batches(schema, &batches).map_err(|error| error.to_string())
}
