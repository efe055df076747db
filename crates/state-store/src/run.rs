//! A run: entries of a lane in the order of (space, hash, key), as a row of frames.

use tillwatch_records::cut::{Entries, Entry};
use twox_hash::XxHash3_128;

use crate::error::StoreError;
use crate::frame::{FRAME_BYTES, FrameWriter, PLAIN_BYTES_MAX};

/// What every run begins with: its kind and format.
pub(crate) const MAGIC: [u8; 8] = *b"twrun001";

/// What a manifest says of one run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Run {
    /// Where it lies in the lane's directory: `runs/<hash>`.
    pub object: String,
    /// Length of the object.
    pub bytes: u64,
    /// Length of its entries before they were compressed.
    pub plain_bytes: u64,
    /// Entries, tombstones among them.
    pub entries: u64,
    /// Tombstones.
    pub gone: u64,
}

/// Sizes and counts of what was encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) bytes: u64,
    pub(crate) plain_bytes: u64,
    pub(crate) entries: u64,
    pub(crate) gone: u64,
}

impl Totals {
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            bytes: run.bytes,
            plain_bytes: run.plain_bytes,
            entries: run.entries,
            gone: run.gone,
        }
    }

    pub(crate) fn named(self, object: String) -> Run {
        Run {
            object,
            bytes: self.bytes,
            plain_bytes: self.plain_bytes,
            entries: self.entries,
            gone: self.gone,
        }
    }

    pub(crate) fn count(&mut self, entry: &Entry<'_>) {
        self.entries += 1;
        self.gone += u64::from(entry.image.is_none());
        self.plain_bytes += FrameWriter::plain_bytes(entry) as u64;
    }
}

/// Encodes entries that come in strictly rising order. The same entries give the same bytes.
pub(crate) struct RunEncoder {
    frames: FrameWriter,
    out: Vec<u8>,
    taken: u64,
    totals: Totals,
}

impl RunEncoder {
    pub(crate) fn new() -> Result<Self, StoreError> {
        Ok(Self {
            frames: FrameWriter::new().map_err(|error| compression(&error))?,
            out: MAGIC.to_vec(),
            taken: 0,
            totals: Totals::default(),
        })
    }

    pub(crate) fn push(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        let bytes = FrameWriter::plain_bytes(entry);
        if bytes > PLAIN_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "the state of one key",
                found: bytes as u64,
                most: PLAIN_BYTES_MAX as u64,
                next: "keep fewer rows or shorter windows per key in the catalog",
            });
        }
        if self.frames.waiting() > 0 && self.frames.waiting() + bytes > FRAME_BYTES {
            self.seal()?;
        }
        self.frames.push(entry);
        self.totals.count(entry);
        Ok(())
    }

    /// Bytes that are ready to be taken.
    pub(crate) fn ready(&self) -> usize {
        self.out.len()
    }

    /// Takes the bytes that are ready.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.taken += self.out.len() as u64;
        std::mem::take(&mut self.out)
    }

    /// The rest of the bytes, and what the whole holds.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, Totals), StoreError> {
        self.seal()?;
        let rest = self.take();
        self.totals.bytes = self.taken;
        Ok((rest, self.totals))
    }

    fn seal(&mut self) -> Result<(), StoreError> {
        self.frames
            .seal(&mut self.out)
            .map_err(|error| compression(&error))
    }
}

/// Sorts `entries` and encodes them as one run, in memory.
pub(crate) fn encode(entries: &mut Entries) -> Result<(Vec<u8>, Run), StoreError> {
    entries.sort();
    let mut encoder = RunEncoder::new()?;
    for entry in entries.iter() {
        encoder.push(&entry)?;
    }
    let (bytes, totals) = encoder.finish()?;
    let object = format!("runs/{}", content_name(&bytes));
    Ok((bytes, totals.named(object)))
}

/// The name of an object with this content: XXH3-128, as `xxh128sum` prints it.
pub(crate) fn content_name(bytes: &[u8]) -> String {
    format!("{:032x}", XxHash3_128::oneshot(bytes))
}

/// The name of what merging these runs gives. It is known before the first byte is, and since the
/// result follows from the runs, from whether tombstones end in it, and from who compresses it, it says
/// the content as well.
pub(crate) fn merged_name(runs: &[Run], oldest: bool) -> String {
    let mut said = format!("merge {} {oldest}", zstd::zstd_safe::version_number());
    for run in runs {
        said.push(' ');
        said.push_str(&run.object);
    }
    format!("runs/{}", content_name(said.as_bytes()))
}

fn compression(error: &std::io::Error) -> StoreError {
    StoreError::Unavailable {
        action: "compress",
        path: "a run".to_owned(),
        detail: error.to_string(),
    }
}
