//! A table's version.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::column::Reduced;

/// Bytes gathered before they are hashed, so that short values do not cost a call each.
const BLOCK_BYTES: usize = 64 * 1024;

/// Bytes of the hash that make a version, as in catalogs.
const VERSION_BYTES: usize = 8;

/// Hash of names, types and values in order, as 16 hexadecimal digits: the same for a table that was
/// read from CSV and from Parquet.
pub(crate) fn version<'a>(columns: impl IntoIterator<Item = (&'a str, &'a Reduced)>) -> String {
    let mut content = Content {
        hasher: Sha256::new(),
        block: Vec::with_capacity(BLOCK_BYTES),
    };
    for (name, column) in columns {
        let array = column.as_array();
        content.text(name);
        content.text(&array.data_type().to_string());
        content.push(&(array.len() as u64).to_le_bytes());
        content.column(column);
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

    fn column(&mut self, column: &Reduced) {
        let array = column.as_array();
        for row in 0..array.len() {
            self.push(&[u8::from(array.is_valid(row))]);
            if array.is_null(row) {
                continue;
            }
            match column {
                Reduced::Text(texts) => self.text(texts.value(row)),
                Reduced::Int64(ints) => self.push(&ints.value(row).to_le_bytes()),
                Reduced::Time(times) => self.push(&times.value(row).to_le_bytes()),
                Reduced::Float64(floats) => {
                    self.push(&floats.value(row).to_bits().to_le_bytes());
                }
            }
        }
    }
}
