//! Parquet files as canonical columns, and back.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::{cast_with_options, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Schema, TimeUnit, TimestampMillisecondType};
use arrow::util::display::FormatOptions;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tillwatch_records::Column;
use tillwatch_records::column::ColumnType;
use tillwatch_records::suggest::did_you_mean;

use crate::error::LabError;

/// Largest power of ten by which amounts are scaled: no currency has more decimals than 4.
pub const AMOUNT_DECIMALS_MAX: u32 = 9;

/// How a file's columns become canonical ones.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// The file's name of a canonical column, where they differ.
    pub names: HashMap<Column, String>,
    /// Amounts are in major units with this many decimals: they are multiplied by this power of ten and
    /// rounded. None when they are whole minor units.
    pub amount_decimals: Option<u32>,
}

/// Reads the canonical `columns` of the Parquet file `path`, all rows in their order. A column of
/// `required` must be there; another one that is missing is left out.
///
/// # Errors
/// The file cannot be read, a required column is missing, or a value does not convert.
pub fn read_canonical(
    path: &Path,
    mapping: &Mapping,
    columns: &[Column],
    required: &[Column],
) -> Result<RecordBatch, LabError> {
    let theirs = |column: Column| {
        let mapped = mapping.names.get(&column).map(String::as_str);
        mapped.unwrap_or_else(|| column.name())
    };
    let schema = schema(path)?;
    let mut present = Vec::new();
    for column in columns {
        let name = theirs(*column);
        if schema.column_with_name(name).is_some() {
            present.push(*column);
        } else if required.contains(column) || mapping.names.contains_key(column) {
            let known = schema.fields().iter().map(|field| field.name().as_str());
            return Err(LabError::NoColumn {
                path: path.to_owned(),
                name: name.to_owned(),
                hint: did_you_mean(name, known),
            });
        }
    }
    let names: Vec<&str> = present.iter().map(|column| theirs(*column)).collect();
    let table = read(path, Some(&names))?;
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (column, name) in present.iter().zip(names) {
        let array = table
            .column_by_name(name)
            .map(|array| canonical(*column, array, mapping.amount_decimals));
        arrays.extend(array.transpose()?);
        fields.push(column.field());
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// Reads the columns called `names`, or all, of the Parquet file `path`.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path, names: Option<&[&str]>) -> Result<RecordBatch, LabError> {
    let failed = |source: ParquetError| parquet_error("read", path, source);
    let builder = ParquetRecordBatchReaderBuilder::try_new(open(path)?).map_err(failed)?;
    let mask = match names {
        Some(names) => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied()),
        None => ProjectionMask::all(),
    };
    let reader = builder.with_projection(mask).build().map_err(failed)?;
    let schema = arrow::array::RecordBatchReader::schema(&reader);
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

/// Writes `table` as the Parquet file `path`, under a temporary name until it is whole.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, table: &RecordBatch) -> Result<(), LabError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    let temporary = PathBuf::from(temporary);
    let failed = |source| file_error("write", path, source);
    let file = File::create(&temporary).map_err(failed)?;
    let whole = || -> Result<File, ParquetError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .build();
        let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties))?;
        writer.write(table)?;
        writer.into_inner()
    };
    let file = whole().map_err(|source| parquet_error("write", path, source))?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&temporary, path).map_err(failed)
}

fn schema(path: &Path) -> Result<Arc<Schema>, LabError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(open(path)?);
    let builder = builder.map_err(|source| parquet_error("read", path, source))?;
    Ok(Arc::clone(builder.schema()))
}

fn open(path: &Path) -> Result<File, LabError> {
    File::open(path).map_err(|source| file_error("read", path, source))
}

fn file_error(action: &'static str, path: &Path, source: std::io::Error) -> LabError {
    LabError::File {
        action,
        path: path.to_owned(),
        source,
    }
}

fn parquet_error(action: &'static str, path: &Path, source: ParquetError) -> LabError {
    LabError::Parquet {
        action,
        path: path.to_owned(),
        source,
    }
}

/// `array` as the type of `column`; what does not convert is an error, never null.
fn canonical(
    column: Column,
    array: &ArrayRef,
    amount_decimals: Option<u32>,
) -> Result<ArrayRef, LabError> {
    let converted = match (column.kind(), array.data_type()) {
        (ColumnType::TimestampMs, _) => time(array),
        (ColumnType::Int64, _)
            if column.name().ends_with("_minor") && amount_decimals.is_some() =>
        {
            amount(array, amount_decimals.unwrap_or(0))
        }
        (ColumnType::Int64, DataType::Float64 | DataType::Float32 | DataType::Decimal128(..)) => {
            Err(
                "it holds fractions; say how many decimals an amount has with --amount-decimals"
                    .into(),
            )
        }
        (kind, _) => convert(array, &kind.data_type()),
    };
    converted.map_err(|message| LabError::Column {
        name: column.name().to_owned(),
        message,
    })
}

/// Any time, or milliseconds since 1970, as UTC milliseconds. A time without a zone is taken as UTC.
fn time(array: &ArrayRef) -> Result<ArrayRef, String> {
    let plain = convert(array, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
    let utc = plain.as_primitive::<TimestampMillisecondType>().clone();
    Ok(Arc::new(utc.with_timezone("UTC")))
}

/// Major units as minor units, to the nearest.
fn amount(array: &ArrayRef, decimals: u32) -> Result<ArrayRef, String> {
    let major = convert(array, &DataType::Float64)?;
    let scale = 10_f64.powi(decimals.min(AMOUNT_DECIMALS_MAX).cast_signed());
    let major: &Float64Array = major.as_primitive::<Float64Type>();
    let minor = major
        .iter()
        .map(|value| value.map(|v| (v * scale).round() as i64));
    Ok(Arc::new(minor.collect::<Int64Array>()))
}

fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    let options = arrow::compute::CastOptions {
        safe: false,
        format_options: FormatOptions::default(),
    };
    cast_with_options(array, to, &options).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn columns_become_canonical() {
        let array: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None]));
        let text = canonical(Column::TerminalId, &array, None).unwrap();
        assert_eq!(text.as_string::<i32>().value(0), "7");
        assert!(text.is_null(1));

        let array: ArrayRef = Arc::new(Float64Array::from(vec![57.16, 0.1 + 0.2]));
        let minor = canonical(Column::AmountMinor, &array, Some(2)).unwrap();
        let minor: &Int64Array = minor.as_primitive();
        assert_eq!(minor.values(), &[5716, 30]);
        assert!(canonical(Column::AmountMinor, &array, None).is_err());

        let array: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_500_999]));
        let time = canonical(Column::EventTime, &array, None).unwrap();
        assert_eq!(time.data_type(), &ColumnType::TimestampMs.data_type());
        assert_eq!(
            time.as_primitive::<TimestampMillisecondType>().value(0),
            1500
        );

        let array: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        assert!(canonical(Column::AmountMinor, &array, None).is_err());
    }
}
