//! One lane's directory in the store: reading.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tillwatch_records::cut::{Entry, Part, Space};
use zstd::bulk::Decompressor;

use crate::collect::{Collected, collect};
use crate::error::StoreError;
use crate::files::LaneFiles;
use crate::frame::{Frame, by_key};
use crate::io::Io;
use crate::lane_id::LaneId;
use crate::manifest::{Manifest, SourceMark};
use crate::merge::merge;
use crate::run::Run;
use crate::usable::{Refused, unusable};
use crate::writer::LaneWriter;

/// Most older cuts that are found besides the newest usable one: as many as are kept.
const OLDER_MAX: usize = 2;

/// Most manifests that are read to list them.
const MANIFESTS_MAX: usize = 1_000;

/// The state of one lane in the store. Cheap to clone; calls wait for the store.
#[derive(Debug, Clone)]
pub struct LaneStore {
    files: LaneFiles,
}

/// What [`LaneStore::newest_usable`] found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The newest cut that may be used.
    pub manifest: Option<Manifest>,
    /// Usable cuts before it, newest first, for the case that it proves damaged while it is read.
    pub older: Vec<Manifest>,
    /// Newer ones that may not be used, newest first, with the reason.
    pub passed_over: Vec<Refused>,
}

/// What was read of a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Live entries that were handed out.
    pub entries: u64,
    /// Whether these were all.
    pub whole: bool,
}

/// What [`LaneStore::verify`] has read and found to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Runs.
    pub runs: usize,
    /// Compressed bytes, runs and parts.
    pub bytes: u64,
    /// Entries in runs, tombstones and replaced ones among them.
    pub entries: u64,
    /// Keys with a state.
    pub live: u64,
    /// Parts.
    pub parts: usize,
}

impl LaneStore {
    pub(crate) fn new(io: Io, id: LaneId) -> Self {
        Self {
            files: LaneFiles::new(io, id),
        }
    }

    /// Whose state it is.
    pub fn id(&self) -> &LaneId {
        self.files.id()
    }

