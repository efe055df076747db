//! A frame: entries in order, compressed together, with a checksum before them.
//!
//! ```text
//! checksum u64 | packed length u32 | plain length u32 | entries u32 | packed bytes
//! ```
//!
//! The checksum is XXH3-64 of all that follows it, lengths included, so nothing is trusted before it
//! was compared. Plain bytes are a row of entries:
//!
//! ```text
//! space u16 | hash u64 | key length u32 | image length u32, or u32::MAX for a tombstone | key | image
//! ```
//!
//! All numbers are little-endian.

use std::cmp::Ordering;

use tillwatch_records::cut::{Entry, Space};
use twox_hash::XxHash3_64;
use zstd::bulk::{Compressor, Decompressor};

/// Bytes before the packed ones.
pub(crate) const HEADER_BYTES: usize = 20;

/// A frame is sealed when it holds so many plain bytes. Every run that is merged has one frame in
/// memory, so it is small; zstd gains little beyond it.
pub(crate) const FRAME_BYTES: usize = 256 << 10;

/// Largest plain length: one entry may be larger than a frame, and has then a frame of its own.
pub(crate) const PLAIN_BYTES_MAX: usize = 256 << 20;

/// Largest packed length: zstd's bound for what does not compress is below one part in 200.
const PACKED_BYTES_MAX: usize = PLAIN_BYTES_MAX + PLAIN_BYTES_MAX / 200 + 1024;

const ENTRY_HEADER_BYTES: usize = 18;

/// Instead of an image's length.
const TOMBSTONE: u32 = u32::MAX;

/// zstd's fastest ordinary level: snapshots are written often, and the next level costs half as much
/// time again for a few per cent.
const LEVEL: i32 = 1;

/// What stands before packed bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    checksum: u64,
    /// Length of the packed bytes.
    pub(crate) packed: usize,
    plain: usize,
    entries: usize,
}

impl Header {
    /// Reads a header and refuses lengths that no frame has.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let number = |at: usize| u32_at(bytes, at).map(|number| number as usize);
        let (Some(checksum), Some(packed), Some(plain), Some(entries)) =
            (u64_at(bytes, 0), number(8), number(12), number(16))
        else {
            return Err("a frame's header is cut off".to_owned());
        };
        if packed > PACKED_BYTES_MAX || plain > PLAIN_BYTES_MAX {
            return Err(format!(
                "a frame of {packed} packed and {plain} plain bytes is larger than any that is written"
            ));
        }
        if entries == 0 || entries > plain / ENTRY_HEADER_BYTES {
            return Err(format!(
                "a frame of {plain} bytes cannot hold {entries} entries"
            ));
        }
        Ok(Self {
            checksum,
            packed,
            plain,
            entries,
        })
    }
}

/// Makes frames of entries that come in order.
pub(crate) struct FrameWriter {
    plain: Vec<u8>,
    packed: Vec<u8>,
    entries: u32,
    compressor: Compressor<'static>,
}

impl FrameWriter {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            plain: Vec::new(),
            packed: Vec::new(),
            entries: 0,
            compressor: Compressor::new(LEVEL)?,
        })
    }

    /// Bytes that an entry takes, plain.
    pub(crate) fn plain_bytes(entry: &Entry<'_>) -> usize {
        ENTRY_HEADER_BYTES + entry.key.len() + entry.image.map_or(0, <[u8]>::len)
    }

    /// Plain bytes that wait to be sealed.
    pub(crate) fn waiting(&self) -> usize {
        self.plain.len()
    }

    /// Appends an entry whose [`Self::plain_bytes`] are at most [`PLAIN_BYTES_MAX`].
    pub(crate) fn push(&mut self, entry: &Entry<'_>) {
        self.plain.extend_from_slice(&entry.space.0.to_le_bytes());
        self.plain.extend_from_slice(&entry.hash.to_le_bytes());
        self.plain.extend_from_slice(&length(entry.key.len()));
        match entry.image {
            Some(image) => self.plain.extend_from_slice(&length(image.len())),
            None => self.plain.extend_from_slice(&TOMBSTONE.to_le_bytes()),
        }
        self.plain.extend_from_slice(entry.key);
        self.plain
            .extend_from_slice(entry.image.unwrap_or_default());
        self.entries += 1;
    }

    /// Appends the frame to `out` and begins another. Without entries there is no frame.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        if self.entries == 0 {
            return Ok(());
        }
        self.packed.clear();
        self.packed
            .reserve(zstd::zstd_safe::compress_bound(self.plain.len()));
        self.compressor
            .compress_to_buffer(&self.plain, &mut self.packed)?;
        let start = out.len();
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&length(self.packed.len()));
        out.extend_from_slice(&length(self.plain.len()));
        out.extend_from_slice(&self.entries.to_le_bytes());
        out.extend_from_slice(&self.packed);
        let checksum = XxHash3_64::oneshot(&out[start + 8..]);
        out[start..start + 8].copy_from_slice(&checksum.to_le_bytes());
        self.plain.clear();
        self.entries = 0;
        Ok(())
    }
}

