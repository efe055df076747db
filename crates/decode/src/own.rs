//! Columns of the site's own: `[decode.columns]`, checked.

use std::sync::Arc;

use arrow::datatypes::Field;
use tillwatch_records::Column;
use tillwatch_records::column::{ColumnType, REFERENCE_PREFIX};
use tillwatch_records::limits::{OWN_COLUMN_NAME_BYTES_MAX, OWN_COLUMNS_MAX};

use crate::error::DecodeError;
use crate::path;
use crate::sensitive::is_sensitive_name;
use crate::settings::{DecodeSettings, KafkaPart, OwnColumnSettings, OwnColumnType};
use crate::times;
use crate::value::time::TimeRule;

/// A column that a site has declared. Catalogs, rules and models name it as they name a canonical one;
/// records that lack it are null there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnColumn {
    /// Lower-case letters, digits and `_`; no canonical name, no word of the expression language.
    name: Arc<str>,
    kind: ColumnType,
    pub(crate) origin: OwnOrigin,
    /// How a timestamp is written; of no meaning for other types.
    pub(crate) format: TimeRule,
}

/// Where the value of such a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnOrigin {
    /// The field of this path.
    Field(String),
    /// The Kafka header of this name.
    Header(String),
    /// Another part of the Kafka record.
    Kafka(KafkaPart),
}

/// Words of the expression language, which read as something else than a column.
const WORDS: &[&str] = &[
    "and",
    "between",
    "case",
    "distinct",
    "else",
    "end",
    "escape",
    "exists",
    "false",
    "from",
    "in",
    "interval",
    "is",
    "like",
    "not",
    "null",
    "or",
    "select",
    "then",
    "timestamp",
    "true",
    "unknown",
    "when",
    "where",
];

impl DecodeSettings {
    /// The columns of the site's own, by name.
    ///
    /// # Errors
    /// Names the first that cannot be, and what to write instead.
    pub fn own_columns(&self) -> Result<Vec<OwnColumn>, DecodeError> {
        if self.columns.len() > OWN_COLUMNS_MAX {
            return Err(DecodeError::TooManyOwnColumns {
                count: self.columns.len(),
                max: OWN_COLUMNS_MAX,
            });
        }
        let event_time = times::rule("`event_time` of [decode.units]", &self.units.event_time)?;
        let columns = self.columns.iter();
        columns
            .map(|(name, written)| own_column(name, written, &event_time))
            .collect()
    }
}

impl OwnColumn {
    /// What catalogs, rules and models call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Type of its values.
    pub fn kind(&self) -> ColumnType {
        self.kind
    }

    /// The Arrow field. Nullable always.
    pub fn field(&self) -> Field {
        Field::new(self.name(), self.kind.data_type(), true)
    }
}

fn own_column(
    name: &str,
    written: &OwnColumnSettings,
    event_time: &TimeRule,
) -> Result<OwnColumn, DecodeError> {
    let refused = |problem| DecodeError::OwnColumn {
        column: name.to_owned(),
        problem,
    };
    check_name(name)?;
    let kind = match written.kind {
        OwnColumnType::Text => ColumnType::Text,
        OwnColumnType::Integer => ColumnType::Int64,
        OwnColumnType::Float => ColumnType::Float64,
        OwnColumnType::Boolean => ColumnType::Boolean,
        OwnColumnType::Timestamp => ColumnType::TimestampMs,
    };
    if written.format.is_some() && kind != ColumnType::TimestampMs {
        return Err(refused(
            "has a `format`, which belongs to type = \"timestamp\"; remove one of them",
        ));
    }
    let format = match &written.format {
        Some(format) => times::rule(&format!("`{name}` of [decode.columns]"), format)?,
        None => event_time.clone(),
    };
    let origin = match (&written.field, &written.header, written.kafka) {
        (Some(_), Some(_), _) => {
            return Err(refused("names both a field and a header; keep one of them"));
        }
        (_, Some(_), Some(_)) | (Some(_), _, Some(_)) => {
            return Err(refused(
                "names a part of the Kafka record and a field or header; keep one of them",
            ));
        }
        (None, None, Some(KafkaPart::Timestamp)) if kind != ColumnType::TimestampMs => {
            return Err(refused(
                "is the Kafka timestamp, which belongs to type = \"timestamp\"; change one of them",
            ));
        }
        (None, None, Some(part)) => OwnOrigin::Kafka(part),
        (None, Some(header), None) if is_sensitive_name(header) => {
            return Err(DecodeError::Sensitive {
                column: name.to_owned(),
                path: header.clone(),
            });
        }
        (None, Some(header), None) => OwnOrigin::Header(header.clone()),
        (Some(path), None, None) => {
            path::steps(name, path)?;
            OwnOrigin::Field(path.clone())
        }
        (None, None, None) => OwnOrigin::Field(name.to_owned()),
    };
    Ok(OwnColumn {
        name: name.into(),
        kind,
        origin,
        format,
    })
}

fn check_name(name: &str) -> Result<(), DecodeError> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_plain = name.bytes().all(is_word) && name.starts_with(|c: char| c.is_ascii_lowercase());
    let problem = if !is_plain || name.len() > OWN_COLUMN_NAME_BYTES_MAX {
        "has no proper name: write lower-case letters, digits and `_`, a letter first, at most 64"
    } else if Column::from_name(name).is_some() {
        "has the name of a canonical column; say in [decode.fields] where that is, or choose another name"
    } else if name.starts_with(REFERENCE_PREFIX) {
        "has a name of the reference table, whose columns start with `registry_`; choose another name"
    } else if WORDS.contains(&name) {
        "has a name that is a word of the expression language; choose another name"
    } else if is_sensitive_name(name) {
        return Err(DecodeError::Sensitive {
            column: name.to_owned(),
            path: name.to_owned(),
        });
    } else {
        return Ok(());
    };
    Err(DecodeError::OwnColumn {
        column: name.to_owned(),
        problem,
    })
}
