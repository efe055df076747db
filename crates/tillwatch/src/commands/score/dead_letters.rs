//! Refused rows of a file, kept beside the output.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tillwatch_decode::Refusal;
use tillwatch_records::RawBatch;
use tillwatch_sink::{DeadLetter, LetterMask, dead_letter_json};

use crate::files::{ROW_BYTES_MAX, STANDARD_INPUT};
use crate::letters;

/// JSON lines of refused rows, as a file sink writes dead letters: the row's bytes in base64, so that every
/// byte survives but hidden digits; `offset` is the row's number in the input, from 0. A row of which only
/// the beginning was read says `"cut":true`. The file is made when there is a first one.
pub struct DeadLetterFile {
    /// None where refused rows are only counted.
    path: Option<PathBuf>,
    /// What hides card numbers; `None` where rows are kept as they are.
    mask: Option<LetterMask>,
    writer: Option<BufWriter<File>>,
    line: Vec<u8>,
}

impl DeadLetterFile {
    /// At `path`; `None` keeps no rows. `mask` hides card numbers in them.
    pub fn new(path: Option<PathBuf>, mask: Option<LetterMask>) -> Self {
        Self {
            path,
            mask,
            writer: None,
            line: Vec::new(),
        }
    }

    /// Where the refused rows of what is written to `output` are: `<output>.dead-letters.jsonl`; nowhere for
    /// standard output, a device or a pipe.
    pub fn beside(output: &Path) -> Option<PathBuf> {
        let is_special = output.exists() && !output.is_file();
        if output == Path::new(STANDARD_INPUT) || is_special {
            return None;
        }
        let mut path = output.as_os_str().to_owned();
        path.push(".dead-letters.jsonl");
        Some(path.into())
    }

    /// Appends the rows of `raw` that were refused; `row_of` gives the number of a row by its index.
    pub fn write(
        &mut self,
        raw: &RawBatch,
        refusals: &[Refusal],
        row_of: impl Fn(usize) -> i64,
    ) -> Result<()> {
        let Some(path) = self.path.clone() else {
            return Ok(());
        };
        for refusal in refusals {
            let mut record = raw.get(refusal.index);
            record.offset = row_of(refusal.index);
            let masked = letters::masked(self.mask.as_ref(), raw, &record, refusal);
            let letter = letters::letter(raw, record, masked.as_ref(), refusal);
            self.append(&path, &letter)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Completes the file; its path, when there is one.
    pub fn finish(self) -> Result<Option<PathBuf>> {
        let (Some(writer), Some(path)) = (self.writer, self.path) else {
            return Ok(None);
        };
        let file = writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        // A device or a pipe is not synchronised.
        if path.is_file() {
            file.sync_all()
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Some(path))
    }

    fn append(&mut self, path: &Path, letter: &DeadLetter<'_>) -> io::Result<()> {
        self.line.clear();
        dead_letter_json(letter, &mut self.line);
        let is_cut = letter
            .record
            .payload
            .is_some_and(|row| row.len() > ROW_BYTES_MAX);
        if is_cut && self.line.pop().is_some() {
            self.line.extend_from_slice(b",\"cut\":true}");
        }
        self.line.push(b'\n');
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(BufWriter::new(File::create(path)?)),
        };
        writer.write_all(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use tillwatch_decode::RefusalReason;
    use tillwatch_records::TopicPartition;

    use super::*;

    #[test]
    fn a_letter_keeps_every_byte_or_says_that_it_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = DeadLetterFile::beside(&directory.path().join("out.parquet"));
        let mut letters = DeadLetterFile::new(path, None);
        let mut raw = RawBatch::new(TopicPartition::new("in", 0));
        raw.push(7, None, None, Some(b"\xff\x00{"), []);
        raw.push(8, None, None, Some(&vec![b'x'; ROW_BYTES_MAX + 1]), []);
        let refusal = |index| Refusal {
            index,
            reason: RefusalReason::INVALID_UTF8,
            detail: "invalid byte".to_owned(),
        };
        letters
            .write(&raw, &[refusal(0), refusal(1)], |index| {
                raw.get(index).offset
            })
            .unwrap();
        let path = letters.finish().unwrap().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            r#"{"reason":"invalid_utf8","detail":"invalid byte","topic":"in","partition":0,"offset":7,"payload":"/wB7"}"#
        );
        assert!(lines[1].ends_with("\",\"cut\":true}"));
    }
}