/// A frame that was checked: its entries are whole and in strictly rising order.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    plain: Vec<u8>,
    /// Where the last entry begins.
    last: usize,
    entries: usize,
    gone: usize,
}

impl Frame {
    /// Reads a frame from its header and packed bytes, into room that `spare` had. `sealed` is header
    /// and packed bytes together.
    pub(crate) fn open(
        header: Header,
        sealed: &[u8],
        decompressor: &mut Decompressor<'_>,
        spare: Self,
    ) -> Result<Self, String> {
        if sealed.len() != HEADER_BYTES + header.packed
            || XxHash3_64::oneshot(&sealed[8..]) != header.checksum
        {
            return Err("a frame's checksum differs".to_owned());
        }
        let mut plain = spare.plain;
        plain.clear();
        plain.reserve(header.plain);
        let written = decompressor
            .decompress_to_buffer(&sealed[HEADER_BYTES..], &mut plain)
            .map_err(|error| format!("a frame cannot be decompressed: {error}"))?;
        if written != header.plain || plain.len() != header.plain {
            return Err(format!(
                "a frame has {written} plain bytes and says {}",
                header.plain
            ));
        }
        Self::checked(plain, header.entries)
    }

    /// The entry that begins at `at`, and where the next one begins. `None` at the end.
    pub(crate) fn entry(&self, at: usize) -> Option<(Entry<'_>, usize)> {
        entry_at(&self.plain, at)
    }

    /// The first entry.
    pub(crate) fn first(&self) -> Option<Entry<'_>> {
        self.entry(0).map(|(entry, _)| entry)
    }

    /// The last entry.
    pub(crate) fn last(&self) -> Option<Entry<'_>> {
        self.entry(self.last).map(|(entry, _)| entry)
    }

    /// Number of entries.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// Number of tombstones.
    pub(crate) fn gone(&self) -> usize {
        self.gone
    }

    /// Plain bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.plain.len()
    }

    fn checked(plain: Vec<u8>, entries: usize) -> Result<Self, String> {
        let (mut at, mut last, mut found, mut gone) = (0, 0, 0, 0);
        let mut before: Option<Entry<'_>> = None;
        while let Some((entry, next)) = entry_at(&plain, at) {
            if before.is_some_and(|before| by_key(&before, &entry) != Ordering::Less) {
                return Err("entries are not in order".to_owned());
            }
            before = Some(entry);
            (last, at) = (at, next);
            found += 1;
            gone += usize::from(entry.image.is_none());
        }
        if at != plain.len() || found != entries {
            return Err(format!(
                "a frame says {entries} entries and holds {found}, {} bytes are left",
                plain.len() - at
            ));
        }
        Ok(Self {
            plain,
            last,
            entries,
            gone,
        })
    }
}

/// The order of entries in a run.
pub(crate) fn by_key(a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
    (a.space, a.hash)
        .cmp(&(b.space, b.hash))
        .then_with(|| a.key.cmp(b.key))
}

fn entry_at(plain: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let bytes = plain.get(at..)?;
    let (head, rest) = bytes.split_at_checked(ENTRY_HEADER_BYTES)?;
    let space = Space(u16::from_le_bytes([head[0], head[1]]));
    let (hash, key, image) = (u64_at(head, 2)?, u32_at(head, 10)?, u32_at(head, 14)?);
    let (key, rest) = rest.split_at_checked(key as usize)?;
    let (image, next) = match image {
        TOMBSTONE => (None, at + ENTRY_HEADER_BYTES + key.len()),
        length => {
            let image = rest.get(..length as usize)?;
            (
                Some(image),
                at + ENTRY_HEADER_BYTES + key.len() + image.len(),
            )
        }
    };
    let entry = Entry {
        space,
        hash,
        key,
        image,
    };
    Some((entry, next))
}

/// A length as it is written. Callers keep it below [`PLAIN_BYTES_MAX`], so that it fits.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(TOMBSTONE).to_le_bytes()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_le_bytes(bytes))
}
