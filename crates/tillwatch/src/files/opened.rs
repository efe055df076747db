//! A file as bytes, unpacked, with what it holds.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::content::{self, Content, PREFIX_BYTES, Packing, Said};
use super::error::FileError;
use super::inputs::{Part, STANDARD_INPUT};

/// Bytes of a file or of standard input.
pub type Bytes = Box<dyn Read + Send>;

/// A file that is open, at its first row or header.
pub struct Opened {
    pub content: Content,
    pub bytes: Bytes,
    /// Bytes of the file, as it is packed, that were read so far.
    pub taken: Arc<AtomicU64>,
}

impl Opened {
    /// Opens `part`, and finds out what it holds where that is not `said`.
    ///
    /// # Errors
    /// Says what the file is instead of rows that can be read.
    pub fn open(part: &Part, said: Said) -> Result<Self, FileError> {
        let path = part.path();
        let failed = |source| FileError::Read {
            path: path.to_owned(),
            source,
        };
        let raw: Bytes = match part {
            Part::StandardInput => Box::new(io::stdin()),
            Part::File(path) => Box::new(File::open(path).map_err(failed)?),
        };
        let taken = Arc::new(AtomicU64::new(0));
        let mut raw = Counted {
            bytes: raw,
            taken: Arc::clone(&taken),
        };
        let (head, mut is_whole) = beginning(&mut raw).map_err(failed)?;
        let packing = content::packing(&head);
        let raw = Cursor::new(head).chain(raw);
        let mut bytes: Bytes = match packing {
            Packing::None => Box::new(raw),
            Packing::Gzip => Box::new(MultiGzDecoder::new(raw)),
            Packing::Zstd => Box::new(zstd::Decoder::new(raw).map_err(failed)?),
        };
        let (mut head, is_end) = beginning(&mut bytes).map_err(|error| match packing {
            Packing::None => failed(error),
            _ => failed(damaged(&error)),
        })?;
        is_whole = if packing == Packing::None {
            is_whole
        } else {
            is_end
        };
        let found = content::of(path, &head, is_whole, said);
        let content = found.map_err(|what| wrong(path, what))?;
        if content == Content::Parquet {
            check_parquet(part, packing)?;
        }
        let mark = content::mark_len(&head);
        head.drain(..mark);
        Ok(Self {
            content,
            bytes: Box::new(Cursor::new(head).chain(bytes)),
            taken,
        })
    }
}

/// Parquet is read from its end, so it must be a file as it is.
fn check_parquet(part: &Part, packing: Packing) -> Result<(), FileError> {
    let path = part.path();
    if packing != Packing::None {
        let what = "Parquet that is packed as a whole: unpack it (Parquet packs its own pages)";
        return Err(wrong(path, what.into()));
    }
    let is_file = matches!(part, Part::File(path) if path.is_file());
    if !is_file {
        let what = "Parquet, which is read from its end: name a file in place of a pipe";
        return Err(wrong(path, what.into()));
    }
    Ok(())
}

fn damaged(error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("it is packed, and damaged or cut short: {error}"),
    )
}

/// An error that says what the file at `path` is.
pub fn wrong(path: &Path, what: String) -> FileError {
    let path = match path == Path::new(STANDARD_INPUT) {
        true => Path::new("standard input"),
        false => path,
    };
    FileError::Kind {
        path: path.to_owned(),
        what,
    }
}

/// The first bytes, and whether they are all.
fn beginning(bytes: &mut impl Read) -> io::Result<(Vec<u8>, bool)> {
    let mut head = Vec::with_capacity(PREFIX_BYTES);
    bytes.take(PREFIX_BYTES as u64).read_to_end(&mut head)?;
    let is_whole = head.len() < PREFIX_BYTES;
    Ok((head, is_whole))
}

struct Counted {
    bytes: Bytes,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
