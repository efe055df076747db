//! A table's version.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};
use sha2::{Digest, Sha256};

/// Bytes gathered before they are hashed, so that short values do not cost a call each.
const BLOCK_BYTES: usize = 64 * 1024;

/// Bytes of the hash that make a version, as in catalogs.
const VERSION_BYTES: usize = 8;

/// Hash of names, types and values in order, as 16 hexadecimal digits: the same for a table that was
/// read from CSV and from Parquet.
pub(crate) fn version<'a>(columns: impl IntoIterator<Item = (&'a str, &'a ArrayRef)>) -> String {
    let mut content = Content {
        hasher: Sha256::new(),
        block: Vec::with_capacity(BLOCK_BYTES),
    };
    for (name, array) in columns {
        content.text(name);
        content.text(&array.data_type().to_string());
        content.push(&(array.len() as u64).to_le_bytes());
        content.column(array);
    }
    content.hasher.update(&content.block);
    let hash = content.hasher.finalize();
    hash.iter()
        .take(VERSION_BYTES)
        .fold(String::new(), |mut version, byte| {
            // Writing to a string cannot fail.
            let _ = write!(version, "{byte:02x}");
            version
        })
}

struct Content {
    hasher: Sha256,
    block: Vec<u8>,
}

impl Content {
    fn push(&mut self, bytes: &[u8]) {
        if self.block.len() + bytes.len() > BLOCK_BYTES {
            self.hasher.update(&self.block);
            self.block.clear();
        }
        self.block.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.push(&(text.len() as u64).to_le_bytes());
        self.push(text.as_bytes());
    }

    fn column(&mut self, array: &ArrayRef) {
        let value = |row: usize| -> Option<[u8; 8]> {
            if let Some(ints) = array.as_primitive_opt::<Int64Type>() {
                return Some(ints.value(row).to_le_bytes());
            }
            if let Some(times) = array.as_primitive_opt::<TimestampMillisecondType>() {
                return Some(times.value(row).to_le_bytes());
            }
            let floats = array.as_primitive_opt::<Float64Type>()?;
            Some(floats.value(row).to_bits().to_le_bytes())
        };
        let texts = array.as_string_opt::<i32>();
        for row in 0..array.len() {
            self.push(&[u8::from(array.is_valid(row))]);
            if array.is_null(row) {
                continue;
            }
            match (texts, value(row)) {
                (Some(texts), _) => self.text(texts.value(row)),
                (None, Some(bytes)) => self.push(&bytes),
                (None, None) => debug_assert!(false, "{} is not reduced", array.data_type()),
            }
        }
    }
}
