//! JSON lines: one record per line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use tillwatch_records::limits::BATCH_BYTES_MAX;

use super::error::FileError;
use super::opened::Bytes;

/// Longest row that is read whole, in bytes: what a batch holds. Decode refuses far shorter ones, and who
/// repairs them wants all of it.
pub const ROW_BYTES_MAX: usize = BATCH_BYTES_MAX;

/// Words that Python and others write in place of numbers, and JSON does not have; the longest first.
const NO_NUMBERS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

pub struct JsonLines {
    path: PathBuf,
    reader: BufReader<Bytes>,
    line: Vec<u8>,
    /// What every word of [`NO_NUMBERS`] has in it.
    finders: [Finder<'static>; 2],
    mended: Vec<u8>,
}

impl JsonLines {
    pub fn new(path: &Path, bytes: Bytes) -> Self {
        Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(1 << 20, bytes),
            line: Vec::new(),
            finders: [Finder::new(b"NaN"), Finder::new(b"Infinity")],
            mended: Vec::new(),
        }
    }

    /// Hands lines over until `push` says that it is full. Empty lines are passed over. `NaN` and
    /// infinities as values become null. Of a line longer than [`ROW_BYTES_MAX`], one byte more than that
    /// is kept: enough to tell that it was cut.
    pub fn read_rows(&mut self, push: &mut impl FnMut(&[u8]) -> bool) -> Result<(), FileError> {
        loop {
            self.line.clear();
            let limit = ROW_BYTES_MAX as u64 + 1;
            let mut limited = (&mut self.reader).take(limit);
            let read = limited.read_until(b'\n', &mut self.line);
            if read.map_err(|e| self.failed(e))? == 0 {
                return Ok(());
            }
            if self.line.last() != Some(&b'\n') && self.line.len() > ROW_BYTES_MAX {
                self.reader.skip_until(b'\n').map_err(|e| self.failed(e))?;
            }
            let row = self.line.trim_ascii_end();
            if row.is_empty() {
                continue;
            }
            let has_word = |finder: &Finder<'_>| finder.find(row).is_some();
            let is_full = if self.finders.iter().any(has_word) {
                self.mended.clear();
                without_no_numbers(row, &mut self.mended);
                !push(&self.mended)
            } else {
                !push(row)
            };
            if is_full {
                return Ok(());
            }
        }
    }

    fn failed(&self, source: std::io::Error) -> FileError {
        FileError::Read {
            path: self.path.clone(),
            source,
        }
    }
}

/// `row` with null in place of [`NO_NUMBERS`] outside of strings.
fn without_no_numbers(row: &[u8], out: &mut Vec<u8>) {
    let (mut is_string, mut is_escaped) = (false, false);
    let mut rest = row;
    while let Some((byte, after)) = rest.split_first() {
        let word = match is_string {
            true => None,
            false => NO_NUMBERS.iter().find(|word| rest.starts_with(word)),
        };
        if let Some(word) = word {
            out.extend_from_slice(b"null");
            rest = &rest[word.len()..];
            continue;
        }
        is_string ^= *byte == b'"' && !is_escaped;
        is_escaped = is_string && *byte == b'\\' && !is_escaped;
        out.push(*byte);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_becomes_null_outside_of_strings() {
        for (row, expected) in [
            (
                r#"{"a":NaN,"b":-Infinity,"c":[Infinity]}"#,
                r#"{"a":null,"b":null,"c":[null]}"#,
            ),
            (
                r#"{"a":"NaN","b":"\"NaN\\","c":NaN}"#,
                r#"{"a":"NaN","b":"\"NaN\\","c":null}"#,
            ),
            (r#"{"NaN":1}"#, r#"{"NaN":1}"#),
        ] {
            let mut out = Vec::new();
            without_no_numbers(row.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
