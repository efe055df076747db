//! The entity key: what state is kept per.

use arrow::array::{Array, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use memchr::memchr2;

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
    /// A name that is no canonical column.
    #[error(
        "key column `{name}` is not a canonical column{hint}; one of [decode.columns] cannot be \
         part of a key: map its field to a canonical text column in [decode.fields]"
    )]
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
        let parts: Vec<Part<'_>> = parts.iter().map(|part| Part::new(part, rows)).collect();
        let nulls = parts.iter().fold(None, |all: Option<NullBuffer>, part| {
            NullBuffer::union(all.as_ref(), part.nulls.as_ref())
        });
        let len: usize = parts.iter().map(|part| part.bytes().len() + rows).sum();
        let mut keys: Vec<u8> = Vec::with_capacity(len);
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        for row in 0..rows {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                for (position, part) in parts.iter().enumerate() {
                    if position > 0 {
                        keys.push(b'/');
                    }
                    part.write(row, &mut keys);
                }
            }
            ends.push(i32::try_from(keys.len()).unwrap_or(i32::MAX));
        }
        let keys = StringArray::try_new(OffsetBuffer::new(ends.into()), keys.into(), nulls);
        debug_assert!(keys.is_ok(), "whole texts, and a batch is far below 2 GiB");
        keys.unwrap_or_else(|_| StringArray::new_null(rows))
    }
}

/// A column of a key.
struct Part<'a> {
    /// All texts of the column, also those of other rows.
    data: &'a [u8],
    /// Where the texts of the rows lie in it: one more than there are rows.
    offsets: &'a [i32],
    nulls: Option<NullBuffer>,
    /// Whether some text holds what must be escaped.
    is_escaped: bool,
}

impl<'a> Part<'a> {
    /// The first `rows` rows of `array`.
    fn new(array: &'a StringArray, rows: usize) -> Self {
        let nulls = array.nulls().map(|nulls| nulls.slice(0, rows));
        let mut part = Self {
            data: array.value_data(),
            offsets: array.value_offsets().get(..=rows).unwrap_or_default(),
            nulls: nulls.filter(|nulls| nulls.null_count() > 0),
            is_escaped: false,
        };
        part.is_escaped = memchr2(b'~', b'/', part.bytes()).is_some();
        part
    }

    /// The texts of all rows, one after the other.
    fn bytes(&self) -> &'a [u8] {
        match (self.offsets.first(), self.offsets.last()) {
            (Some(from), Some(to)) => self.text(*from, *to),
            _ => &[],
        }
    }

    fn text(&self, from: i32, to: i32) -> &'a [u8] {
        self.data
            .get(from as usize..to as usize)
            .unwrap_or_default()
    }

    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        let mut rest = self.text(self.offsets[row], self.offsets[row + 1]);
        if self.is_escaped {
            while let Some(position) = memchr2(b'~', b'/', rest) {
                let (before, after) = rest.split_at(position);
                out.extend_from_slice(before);
                out.extend_from_slice(if after[0] == b'~' { b"~0" } else { b"~1" });
                rest = &after[1..];
            }
        }
        out.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::RecordBatch;

    use super::*;
    use crate::column::Projection;
    use crate::kind::RecordKind;
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
            marks: Vec::new(),
            source: TopicPartition::new("t", 0),
            topic_id: None,
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

    /// The key of one row, as the documentation says.
    fn naive(parts: &[&StringArray], row: usize) -> Option<String> {
        let texts: Option<Vec<String>> = parts
            .iter()
            .map(|part| {
                let text = part.is_valid(row).then(|| part.value(row))?;
                Some(text.replace('~', "~0").replace('/', "~1"))
            })
            .collect();
        Some(texts?.join("/"))
    }

    #[test]
    fn joins_slices_as_it_joins_rows() {
        let texts = [
            "",
            "a",
            "/",
            "~",
            "a/~b",
            "é~",
            "longer than sixteen bytes",
            "7",
        ];
        let column = |step: usize, words: &[&str]| -> StringArray {
            let texts = (0..40).map(|row| (row * step) % 11);
            texts
                .map(|at| (at != 3).then(|| words[at % words.len()]))
                .collect()
        };
        // Nothing to escape, something in every column, nothing null.
        let plain = [column(1, &texts[..2]), column(3, &texts[6..])];
        let escaped = [column(5, &texts), column(7, &texts)];
        let full: StringArray = (0..40).map(|row| Some(row.to_string())).collect();
        for parts in [
            vec![&plain[0], &plain[1]],
            vec![&plain[0], &escaped[0]],
            vec![&escaped[0], &full, &escaped[1]],
            vec![&full, &full],
        ] {
            for (from, len) in [(0, 40), (1, 0), (1, 1), (7, 30), (39, 1)] {
                let slices: Vec<StringArray> = parts
                    .iter()
                    .map(|part| StringArray::slice(part, from, len))
                    .collect();
                let slices: Vec<&StringArray> = slices.iter().collect();
                let keys = KeySpec::join(&slices);
                let found: Vec<_> = keys.iter().map(|k| k.map(str::to_owned)).collect();
                let wanted: Vec<_> = (0..len).map(|row| naive(&slices, row)).collect();
                assert_eq!(found, wanted);
            }
        }
        let short = full.slice(0, 3);
        assert_eq!(KeySpec::join(&[&full, &short]).len(), 3);
        assert_eq!(KeySpec::join(&[]).len(), 0);
    }

    #[test]
    fn names_the_nearest_column() {
        let error = KeySpec::from_names(&["terminal"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "key column `terminal` is not a canonical column; did you mean `terminal_id`?; one of \
             [decode.columns] cannot be part of a key: map its field to a canonical text column \
             in [decode.fields]"
        );
    }
}
