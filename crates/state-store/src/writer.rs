//! Writes the cuts of one lane.

mod cleaning;
mod merging;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tillwatch_records::cut::{Entries, Entry, Part, Space};

use crate::collect::Collected;
use crate::error::StoreError;
use crate::files::LaneFiles;
use crate::levels;
use crate::manifest::{CutHead, Manifest, RUNS_MAX};
use crate::run::{Run, encode};

pub use cleaning::Cleaning;
pub use merging::{Merged, Merging};

/// A run is written when so many bytes of entries wait for it.
const RUN_BYTES: usize = 8 << 20;

/// Most bytes that a writer keeps for a store that takes nothing: what is usually touched between two
/// cuts, several times over.
const HELD_BYTES_MAX: u64 = 64 << 20;

/// Writes one cut of a lane after the other; one thread uses it at a time.
///
/// A cut is a number of [`chunks`](Self::chunk), then [`finish`](Self::finish). **A writer never loses
/// an entry that it took.** The lane counts a key as written once its image has left, so what a cut
/// that was not finished has brought stays here, in the store or in memory, and belongs to the next
/// manifest. After an error the same call can be made again. Two errors end the writer, as
/// [`StoreError::ends_writer`] says: the store took nothing for so long that memory would not do, or
/// what was written is not there any more. Then the lane is cut whole, with a new writer.
pub struct LaneWriter {
    lane: LaneFiles,
    /// In the store, from old to new: those of the cut that was gone on from, and what came since.
    runs: Vec<Run>,
    /// Newer than `runs`, from old to new.
    unsent: VecDeque<(Run, Bytes)>,
    unsent_bytes: u64,
    /// Entries of the cut under way that make no run yet. Newer than `unsent`.
    open: Entries,
}

impl LaneWriter {
    /// Goes on from the cut that the lane was restored from. Without one, the first cut holds the whole
    /// lane.
    pub(crate) fn new(lane: LaneFiles, after: Option<Manifest>) -> Self {
        Self {
            lane,
            runs: after.map_or_else(Vec::new, |manifest| manifest.runs().to_vec()),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            open: Entries::default(),
        }
    }

    /// Takes entries of the cut under way, in any order; `entries` is then empty and keeps its room.
    /// Without entries it sends what waits.
    ///
    /// # Errors
    /// [`StoreError::Behind`]: nothing was taken, too much waits already. Any other error: all was
    /// taken, and the store did not take what waits.
    pub fn chunk(&mut self, entries: &mut Entries) -> Result<(), StoreError> {
        if self.held_bytes() > HELD_BYTES_MAX {
            let sent = self.send();
            let held = self.held_bytes();
            if sent.is_err() && held > HELD_BYTES_MAX {
                return Err(StoreError::Behind {
                    held,
                    most: HELD_BYTES_MAX,
                });
            }
        }
        self.open.append(entries);
        if self.open.bytes() >= RUN_BYTES {
            self.seal()?;
        }
        self.send()
    }

    /// Writes the cut: its last run, its parts, and the manifest that names them. If the store has a
    /// manifest of this position already, that one is kept and returned: it names the same state.
    ///
    /// # Errors
    /// The store did not take all of it: the same call can be made again, or the cut be given up.
    /// [`StoreError::Gone`]: what the manifest would name was deleted or cut off.
    pub fn finish(&mut self, head: &CutHead, parts: &[Part]) -> Result<Manifest, StoreError> {
        self.seal()?;
        self.send()?;
        while self.runs.len() > RUNS_MAX {
            self.merge()?;
        }
        let parts = self.put_parts(parts)?;
        let id = self.lane.id().clone();
        let manifest = Manifest::new(id, head.clone(), self.runs.clone(), parts)?;
        let inventory = self.lane.inventory()?;
        inventory.whole(&manifest).map_err(StoreError::of_own)?;
        let name = manifest.name();
        let path = self.lane.below(&format!("cuts/{name}"));
        let bytes = Bytes::from(manifest.to_bytes()?);
        if self.lane.io().put_if_absent(&path, bytes.clone())? {
            return Ok(manifest);
        }
        if let Some(Ok(there)) = self.lane.sound(&name, &inventory)? {
            return Ok(there);
        }
        // What is there cannot be used by anybody.
        self.lane.io().put(&path, bytes)?;
        Ok(manifest)
    }