    /// All manifests that can be read, newest first, and those that cannot, with the reason. At most
    /// the newest thousand.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn manifests(&self) -> Result<(Vec<Manifest>, Vec<Refused>), StoreError> {
        let inventory = self.files.inventory()?;
        let (mut read, mut refused) = (Vec::new(), Vec::new());
        for name in inventory.names.iter().take(MANIFESTS_MAX) {
            match self.files.sound(&name.to_string(), &inventory)? {
                Some(Ok(manifest)) => read.push(manifest),
                Some(Err(why)) => refused.push(why),
                None => {}
            }
        }
        Ok((read, refused))
    }

    /// The manifest of the lowest position that can be read, whether it may be used or not; `None` where
    /// there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn oldest(&self) -> Result<Option<Manifest>, StoreError> {
        for name in self.files.inventory()?.names.iter().rev() {
            if let Some(Ok(manifest)) = self.files.manifest(&name.to_string())? {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// The newest cut of this `meaning` that the group's committed offsets have reached, of the same
    /// topics, with all of its objects there. A source that is not in `committed` has committed nothing.
    ///
    /// # Errors
    /// The store cannot be read. What is damaged is no error: it is passed over.
    pub fn newest_usable(
        &self,
        meaning: &str,
        committed: &[SourceMark],
    ) -> Result<Found, StoreError> {
        let inventory = self.files.inventory()?;
        let mut found = Found::default();
        for name in &inventory.names {
            if found.older.len() == OLDER_MAX {
                break;
            }
            let refused = match self.files.sound(&name.to_string(), &inventory)? {
                None => continue,
                Some(Err(refused)) => refused,
                Some(Ok(manifest)) => match unusable(&manifest, meaning, committed) {
                    Some(why) => Refused {
                        name: manifest.name(),
                        why,
                    },
                    None if found.manifest.is_none() => {
                        found.manifest = Some(manifest);
                        continue;
                    }
                    None => {
                        found.older.push(manifest);
                        continue;
                    }
                },
            };
            if found.manifest.is_none() {
                found.passed_over.push(refused);
            }
        }
        Ok(found)
    }

    /// The parts of a cut, in the order in which they were written.
    ///
    /// # Errors
    /// The store cannot be read, or the parts are missing or damaged.
    pub fn parts(&self, manifest: &Manifest) -> Result<Vec<Part>, StoreError> {
        let mut parts = Vec::new();
        self.scan(manifest.parts(), |frame| {
            let mut at = 0;
            while let Some((entry, next)) = frame.entry(at) {
                at = next;
                let (Ok(name), Some(bytes)) = (std::str::from_utf8(entry.key), entry.image) else {
                    return Err(StoreError::Damaged {
                        path: self.files.below(&manifest.parts().object),
                        problem: "a part has no name or no bytes".to_owned(),
                    });
                };
                parts.push(Part {
                    name: name.to_owned(),
                    bytes: bytes.to_vec(),
                });
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(parts)
    }

    /// Calls `each` with every key that has a state, once, with its newest image, in the order of
    /// (space, hash, key). A thread reads and decompresses ahead of it. `read` counts compressed bytes
    /// as they come; [`Manifest::bytes`] is their sum, but for parts.
    ///
    /// # Errors
    /// The store cannot be read, or a run is missing or damaged: what `each` has got by then is not to
    /// be used.
    pub fn entries(
        &self,
        manifest: &Manifest,
        read: &AtomicU64,
        mut each: impl FnMut(&Entry<'_>) -> ControlFlow<()>,
    ) -> Result<Read, StoreError> {
        let readers = self.files.open_runs(manifest.runs());
        let mut entries = 0;
        let whole = merge(readers, read, |entry| {
            if entry.image.is_none() {
                return Ok(ControlFlow::Continue(()));
            }
            entries += 1;
            Ok(each(entry))
        })?;
        Ok(Read { entries, whole })
    }

    /// The image of one key in a cut; `None` if it has none. Reads runs from new to old until it is
    /// found: seconds, where a run is large.
    ///
    /// # Errors
    /// The store cannot be read, or a run is missing or damaged.
    pub fn find(
        &self,
        manifest: &Manifest,
        space: Space,
        hash: u64,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let wanted = Entry {
            space,
            hash,
            key,
            image: None,
        };
        for run in manifest.runs().iter().rev() {
            let mut found = None;
            self.scan(run, |frame| {
                if frame
                    .last()
                    .is_some_and(|last| by_key(&last, &wanted).is_lt())
                {
                    return Ok(ControlFlow::Continue(()));
                }
                found = found_in(frame, &wanted);
                Ok(ControlFlow::Break(()))
            })?;
            if let Some(image) = found {
                return Ok(image);
            }
        }
        Ok(None)
    }

    /// Reads all that a cut names and compares checksums, order and counts.
    ///
    /// # Errors
    /// What is wrong first, or the store cannot be read.
    pub fn verify(&self, manifest: &Manifest) -> Result<Verified, StoreError> {
        self.files.inventory()?.whole(manifest)?;
        let parts = self.parts(manifest)?;
        let read = self.entries(manifest, &AtomicU64::new(0), |_| ControlFlow::Continue(()))?;
        Ok(Verified {
            runs: manifest.runs().len(),
            bytes: manifest.bytes(),
            entries: manifest.entries(),
            live: read.entries,
            parts: parts.len(),
        })
    }

    /// Writes cuts. Goes on from `after`, the cut that the lane was restored from; without one, the first
    /// cut must hold the whole lane.
    pub fn writer(&self, after: Option<Manifest>) -> LaneWriter {
        LaneWriter::new(self.files.clone(), after)
    }

    /// Deletes manifests that newer usable ones have replaced, and objects that no manifest names, when
    /// they are older than `grace` by the store's clock. The newest manifest of another meaning is kept
    /// for a day. A writer that is at work cleans up by [`LaneWriter::collect`], which spares its runs.
    ///
    /// # Errors
    /// The store cannot be read, or does not delete. What was deleted by then stays so.
    pub fn collect(
        &self,
        grace: Duration,
        is_usable: impl Fn(&Manifest) -> bool,
    ) -> Result<Collected, StoreError> {
        collect(&self.files, grace, &[], is_usable, || true)
    }

    /// Calls `each` with the frames of one object.
    fn scan(
        &self,
        object: &Run,
        mut each: impl FnMut(&Frame) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut decompressor = Decompressor::new().map_err(|error| StoreError::Unavailable {
            action: "decompress",
            path: self.files.below(&object.object),
            detail: error.to_string(),
        })?;
        let read = AtomicU64::new(0);
        let mut spare = Frame::default();
        for mut reader in self.files.open_runs(std::slice::from_ref(object)) {
            while let Some(frame) = reader.frame(&mut decompressor, spare, &read)? {
                if each(&frame)?.is_break() {
                    return Ok(());
                }
                spare = frame;
            }
            spare = Frame::default();
        }
        Ok(())
    }
}

/// The image of a key in a frame that may hold it: `Some(None)` is a tombstone.
fn found_in(frame: &Frame, wanted: &Entry<'_>) -> Option<Option<Vec<u8>>> {
    let mut at = 0;
    while let Some((entry, next)) = frame.entry(at) {
        match by_key(&entry, wanted) {
            Ordering::Less => at = next,
            Ordering::Equal => return Some(entry.image.map(<[u8]>::to_vec)),
            Ordering::Greater => return None,
        }
    }
    None
}
