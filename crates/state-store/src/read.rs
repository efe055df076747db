//! Reads the frames of one run, a block ahead.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tillwatch_records::cut::{Entry, Space};
use zstd::bulk::Decompressor;

use crate::error::StoreError;
use crate::frame::{Frame, HEADER_BYTES, Header, by_key};
use crate::io::{Fetch, Io};
use crate::run::{MAGIC, Run, Totals};

/// Memory for blocks of all runs that are read together: what is read and what is on its way.
const BLOCKS_BYTES: u64 = 64 << 20;

/// Smallest block: a few frames.
const BLOCK_BYTES_MIN: u64 = 256 << 10;

/// Largest block: beyond it a longer read is no faster.
const BLOCK_BYTES_MAX: u64 = 8 << 20;

/// A run that is being read. What it holds is compared with what the manifest says of it.
pub(crate) struct RunReader {
    io: Io,
    path: String,
    expected: Totals,
    block: u64,
    /// The first byte that was not asked for.
    next: u64,
    ahead: Option<Fetch>,
    window: Vec<u8>,
    /// How much of the window was read.
    at: usize,
    found: Totals,
    last: LastKey,
}

impl RunReader {
    /// Readers of runs in `directory` that are read together. Their first blocks are on their way.
    pub(crate) fn open_all(io: &Io, directory: &str, runs: &[Run]) -> Vec<Self> {
        let each = BLOCKS_BYTES / 2 / (runs.len().max(1) as u64);
        let block = each.clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
        let open = |run: &Run| {
            let mut reader = Self {
                io: io.clone(),
                path: format!("{directory}/{}", run.object),
                expected: Totals::of(run),
                block,
                next: 0,
                ahead: None,
                window: Vec::new(),
                at: 0,
                found: Totals::default(),
                last: LastKey::default(),
            };
            reader.ask();
            reader
        };
        runs.iter().map(open).collect()
    }

    /// The next frame, in `spare`'s room; `None` after the last. Counts bytes into `read`. Damage is
    /// remembered, so that no cut that names the run counts as usable any more.
    pub(crate) fn frame(
        &mut self,
        decompressor: &mut Decompressor<'_>,
        spare: Frame,
        read: &AtomicU64,
    ) -> Result<Option<Frame>, StoreError> {
        let frame = self.next_frame(decompressor, spare, read);
        if let Err(StoreError::Damaged { path, problem }) = &frame {
            self.io.note_damage(path, problem);
        }
        frame
    }

    fn next_frame(
        &mut self,
        decompressor: &mut Decompressor<'_>,
        spare: Frame,
        read: &AtomicU64,
    ) -> Result<Option<Frame>, StoreError> {
        if self.found.bytes == 0 {
            self.begin(read)?;
        }
        if self.found.bytes == self.expected.bytes {
            return self.end().map(|()| None);
        }
        let header = Header::read(self.peek(HEADER_BYTES, read)?);
        let header = header.map_err(|problem| self.damaged(problem))?;
        let length = HEADER_BYTES + header.packed;
        let frame = Frame::open(header, self.peek(length, read)?, decompressor, spare);
        let frame = frame.map_err(|problem| self.damaged(problem))?;
        self.pass(length);
        self.count(&frame)?;
        Ok(Some(frame))
    }

    fn begin(&mut self, read: &AtomicU64) -> Result<(), StoreError> {
        if self.peek(MAGIC.len(), read)? != MAGIC {
            return Err(self.damaged("it does not begin as a run does".to_owned()));
        }
        self.pass(MAGIC.len());
        Ok(())
    }

    fn end(&self) -> Result<(), StoreError> {
        if self.found == self.expected {
            return Ok(());
        }
        Err(self.damaged(format!(
            "it holds {} entries, {} of them tombstones, and its manifest says {} and {}",
            self.found.entries, self.found.gone, self.expected.entries, self.expected.gone
        )))
    }

    fn count(&mut self, frame: &Frame) -> Result<(), StoreError> {
        self.found.entries += frame.entries() as u64;
        self.found.gone += frame.gone() as u64;
        self.found.plain_bytes += frame.bytes() as u64;
        let (Some(first), Some(last)) = (frame.first(), frame.last()) else {
            return Err(self.damaged("a frame is empty".to_owned()));
        };
        if self.found.entries > frame.entries() as u64
            && self.last.compare(&first) != Ordering::Less
        {
            return Err(self.damaged("frames are not in order".to_owned()));
        }
        self.last.set(&last);
        Ok(())
    }

    /// The next `length` bytes, which are not passed yet.
    fn peek(&mut self, length: usize, read: &AtomicU64) -> Result<&[u8], StoreError> {
        if length as u64 > self.expected.bytes - self.found.bytes {
            return Err(self.damaged(format!(
                "it ends after {} bytes, within a frame",
                self.expected.bytes
            )));
        }
        while self.window.len() - self.at < length {
            self.refill(read)?;
        }
        Ok(&self.window[self.at..self.at + length])
    }

    fn pass(&mut self, length: usize) {
        self.at += length;
        self.found.bytes += length as u64;
    }

    fn refill(&mut self, read: &AtomicU64) -> Result<(), StoreError> {
        let Some(fetch) = self.ahead.take() else {
            return Err(self.damaged("it ends too early".to_owned()));
        };
        let block = fetch.wait().map_err(|error| self.explained(error))?;
        self.ask();
        self.window.drain(..self.at);
        self.at = 0;
        self.window.extend_from_slice(&block);
        read.fetch_add(block.len() as u64, Relaxed);
        Ok(())
    }

    /// Asks for the next block, if there is one.
    fn ask(&mut self) {
        let end = (self.next + self.block).min(self.expected.bytes);
        if self.next < end {
            self.ahead = Some(self.io.fetch(&self.path, self.next..end));
            self.next = end;
        }
    }

    /// A store's error about a part that is not there, told as what it is: an object that was cut off.
    fn explained(&self, error: StoreError) -> StoreError {
        match self.io.look_up(&self.path) {
            Ok(Some(listed)) if listed.bytes != self.expected.bytes => self.damaged(format!(
                "it has {} bytes, and its manifest says {}",
                listed.bytes, self.expected.bytes
            )),
            _ => error,
        }
    }

    fn damaged(&self, problem: String) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            problem,
        }
    }
}

/// A key that outlives the frame that it was in.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastKey {
    space: u16,
    hash: u64,
    key: Vec<u8>,
}

impl LastKey {
    pub(crate) fn set(&mut self, entry: &Entry<'_>) {
        (self.space, self.hash) = (entry.space.0, entry.hash);
        self.key.clear();
        self.key.extend_from_slice(entry.key);
    }

    pub(crate) fn compare(&self, entry: &Entry<'_>) -> Ordering {
        by_key(&self.entry(), entry)
    }

    pub(crate) fn compare_keys(&self, other: &Self) -> Ordering {
        by_key(&self.entry(), &other.entry())
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            space: Space(self.space),
            hash: self.hash,
            key: &self.key,
            image: None,
        }
    }
}