    /// Gives up the cut under way: there will be no manifest of its position. Its entries stay, older
    /// than those of the next cut, and belong to the next manifest.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] as by [`Self::chunk`]. The store is not used.
    pub fn abandon(&mut self) -> Result<(), StoreError> {
        // A key is in one cut once; of two cuts' entries the newer counts, so they must not mix.
        self.seal()
    }

    /// Bytes in memory that wait for the store.
    pub fn held_bytes(&self) -> u64 {
        self.unsent_bytes + self.open.bytes() as u64
    }

    /// Runs that the next manifest names, as far as they are in the store.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Whether runs should be merged, so that they stay few.
    pub fn merge_due(&self) -> bool {
        levels::due(&self.runs).is_some()
    }

    /// The next merge, to be run on any thread while cuts go on here; [`Self::merged`] takes its result.
    pub fn merging(&self) -> Option<Merging> {
        let group = levels::due(&self.runs)?;
        let oldest = group.start == 0;
        Some(Merging::new(
            self.lane.clone(),
            self.runs[group].to_vec(),
            oldest,
        ))
    }

    /// Names the result of a merge instead of what went into it, from the next manifest on.
    pub fn merged(&mut self, merged: Merged) {
        let (inputs, result) = merged.into_runs();
        let mut windows = self.runs.windows(inputs.len().max(1));
        if let Some(start) = windows.position(|runs| runs == inputs) {
            self.runs.splice(start..start + inputs.len(), result);
        }
    }

    /// Merges runs once, if it is due, and waits for it.
    ///
    /// # Errors
    /// As of [`Merging::run`]. Nothing has changed then.
    pub fn merge(&mut self) -> Result<(), StoreError> {
        if let Some(merging) = self.merging()
            && let Some(merged) = merging.run(|| true)?
        {
            self.merged(merged);
        }
        Ok(())
    }

    /// A clean-up, to be run on any thread while cuts go on here.
    pub fn cleaning(&self) -> Cleaning {
        Cleaning::new(self.lane.clone(), self.runs.clone())
    }

    /// Cleans up as [`LaneStore::collect`](crate::LaneStore::collect) does, spares the runs that the next
    /// manifest will name, and waits for it.
    ///
    /// # Errors
    /// The store cannot be read, or does not delete. What was deleted by then stays so.
    pub fn collect(
        &self,
        grace: Duration,
        is_usable: impl Fn(&Manifest) -> bool,
    ) -> Result<Collected, StoreError> {
        self.cleaning().run(grace, is_usable, || true)
    }

    /// Makes a run of the entries that wait for one.
    fn seal(&mut self) -> Result<(), StoreError> {
        if self.open.is_empty() {
            return Ok(());
        }
        let (bytes, run) = encode(&mut self.open)?;
        // Not cleared: many lanes have a writer, and few are being cut.
        self.open = Entries::default();
        self.unsent_bytes += bytes.len() as u64;
        self.unsent.push_back((run, Bytes::from(bytes)));
        Ok(())
    }

    /// Sends the runs that wait, in their order.
    fn send(&mut self) -> Result<(), StoreError> {
        while let Some((run, bytes)) = self.unsent.front() {
            let path = self.lane.below(&run.object);
            self.lane.io().put(&path, bytes.clone())?;
            self.unsent_bytes -= bytes.len() as u64;
            self.runs
                .extend(self.unsent.pop_front().map(|(run, _)| run));
        }
        Ok(())
    }

    fn put_parts(&self, parts: &[Part]) -> Result<Run, StoreError> {
        let mut entries = Entries::default();
        for (at, part) in (0..).zip(parts) {
            entries.push_entry(&Entry {
                space: Space(0),
                hash: at,
                key: part.name.as_bytes(),
                image: Some(&part.bytes),
            });
        }
        let (bytes, run) = encode(&mut entries)?;
        let object = run.object.replacen("runs/", "parts/", 1);
        self.lane
            .io()
            .put(&self.lane.below(&object), Bytes::from(bytes))?;
        Ok(Run { object, ..run })
    }
}
