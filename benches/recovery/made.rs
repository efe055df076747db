//! The snapshot that is read.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tillwatch_engine::Lane;
use tillwatch_records::Entries;
use tillwatch_state_store::{LaneWriter, Manifest};

use crate::case::Case;
use crate::stored::{head, snapshots};

/// Keys that are imaged at once.
const KEYS_MAX: usize = 1_000;

/// Bytes of entries that leave the lane at once.
const CHUNK_BYTES: usize = 1 << 20;

/// One key in so many has changed since everything was written: so a part of the snapshot is a delta, as it
/// is in operation.
const CHANGED: u64 = 100;

/// A lane's snapshot in a directory of its own.
pub struct Made {
    case: Case,
    directory: TempDir,
    manifest: Manifest,
    keys: u64,
    took: Duration,
}

impl Made {
    /// Of a lane whose `keys` terminals have sent `records` records each.
    pub fn new(case: Case, keys: u32, records: u32) -> Self {
        let began = Instant::now();
        let directory = TempDir::new().unwrap();
        let mut writer = snapshots(directory.path()).writer(None);
        let assembly = case.assembly();
        let mut lane = assembly.lane(0);
        let mut batches = case.batches(assembly.columns(), keys, records);
        let all = u64::from(keys) * u64::from(records);
        let mut taken = Case::feed(&mut lane, &mut batches, all);
        lane.track();
        write(&mut lane, &mut writer, taken);
        while writer.merge_due() {
            writer.merge().unwrap();
        }
        taken += Case::feed(&mut lane, &mut batches, u64::from(keys) / CHANGED);
        let manifest = write(&mut lane, &mut writer, taken);
        Self {
            case,
            directory,
            manifest,
            keys: lane.stats().keys,
            took: began.elapsed(),
        }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Keys of the lane that was written.
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// Bytes of all entries before they were compressed, those among them that a newer one replaces.
    pub fn plain_bytes(&self) -> u64 {
        let runs = self.manifest.runs().iter();
        runs.map(|run| run.plain_bytes).sum()
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} keys, {} entries in {} runs, {} MiB compressed and {} MiB plain; made in {:.0} s",
            self.case.name(),
            self.keys,
            self.manifest.entries(),
            self.manifest.runs().len(),
            self.manifest.bytes() >> 20,
            self.plain_bytes() >> 20,
            self.took.as_secs_f64(),
        )
    }
}

/// Cuts the lane at `offset`.
fn write(lane: &mut Lane, writer: &mut LaneWriter, offset: u64) -> Manifest {
    assert!(lane.begin_cut(), "no cut is under way");
    let mut entries = Entries::default();
    loop {
        let parts = lane.continue_cut(&mut entries, KEYS_MAX);
        if entries.bytes() >= CHUNK_BYTES || parts.is_some() {
            writer.chunk(&mut entries).unwrap();
        }
        if let Some(parts) = parts {
            return writer.finish(&head(lane, offset), &parts).unwrap();
        }
    }
}
