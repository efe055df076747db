//! The table and its join.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::array::{StringArray, UInt32Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tillwatch_records::column::REFERENCE_PREFIX;
use tillwatch_records::suggest::did_you_mean;
use tillwatch_records::{EventBatch, KeySpec};

use crate::column::Reduced;
use crate::content;
use crate::error::ReferenceError;
use crate::faults::Faults;
use crate::hours::Hours;
use crate::index::Index;
use crate::zone::Zones;

/// What the name of every joined column starts with.
pub const PREFIX: &str = REFERENCE_PREFIX;

/// Most rows of a table: the largest fleets have some million terminals, and a table ten times as
/// large is a file of something else.
pub const ROWS_MAX: usize = 50_000_000;

/// Columns of meaning.
const TIME_ZONE: &str = "time_zone";
const OPENING_HOURS: &str = "opening_hours";

/// Derived columns.
const KNOWN: &str = "registry_known";
const UTC_OFFSET_MINUTES: &str = "registry_utc_offset_minutes";
const OPEN: &str = "registry_open";

/// Reference data keyed by entity, ready to be joined. Never changes: a new file makes a new one.
#[derive(Debug)]
pub struct ReferenceTable {
    /// Every column it can give, by its joined name: those of the rows, then derived ones.
    schema: SchemaRef,
    /// The columns of the rows, in the order of `schema`.
    columns: Vec<Reduced>,
    index: Index,
    /// As many rows as `index`, where the rows have time zones.
    zones: Option<Zones>,
    /// The same for opening hours; only beside zones.
    hours: Option<Hours>,
    /// 16 hexadecimal digits.
    version: String,
}

impl ReferenceTable {
    /// A table of `rows`, one per entity, which the columns of `key` name.
    ///
    /// # Errors
    /// A type that cannot be read, or all of the rows' missing and repeated keys, unknown time zones and
    /// opening hours that cannot be read: with the row, counting from 1, and what to do.
    pub fn new(rows: &RecordBatch, key: &KeySpec) -> Result<Self, ReferenceError> {
        if rows.num_rows() > ROWS_MAX {
            return Err(ReferenceError::TooManyRows {
                rows: rows.num_rows(),
                max: ROWS_MAX,
            });
        }
        let given = rows.schema_ref();
        let mut columns = Vec::with_capacity(rows.num_columns());
        for (field, array) in given.fields().iter().zip(rows.columns()) {
            columns.push(Reduced::of(field.name(), array)?);
        }
        let mut faults = Faults::default();
        let index = index(rows, &columns, key, &mut faults)?;
        let zones = text(given, &columns, TIME_ZONE)?;
        let zones = zones.map(|names| Zones::new(names, &mut faults));
        let hours = match &zones {
            Some(_) => text(given, &columns, OPENING_HOURS)?,
            None => None,
        };
        let hours = hours.map(|texts| Hours::new(texts, &mut faults));
        faults.check()?;
        let named = given.fields().iter().map(|field| field.name().as_str());
        Ok(Self {
            version: content::version(named.zip(&columns)),
            schema: schema(given, &columns, zones.is_some(), hours.is_some())?,
            columns,
            index,
            zones,
            hours,
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every column that it can give, with its type.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Hash of its content, 16 hexadecimal digits: of names, types and values in order, not of the
    /// file they came in.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it has every column of `wanted`, of the same type: a table that takes the place of
    /// another must.
    ///
    /// # Errors
    /// Names the first column that it does not have.
    pub fn fits(&self, wanted: &Schema) -> Result<(), ReferenceError> {
        for field in wanted.fields() {
            let found = match self.schema.field_with_name(field.name()) {
                Ok(found) if found.data_type() == field.data_type() => continue,
                Ok(found) => format!(
                    " as {}, and is {} here",
                    field.data_type(),
                    found.data_type()
                ),
                Err(_) => " and is not there".to_owned(),
            };
            return Err(ReferenceError::Lacks {
                column: field.name().clone(),
                found,
            });
        }
        Ok(())
    }

    /// The columns of `wanted` for every record of `events`, whose entity keys are `keys`. A column
    /// that the table does not have, which [`ReferenceTable::fits`] tells, is null.
    pub fn join(&self, events: &EventBatch, keys: &StringArray, wanted: &SchemaRef) -> RecordBatch {
        debug_assert_eq!(events.len(), keys.len());
        let rows = self.index.find(keys);
        let columns = wanted
            .fields()
            .iter()
            .map(|field| self.column(field, events, &rows))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(events.len()));
        RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options).unwrap_or_else(
            |error| {
                debug_assert!(
                    false,
                    "joined columns have other types than wanted: {error}"
                );
                nothing(wanted, events.len())
            },
        )
    }

    fn column(&self, field: &Field, events: &EventBatch, rows: &UInt32Array) -> ArrayRef {
        let found = match field.name().as_str() {
            KNOWN => Some(known(rows)),
            UTC_OFFSET_MINUTES => Some(self.at_times(events, rows, |_, _, offset| Some(offset))),
            OPEN => Some(self.at_times(events, rows, |row, time_ms, offset| {
                let hours = self.hours.as_ref()?.of(row)?;
                Some(i64::from(hours.is_open(time_ms, offset)))
            })),
            name => self
                .schema
                .index_of(name)
                .ok()
                .and_then(|position| self.columns.get(position))
                .and_then(|column| take(column.as_array(), rows, None).ok()),
        };
        debug_assert!(found.is_some(), "{} is not in the table", field.name());
        found
            .filter(|array| array.data_type() == field.data_type())
            .unwrap_or_else(|| new_null_array(field.data_type(), rows.len()))
    }

    /// `value` of table row, event time in milliseconds and offset in minutes, where all are known.
    fn at_times(
        &self,
        events: &EventBatch,
        rows: &UInt32Array,
        value: impl Fn(usize, i64, i64) -> Option<i64>,
    ) -> ArrayRef {
        let (Some(times_ms), Some(zones)) = (events.event_times_ms(), &self.zones) else {
            return new_null_array(&DataType::Int64, rows.len());
        };
        let values = rows.iter().zip(times_ms).map(|(row, time_ms)| {
            let row = row? as usize;
            let offset = zones.offset_minutes(row, *time_ms)?;
            value(row, *time_ms, offset)
        });
        Arc::new(values.collect::<Int64Array>())
    }
}

fn known(rows: &UInt32Array) -> ArrayRef {
    let known = (0..rows.len()).map(|row| i64::from(rows.is_valid(row)));
    Arc::new(known.collect::<Int64Array>())
}

fn nothing(wanted: &SchemaRef, rows: usize) -> RecordBatch {
    let fields = wanted.fields().iter();
    let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = wanted.fields().iter();
    let columns = columns.map(|field| new_null_array(field.data_type(), rows));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns.collect(), &options)
        .unwrap_or_else(|_| RecordBatch::new_empty(Arc::clone(wanted)))
}

