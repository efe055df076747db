//! Several adjacent runs become one.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;

use crate::error::StoreError;
use crate::files::LaneFiles;
use crate::merge::merge;
use crate::run::{Run, RunEncoder, merged_name};
use crate::upload::Upload;

/// Bytes of the result that are handed on at once.
const HANDED_BYTES: usize = 1 << 20;

/// Entries between two questions whether to go on: a few frames.
const ENTRIES_BETWEEN: u64 = 1_000;

/// A merge that can be run, on any thread.
#[derive(Debug)]
pub struct Merging {
    lane: LaneFiles,
    /// Adjacent runs, from old to new.
    inputs: Vec<Run>,
    /// Whether nothing is older than they are: then tombstones hide nothing, and end here.
    oldest: bool,
}

/// The result of a merge.
#[derive(Debug)]
pub struct Merged {
    inputs: Vec<Run>,
    /// `None` if no entry is left.
    result: Option<Run>,
}

impl Merging {
    pub(super) fn new(lane: LaneFiles, inputs: Vec<Run>, oldest: bool) -> Self {
        Self {
            lane,
            inputs,
            oldest,
        }
    }

    /// Compressed bytes to read.
    pub fn bytes(&self) -> u64 {
        self.inputs.iter().map(|run| run.bytes).sum()
    }

    /// Reads and writes as a stream: one frame of each run is in memory. Asks `go_on` every
    /// few frames; `None` if it said no.
    ///
    /// # Errors
    /// The store cannot be read or written. [`StoreError::Gone`]: a run is missing or damaged, and with it
    /// every snapshot that would name it.
    pub fn run(self, mut go_on: impl FnMut() -> bool) -> Result<Option<Merged>, StoreError> {
        let object = merged_name(&self.inputs, self.oldest);
        let readers = self.lane.open_runs(&self.inputs);
        let mut upload = Upload::new(self.lane.io(), &self.lane.below(&object));
        let mut encoder = RunEncoder::new()?;
        let mut seen: u64 = 0;
        let whole = merge(readers, &AtomicU64::new(0), |entry| {
            seen += 1;
            if seen.is_multiple_of(ENTRIES_BETWEEN) && !go_on() {
                return Ok(ControlFlow::Break(()));
            }
            if self.oldest && entry.image.is_none() {
                return Ok(ControlFlow::Continue(()));
            }
            encoder.push(entry)?;
            if encoder.ready() >= HANDED_BYTES {
                upload.write(&encoder.take())?;
            }
            Ok(ControlFlow::Continue(()))
        });
        let whole = whole.map_err(StoreError::of_own)?;
        if !whole {
            return Ok(None);
        }
        let (rest, totals) = encoder.finish()?;
        let result = (totals.entries > 0).then(|| totals.named(object));
        if result.is_some() {
            upload.write(&rest)?;
            upload.finish()?;
        }
        Ok(Some(Merged {
            inputs: self.inputs,
            result,
        }))
    }
}

impl Merged {
    /// Compressed bytes that were written.
    pub fn bytes(&self) -> u64 {
        self.result.as_ref().map_or(0, |run| run.bytes)
    }

    pub(super) fn into_runs(self) -> (Vec<Run>, Option<Run>) {
        (self.inputs, self.result)
    }
}
