//! The entity key: what state is kept per.

use std::fmt::Write as _;

use arrow::array::{Array, StringArray, StringBuilder};

use crate::column::{Column, ColumnType};
use crate::event::EventBatch;
use crate::suggest::did_you_mean;

/// The text columns that together name an entity, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// At least one, each of type text.
    columns: Vec<Column>,
}

/// Why a list of column names is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No column was named.
    #[error("a key needs at least one column")]
    Empty,
    /// A name that is no column.
    #[error("key column `{name}` is not a known column{hint}")]
    Unknown {
        /// As written.
        name: String,
        /// The nearest known name, in words.
        hint: String,
    },
    /// A column of another type.
    #[error("key column `{name}` is not text; only text columns can be part of a key")]
    NotText {
        /// The column.
        name: &'static str,
    },
}

impl KeySpec {
    /// A key of `columns`.
    pub fn new(columns: Vec<Column>) -> Result<Self, KeyError> {
        if columns.is_empty() {
            return Err(KeyError::Empty);
        }
        match columns
            .iter()
            .find(|column| column.kind() != ColumnType::Text)
        {
            Some(column) => Err(KeyError::NotText {
                name: column.name(),
            }),
            None => Ok(Self { columns }),
        }
    }

    /// A key of the columns called `names`.
    pub fn from_names<S: AsRef<str>>(names: &[S]) -> Result<Self, KeyError> {
        let columns = names.iter().map(|name| {
            let name = name.as_ref();
            Column::from_name(name).ok_or_else(|| KeyError::Unknown {
                name: name.to_owned(),
                hint: did_you_mean(name, Column::names()),
            })
        });
        Self::new(columns.collect::<Result<_, _>>()?)
    }

    /// (acquirer id DE32, merchant id DE42, terminal id DE41): a terminal id alone is not unique.
    pub fn terminal() -> Self {
        Self {
            columns: vec![Column::AcquirerId, Column::MerchantId, Column::TerminalId],
        }
    }

    /// A key of the columns of both, in order and without repetition.
    pub fn union(&self, other: &Self) -> Self {
        let mut columns = self.columns.clone();
        let others = other.columns.iter();
        columns.extend(others.filter(|column| !self.columns.contains(column)));
        Self { columns }
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The key of each row: its parts joined by `/`. In a part `~` is written `~0` and `/` is written
    /// `~1` (as in RFC 6901), so different parts never give the same key. A single-column key is that
    /// column, not copied. Null where a part is null; all null where a column is not projected.
    pub fn of(&self, events: &EventBatch) -> StringArray {
        let parts: Option<Vec<&StringArray>> = self
            .columns
            .iter()
            .map(|column| events.text(*column))
            .collect();
        let Some(parts) = parts else {
            return StringArray::new_null(events.len());
        };
        Self::join(&parts)
    }

    /// The key of each row of `parts`, its columns in order and of the same length, as
    /// [`KeySpec::of`] says.
    pub fn join(parts: &[&StringArray]) -> StringArray {
        if let [only] = parts {
            return (*only).clone();
        }
        let rows = parts.iter().copied().map(Array::len).min().unwrap_or(0);
        let bytes = parts
            .iter()
            .map(|part| part.value_data().len() + part.len())
            .sum();
        let mut keys = StringBuilder::with_capacity(rows, bytes);
        for row in 0..rows {
            if parts.iter().any(|part| part.is_null(row)) {
                keys.append_null();
                continue;
            }
            for (position, part) in parts.iter().enumerate() {
                let separator = if position == 0 { "" } else { "/" };
                // Writing to a string builder cannot fail.
                let _ = keys.write_str(separator);
                write_escaped(&mut keys, part.value(row));
            }
            keys.append_value("");
        }
        keys.finish()
    }
}

fn write_escaped(out: &mut StringBuilder, part: &str) {
    let mut rest = part;
    while let Some(position) = rest.find(['~', '/']) {
        let (before, after) = rest.split_at(position);
        let _ = out.write_str(before);
        let _ = out.write_str(if after.starts_with('~') { "~0" } else { "~1" });
        rest = &after[1..];
    }
    let _ = out.write_str(rest);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::RecordBatch;

    use super::*;
    use crate::column::Projection;
    use crate::event::RecordKind;
    use crate::position::TopicPartition;

    #[test]
    fn joins_and_escapes() {
        let projection = Projection::new([Column::MerchantId, Column::TerminalId]);
        let merchants = StringArray::from(vec![Some("a/b"), Some("a"), None, Some("~")]);
        let terminals = StringArray::from(vec![Some("c"), Some("b/c"), Some("x"), Some("1")]);
        let columns = RecordBatch::try_new(
            projection.schema().clone(),
            vec![Arc::new(merchants), Arc::new(terminals)],
        )
        .unwrap();
        let events = EventBatch {
            joined: None,
            source: TopicPartition::new("t", 0),
            offsets: vec![0, 1, 2, 3],
            record_timestamps_ms: vec![0; 4],
            kinds: vec![RecordKind::Transaction; 4],
            projection: Arc::new(projection),
            columns,
        };
        let key = KeySpec::from_names(&["merchant_id", "terminal_id"]).unwrap();
        let keys: Vec<_> = key
            .of(&events)
            .iter()
            .map(|k| k.map(str::to_owned))
            .collect();
        assert_eq!(
            keys,
            vec![
                Some("a~1b/c".into()),
                Some("a/b~1c".into()),
                None,
                Some("~0/1".into())
            ]
        );
        assert!(
            KeySpec::terminal()
                .of(&events)
                .iter()
                .all(|key| key.is_none())
        );
    }

    #[test]
    fn names_the_nearest_column() {
        let error = KeySpec::from_names(&["terminal"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "key column `terminal` is not a known column; did you mean `terminal_id`?"
        );
    }
}
