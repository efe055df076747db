//! A snapshot: a detector's state as bytes.
//!
//! ```text
//! magic "TWDT" | format (4) | kind (4) | fingerprint of the settings (8) | payload | checksum (8)
//! ```
//!
//! Numbers are little-endian.

use crate::error::DetectorError;
use crate::random::Fingerprint;

/// Marks the state of a detector.
const MAGIC: u32 = u32::from_le_bytes(*b"TWDT");

/// Changes whenever the meaning of a byte does.
const FORMAT: u32 = 2;

/// Bytes of the checksum.
const CHECKSUM: usize = size_of::<u64>();

/// Which detector wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    HalfSpaceTrees = 1,
    RandomCutForest = 2,
}

/// A snapshot that is written piece by piece. Its checksum grows with it, so that no piece costs more than
/// what it adds.
#[derive(Debug)]
pub(crate) struct Sealing {
    /// Where the snapshot begins in its buffer.
    start: usize,
    /// How far its bytes are in `sum`: whole words of them.
    summed: usize,
    sum: Fingerprint,
}

impl Sealing {
    /// Appends what comes before the payload to `out`, which takes the whole snapshot.
    pub(crate) fn begin(out: &mut Vec<u8>, kind: Kind, fingerprint: u64) -> Self {
        let start = out.len();
        out.extend(MAGIC.to_le_bytes());
        out.extend(FORMAT.to_le_bytes());
        out.extend((kind as u32).to_le_bytes());
        out.extend(fingerprint.to_le_bytes());
        Self {
            start,
            summed: start,
            sum: Fingerprint::new(),
        }
    }

    /// Takes in what was appended to `out` since.
    pub(crate) fn note(&mut self, out: &[u8]) {
        let (words, _) = out[self.summed..].as_chunks::<8>();
        add_words(&mut self.sum, words);
        self.summed += size_of_val(words);
    }

    /// Appends the checksum, which ends the snapshot.
    pub(crate) fn end(mut self, out: &mut Vec<u8>) {
        self.note(out);
        let sum = finish(self.sum, &out[self.summed..], out.len() - self.start);
        out.extend(sum.to_le_bytes());
    }
}

/// The payload of a snapshot, once everything about it is as it should be.
pub(crate) fn open(
    bytes: &[u8],
    kind: Kind,
    fingerprint: u64,
) -> Result<Reader<'_>, DetectorError> {
    let foreign = |difference| Err(DetectorError::Foreign { difference });
    let end = bytes.len().saturating_sub(CHECKSUM);
    let (content, sum) = bytes.split_at(end);
    let mut reader = Reader::of(content);
    if reader.u32() != Ok(MAGIC) {
        return foreign("these bytes are no detector's state");
    }
    if reader.u32()? != FORMAT {
        return foreign("its format is of another version");
    }
    let mut sum = Reader::of(sum);
    if sum.u64()? != checksum(content) {
        return Err(damaged("its checksum is wrong"));
    }
    if reader.u32()? != kind as u32 {
        return foreign("it is of another kind");
    }
    if reader.u64()? != fingerprint {
        return foreign("its settings are others");
    }
    Ok(reader)
}

pub(crate) fn damaged(reason: &'static str) -> DetectorError {
    DetectorError::Damaged { reason }
}

/// Fingerprint of bytes and their number.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = Fingerprint::new();
    let (words, rest) = bytes.as_chunks::<8>();
    add_words(&mut sum, words);
    finish(sum, rest, bytes.len())
}

fn add_words(sum: &mut Fingerprint, words: &[[u8; 8]]) {
    words
        .iter()
        .for_each(|word| sum.add(u64::from_le_bytes(*word)));
}

/// Takes in what is behind the last whole word, and how many bytes there are in all: that is known last.
fn finish(mut sum: Fingerprint, rest: &[u8], bytes: usize) -> u64 {
    rest.iter().for_each(|byte| sum.add(u64::from(*byte)));
    sum.add(bytes as u64);
    sum.finish()
}

/// Reads numbers off the front of bytes that may be anything.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DetectorError> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DetectorError> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DetectorError> {
        self.bytes().map(u64::from_le_bytes)
    }

    pub(crate) fn f32(&mut self) -> Result<f32, DetectorError> {
        self.bytes().map(f32::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Result<f64, DetectorError> {
        self.bytes().map(f64::from_le_bytes)
    }

    /// Refuses bytes that nobody has asked for.
    pub(crate) fn end(&self) -> Result<(), DetectorError> {
        if self.left.is_empty() {
            return Ok(());
        }
        Err(damaged("it is longer than what it says"))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DetectorError> {
        let (first, rest) = self
            .left
            .split_first_chunk()
            .ok_or(damaged("it is cut short"))?;
        self.left = rest;
        Ok(*first)
    }
}