/// The rows by the key's text, which is built as it is of records.
fn index(
    rows: &RecordBatch,
    columns: &[Reduced],
    key: &KeySpec,
    faults: &mut Faults,
) -> Result<Index, ReferenceError> {
    let given = rows.schema_ref();
    let mut parts = Vec::with_capacity(key.columns().len());
    for column in key.columns() {
        let name = column.name();
        let Ok(position) = given.index_of(name) else {
            let known = given.fields().iter().map(|field| field.name().as_str());
            return Err(ReferenceError::MissingKeyColumn {
                column: name,
                hint: did_you_mean(name, known),
            });
        };
        let Some(part) = columns[position].as_text() else {
            return Err(ReferenceError::KeyNotText {
                column: name,
                data_type: rows.column(position).data_type().to_string(),
            });
        };
        for row in (0..part.len()).filter(|row| part.is_null(*row)) {
            faults.push(ReferenceError::MissingKey {
                row: row + 1,
                column: name,
            });
        }
        parts.push(part);
    }
    let keys = KeySpec::join(&parts);
    let texts = keys.clone();
    Ok(Index::new(keys, |first, row| {
        faults.push(ReferenceError::DuplicateKey {
            row: row + 1,
            first: first + 1,
            key: texts.value(row).to_owned(),
        });
    }))
}

fn text<'a>(
    given: &Schema,
    columns: &'a [Reduced],
    name: &'static str,
) -> Result<Option<&'a StringArray>, ReferenceError> {
    let Ok(position) = given.index_of(name) else {
        return Ok(None);
    };
    match columns[position].as_text() {
        Some(texts) => Ok(Some(texts)),
        None => Err(ReferenceError::NotText {
            column: name,
            data_type: columns[position].as_array().data_type().to_string(),
        }),
    }
}

fn schema(
    given: &Schema,
    columns: &[Reduced],
    has_zones: bool,
    has_hours: bool,
) -> Result<SchemaRef, ReferenceError> {
    let mut fields: Vec<Field> = Vec::with_capacity(columns.len() + 3);
    for (field, column) in given.fields().iter().zip(columns) {
        let name = format!("{PREFIX}{}", field.name());
        let reason = if [KNOWN, UTC_OFFSET_MINUTES, OPEN].contains(&name.as_str()) {
            "has the name of a derived one"
        } else if fields.iter().any(|other| *other.name() == name) {
            "is there twice"
        } else {
            fields.push(Field::new(
                name,
                column.as_array().data_type().clone(),
                true,
            ));
            continue;
        };
        return Err(ReferenceError::Name {
            column: field.name().clone(),
            reason,
        });
    }
    let derived = [
        (KNOWN, true),
        (UTC_OFFSET_MINUTES, has_zones),
        (OPEN, has_hours),
    ];
    for (name, there) in derived {
        if there {
            fields.push(Field::new(name, DataType::Int64, true));
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}
