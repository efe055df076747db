//! A table in CSV: text columns unless the settings say otherwise, so that the leading zeros of codes
//! survive.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use csv::{ReaderBuilder, StringRecord};
use tillwatch_records::suggest::did_you_mean;

use crate::config::{CsvType, ReferenceSettings};
use crate::files::delimiter;

/// What some programs put before the first column's name.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Cells that are named: more than a person mends before the next try.
const NAMED_MAX: usize = 20;

/// Longest part of a cell that is shown.
const SHOWN_CHARACTERS: usize = 40;

/// A table, and what is wrong with its cells.
pub struct CsvTable {
    /// Null where a cell cannot be read.
    pub rows: RecordBatch,
    pub faults: CellFaults,
}

/// What is wrong with cells, each in words; the same of several cells of a column once.
#[derive(Debug, Default)]
pub struct CellFaults {
    named: Vec<String>,
    more: usize,
}

impl CellFaults {
    /// All of it in words, with `other` at the end; `None` where nothing is wrong.
    pub fn words(&self, other: Option<String>) -> Option<String> {
        let mut words = self.named.clone();
        if self.more > 0 {
            words.push(format!("and {} more", self.more));
        }
        words.extend(other);
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn push(&mut self, words: String) {
        if self.named.len() < NAMED_MAX {
            self.named.push(words);
        } else {
            self.more += 1;
        }
    }
}

/// Reads a table whose cells are separated by what its header has most of: `,`, `;`, a tab or `|`. An empty
/// cell is null. Rows count from 1, without the header.
///
/// # Errors
/// No CSV, or no column of a name that the settings give a type.
pub fn read(settings: &ReferenceSettings, bytes: &[u8]) -> Result<CsvTable, String> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let separator = delimiter(bytes);
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_reader(bytes);
    let not_csv = |error: csv::Error| format!("not CSV: {error}");
    let names: Vec<String> = reader
        .headers()
        .map_err(not_csv)?
        .iter()
        .map(str::to_owned)
        .collect();
    check_types(settings, &names, separator)?;
    let mut faults = CellFaults::default();
    let mut texts: Vec<StringBuilder> = names.iter().map(|_| StringBuilder::new()).collect();
    let mut record = StringRecord::new();
    for row in 1.. {
        if !reader.read_record(&mut record).map_err(not_csv)? {
            break;
        }
        if record.len() != names.len() {
            faults.push(format!(
                "row {row}: incorrect number of fields: {} in place of {}",
                record.len(),
                names.len()
            ));
        }
        for (position, text) in texts.iter_mut().enumerate() {
            text.append_option(record.get(position).filter(|cell| !cell.is_empty()));
        }
    }
    let mut fields = Vec::with_capacity(names.len());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(names.len());
    for (name, mut text) in names.iter().zip(texts) {
        let kind = settings.types.get(name).copied().unwrap_or(CsvType::Text);
        let text: ArrayRef = Arc::new(text.finish());
        columns.push(typed(name, kind, &text, &mut faults)?);
        fields.push(Field::new(name, data_type(kind), true));
    }
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    Ok(CsvTable {
        rows: rows.map_err(|error| error.to_string())?,
        faults,
    })
}

fn check_types(
    settings: &ReferenceSettings,
    names: &[String],
    separator: u8,
) -> Result<(), String> {
    let names = || names.iter().map(String::as_str);
    let missing = settings
        .types
        .keys()
        .find(|name| !names().any(|known| known == name.as_str()));
    match missing {
        None => Ok(()),
        Some(name) => Err(format!(
            "there is no column `{name}`, which [reference] types names{}; the columns are separated by `{}`",
            did_you_mean(name, names()),
            separator.escape_ascii(),
        )),
    }
}

/// A column as what it is to be; each text that is none of that is a fault, once.
fn typed(
    name: &str,
    kind: CsvType,
    text: &ArrayRef,
    faults: &mut CellFaults,
) -> Result<ArrayRef, String> {
    let wanted = data_type(kind);
    let column = cast(text, &wanted).map_err(|error| error.to_string())?;
    if column.null_count() == text.null_count() {
        return Ok(column);
    }
    let texts = text.as_string::<i32>();
    let mut seen = HashSet::new();
    for row in 0..texts.len() {
        if texts.is_valid(row) && column.is_null(row) && seen.insert(texts.value(row)) {
            let shown: String = texts.value(row).chars().take(SHOWN_CHARACTERS).collect();
            let words = match kind {
                CsvType::Text => "text",
                CsvType::Integer => "integer",
                CsvType::Float => "float (a point before the decimals)",
                CsvType::Boolean => "boolean (true or false)",
                CsvType::Time => "time (RFC 3339)",
            };
            faults.push(format!(
                "row {}: `{name}`: `{shown}` is no {words}",
                row + 1
            ));
        }
    }
    Ok(column)
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
