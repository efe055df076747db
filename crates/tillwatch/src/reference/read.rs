//! From a file to a table.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use tillwatch_reference::ReferenceTable;

use super::csv_table::{self, CellFaults, CsvTable};
use super::error::{BYTES_MAX, ReferenceFileError};
use crate::config::ReferenceSettings;
use crate::files::{ParquetBatches, holds_parquet};

/// Rows that a reader hands over at once.
const BATCH_ROWS: usize = 8192;

/// Reads the table that `settings` name.
pub fn table(settings: &ReferenceSettings) -> Result<ReferenceTable, ReferenceFileError> {
    let path = &settings.path;
    let format = |reason| ReferenceFileError::Format {
        path: path.clone(),
        reason,
    };
    let mut file = open(settings)?;
    let (rows, faults) = if holds_parquet(path) {
        let rows = parquet(settings, file).map_err(format)?;
        (rows, CellFaults::default())
    } else {
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        read.map_err(|error| format(error.to_string()))?;
        let CsvTable { rows, faults } = csv_table::read(settings, &bytes).map_err(format)?;
        (rows, faults)
    };
    let table = ReferenceTable::new(&rows, &settings.key);
    // All that is wrong is said at once.
    let other = table.as_ref().err().map(ToString::to_string);
    match (faults.words(None), table) {
        (None, table) => table.map_err(|source| ReferenceFileError::Table {
            path: path.clone(),
            source,
        }),
        (Some(_), _) => Err(format(faults.words(other).unwrap_or_default())),
    }
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
    let builder = ParquetBatches::builder(file).map_err(wrong)?;
    let schema = Arc::clone(builder.schema());
    let reader = ParquetBatches::of(builder.with_batch_size(BATCH_ROWS)).map_err(wrong)?;
    together(&schema, reader)
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
