//! Refused rows of a file, kept beside the output.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tillwatch_decode::Refusal;
use tillwatch_records::RawBatch;

/// JSON lines of refused rows; made when there is a first one.
pub struct DeadLetterFile {
    path: PathBuf,
    writer: Option<BufWriter<File>>,
}

/// One refused row.
#[derive(Serialize)]
struct Line<'a> {
    /// Row number in the input, from 0.
    row: i64,
    reason: &'a str,
    detail: &'a str,
    /// The row as it was read; bytes that are no UTF-8 are replaced.
    record: &'a str,
}

impl DeadLetterFile {
    /// `<output>.dead-letters.jsonl`
    pub fn beside(output: &Path) -> Self {
        let mut path = output.as_os_str().to_owned();
        path.push(".dead-letters.jsonl");
        Self {
            path: path.into(),
            writer: None,
        }
    }

    /// Appends the rows of `raw` that were refused.
    pub fn write(&mut self, raw: &RawBatch, refusals: &[Refusal]) -> Result<()> {
        for refusal in refusals {
            let record = raw.get(refusal.index);
            let line = Line {
                row: record.offset,
                reason: refusal.reason.code(),
                detail: &refusal.detail,
                record: &String::from_utf8_lossy(record.payload.unwrap_or_default()),
            };
            self.append(&line)
                .with_context(|| format!("cannot write {}", self.path.display()))?;
        }
        Ok(())
    }

    /// Completes the file; its path, when there is one.
    pub fn finish(self) -> Result<Option<PathBuf>> {
        let Some(writer) = self.writer else {
            return Ok(None);
        };
        let file = writer
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(Some(self.path))
    }

    fn append(&mut self, line: &Line<'_>) -> std::io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(BufWriter::new(File::create(&self.path)?)),
        };
        serde_json::to_writer(&mut *writer, line)?;
        writer.write_all(b"\n")
    }
}
