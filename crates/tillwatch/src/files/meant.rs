//! Columns of Parquet as the records of a topic would have them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryArray, RecordBatch, StringArray, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;

/// What was found out of a file's columns. Numbers are what they are: what a double means is for the decoder,
/// which sees the same digits in JSON.
#[derive(Debug, Default)]
pub struct Meaning {
    /// Whether a column of bytes, by its path, holds text. Many writers leave out the mark that says so. The
    /// first batch that has values decides, for the rest of the file.
    texts: BTreeMap<String, bool>,
}

impl Meaning {
    /// The batch as it is to be written. Timestamps with a named time zone are the same instants with the
    /// offset of UTC, since Parquet stores them in UTC; columns of bytes that are text are text.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = batch.schema();
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| {
            let column = self.column(field.name(), column)?;
            Ok((field.name().clone(), column, field.is_nullable()))
        });
        RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>, ArrowError>>()?)
    }

    fn column(&mut self, path: &str, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        match column.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                cast(column, &DataType::Timestamp(*unit, Some("+00:00".into())))
            }
            DataType::Dictionary(_, values) if is_bytes(values) => {
                let column = cast(column, &DataType::Binary)?;
                Ok(self.bytes(path, column))
            }
            bytes if is_bytes(bytes) => {
                let column = cast(column, &DataType::Binary)?;
                Ok(self.bytes(path, column))
            }
            DataType::Struct(fields) => self.structure(path, column.as_struct(), fields),
            _ => Ok(Arc::clone(column)),
        }
    }

    fn structure(
        &mut self,
        path: &str,
        column: &StructArray,
        fields: &Fields,
    ) -> Result<ArrayRef, ArrowError> {
        let mut found = Vec::with_capacity(fields.len());
        let mut columns = Vec::with_capacity(fields.len());
        for (field, inner) in fields.iter().zip(column.columns()) {
            let inner = self.column(&format!("{path}.{}", field.name()), inner)?;
            found.push(Field::new(
                field.name(),
                inner.data_type().clone(),
                field.is_nullable(),
            ));
            columns.push(inner);
        }
        let nulls = column.nulls().cloned();
        let structure =
            StructArray::try_new_with_length(found.into(), columns, nulls, column.len());
        Ok(Arc::new(structure?))
    }

    fn bytes(&mut self, path: &str, column: ArrayRef) -> ArrayRef {
        let values: &BinaryArray = column.as_binary();
        let is_text = self.texts.get(path).copied().or_else(|| {
            let found = are_text(values)?;
            self.texts.insert(path.to_owned(), found);
            Some(found)
        });
        match is_text {
            Some(true) => Arc::new(
                values
                    .iter()
                    .map(|value| value.map(text))
                    .collect::<StringArray>(),
            ),
            _ => column,
        }
    }
}

fn is_bytes(found: &DataType) -> bool {
    matches!(
        found,
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    )
}

/// Whether all of `values` are text: UTF-8 without control characters, but for zero bytes and blanks that
/// fill it up. `None` where none says so.
fn are_text(values: &BinaryArray) -> Option<bool> {
    let mut told = values.iter().flatten().filter_map(|value| {
        let length = value.iter().rposition(|byte| !b"\0 ".contains(byte))? + 1;
        std::str::from_utf8(&value[..length])
            .map(|text| !text.contains(char::is_control))
            .ok()
            .or(Some(false))
    });
    let first = told.next()?;
    Some(first && told.all(|is_text| is_text))
}

/// The text of a value; of one that is none, in a column of texts, its hexadecimal digits.
fn text(value: &[u8]) -> String {
    let text = std::str::from_utf8(value).map(str::to_owned);
    text.unwrap_or_else(|_| value.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::{FixedSizeBinaryArray, LargeBinaryArray};

    use super::*;

    fn meant(meaning: &mut Meaning, values: &[Option<&[u8]>]) -> ArrayRef {
        let column: ArrayRef = Arc::new(BinaryArray::from(values.to_vec()));
        meaning.column("x", &column).unwrap()
    }

    #[test]
    fn bytes_that_are_text_are_text() {
        let mut meaning = Meaning::default();
        let column = meant(
            &mut meaning,
            &[None, Some(b"T0003343\0"), Some("é".as_bytes())],
        );
        let texts: Vec<_> = column.as_string::<i32>().iter().collect();
        assert_eq!(texts, [None, Some("T0003343\0"), Some("é")]);
        // What was found holds for the file; what is no text in it keeps its bytes.
        let later = meant(&mut meaning, &[Some(b"\x01"), Some(b"\xff")]);
        let texts: Vec<_> = later.as_string::<i32>().iter().flatten().collect();
        assert_eq!(texts, ["\u{1}", "ff"]);
        let fixed = FixedSizeBinaryArray::try_from_iter([b"JPY", b"EUR"].into_iter()).unwrap();
        let fixed = Meaning::default()
            .column("x", &(Arc::new(fixed) as _))
            .unwrap();
        assert_eq!(fixed.as_string::<i32>().value(1), "EUR");
        let large = LargeBinaryArray::from(vec![&b"5411"[..]]);
        let large = Meaning::default()
            .column("x", &(Arc::new(large) as _))
            .unwrap();
        assert_eq!(large.as_string::<i32>().value(0), "5411");
    }

    #[test]
    fn bytes_that_are_none_stay_so() {
        for value in [
            &b"\x00\x00\x00\x80\x00"[..],
            b"\x09\x78",
            b"\xa0",
            b"\x00\x01",
        ] {
            let column = meant(&mut Meaning::default(), &[Some(b"A000"), Some(value)]);
            assert_eq!(*column.data_type(), DataType::Binary, "{value:?}");
        }
        // Nothing but zero bytes: not told yet.
        let mut meaning = Meaning::default();
        let column = meant(&mut meaning, &[Some(&[0; 5])]);
        assert_eq!(*column.data_type(), DataType::Binary);
        let column = meant(&mut meaning, &[Some(b"1")]);
        assert_eq!(*column.data_type(), DataType::Utf8);
    }

    #[test]
    fn columns_within_columns_are_meant_as_others() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"5411"[..]]));
        let field = Field::new("mcc", DataType::Binary, true);
        let inner: ArrayRef = Arc::new(StructArray::from(vec![(Arc::new(field), bytes)]));
        let column = Meaning::default().column("tx", &inner).unwrap();
        assert_eq!(
            column.as_struct().column(0).as_string::<i32>().value(0),
            "5411"
        );
    }
}
