//! JSON lines: one record per line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use tillwatch_records::limits::BATCH_BYTES_MAX;

use super::error::FileError;
use super::progress::Progress;

/// Longest row that is read whole, in bytes: what a batch holds. Decode refuses far shorter ones, and who
/// repairs them wants all of it.
pub const ROW_BYTES_MAX: usize = BATCH_BYTES_MAX;

pub struct JsonLines {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    done: u64,
    total: u64,
}

impl JsonLines {
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let total = file.metadata().map_err(failed)?.len();
        let reader = BufReader::with_capacity(1 << 20, file);
        Ok(Self {
            path: path.to_owned(),
            reader,
            line: Vec::new(),
            done: 0,
            total,
        })
    }

    pub fn progress(&self) -> Progress {
        Progress {
            done: self.done,
            total: self.total,
        }
    }

    /// Hands lines over until `push` says that it is full. Empty lines are passed over. Of a line
    /// longer than [`ROW_BYTES_MAX`], one byte more than that is kept: enough to tell that it was cut.
    pub fn read_rows(&mut self, push: &mut impl FnMut(&[u8]) -> bool) -> Result<(), FileError> {
        loop {
            self.line.clear();
            let limit = ROW_BYTES_MAX as u64 + 1;
            let mut limited = (&mut self.reader).take(limit);
            let mut read = limited
                .read_until(b'\n', &mut self.line)
                .map_err(|e| self.failed(e))?;
            if read == 0 {
                return Ok(());
            }
            if self.line.last() != Some(&b'\n') && self.line.len() > ROW_BYTES_MAX {
                read += self.reader.skip_until(b'\n').map_err(|e| self.failed(e))?;
            }
            self.done += read as u64;
            let row = self.line.trim_ascii_end();
            if !row.is_empty() && !push(row) {
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
