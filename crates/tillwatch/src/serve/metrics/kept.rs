//! What is counted of state on its way to the store and back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use super::passed_over::PassedOver;
use crate::serve::histogram::Histogram;

/// Where the state of a lane came from that was assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A snapshot.
    Snapshot,
    /// The lane was still in memory.
    Kept,
    /// The log alone, as far back as is allowed.
    Replay,
    /// Nothing was to be had, or nothing had come before.
    Nothing,
}

/// What happened to a lane in a rebalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Assigned,
    Revoked,
    Lost,
}

/// Counts of snapshots, restores and rebalances.
#[derive(Debug, Default)]
pub struct StateCounts {
    pub(super) stored: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// From the beginning of a cut until it is in the store.
    pub(super) duration: Histogram,
    /// How long a lane stands still for a slice of a cut.
    pub(super) pause: Histogram,
    pub(super) failures: Mutex<BTreeMap<&'static str, u64>>,
    passed_over: [AtomicU64; PassedOver::ALL.len()],
    origins: [AtomicU64; Origin::ALL.len()],
    /// From an assignment until the lane scores.
    pub(super) restore: Histogram,
    pub(super) restored_entries: AtomicU64,
    pub(super) replayed: AtomicU64,
    changes: [AtomicU64; Change::ALL.len()],
    /// From the closing of a lane that leaves until it is given up.
    pub(super) departure: Histogram,
    /// Lanes that are kept although their partitions are not ours, and their bytes.
    pub(super) kept_lanes: AtomicU64,
    pub(super) kept_bytes: AtomicU64,
}

/// What is known of the snapshots of one lane.
#[derive(Debug)]
pub struct CutGauges {
    /// When the first record was taken that no stored snapshot holds, milliseconds since 1970.
    unsaved_ms: AtomicI64,
    /// When the first record was taken after the cut that was begun last.
    since_cut_ms: AtomicI64,
    /// Bytes in the store that the newest snapshot names.
    stored_bytes: AtomicU64,
    /// Bytes in memory that wait for the store.
    waiting_bytes: AtomicU64,
    /// Those of the lane as it was before its partition was lost, where it goes on: whoever cuts it and
    /// writes its snapshots knows them, and goes on to write there.
    before: OnceLock<Arc<Self>>,
}

/// Stands for a time that there is none of.
const NO_TIME: i64 = i64::MIN;

impl Origin {
    pub const ALL: [Self; 4] = [Self::Snapshot, Self::Kept, Self::Replay, Self::Nothing];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Kept => "kept",
            Self::Replay => "replay",
            Self::Nothing => "nothing",
        }
    }
}

impl Change {
    pub const ALL: [Self; 3] = [Self::Assigned, Self::Revoked, Self::Lost];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Revoked => "revoked",
            Self::Lost => "lost",
        }
    }
}

impl StateCounts {
    /// Counts entries that were imaged for a cut, and their bytes.
    pub fn count_entries(&self, entries: usize, bytes: usize) {
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a cut that is in the store.
    pub fn count_stored(&self, took: Duration) {
        self.stored.fetch_add(1, Ordering::Relaxed);
        observe(&self.duration, took);
    }

    /// Cuts that are in the store.
    #[cfg(test)]
    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    /// Lanes that are kept although their partitions are not ours.
    #[cfg(test)]
    pub fn kept(&self) -> u64 {
        self.kept_lanes.load(Ordering::Relaxed)
    }

    /// Failures to write, whatever their cause.
    #[cfg(test)]
    pub fn failures(&self) -> u64 {
        self.failures.lock().values().sum()
    }

    /// Records that lanes were shown again.
    #[cfg(test)]
    pub fn replayed(&self) -> u64 {
        self.replayed.load(Ordering::Relaxed)
    }

    /// Counts a time for which a lane stood still.
    pub fn observe_pause(&self, pause: Duration) {
        observe(&self.pause, pause);
    }

    /// Counts a snapshot, or a part of one, that could not be written.
    pub fn count_failure(&self, cause: &'static str) {
        *self.failures.lock().entry(cause).or_default() += 1;
    }

    /// Counts a snapshot that an assigned lane did not take.
    pub fn count_passed_over(&self, reason: PassedOver) {
        self.passed_over[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Snapshots that were passed over for `reason`.
    pub fn passed_over(&self, reason: PassedOver) -> u64 {
        self.passed_over[reason as usize].load(Ordering::Relaxed)
    }

    /// Counts a lane that was made.
    pub fn count_origin(&self, origin: Origin) {
        self.origins[origin as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Lanes that were made of `origin`.
    pub fn origin(&self, origin: Origin) -> u64 {
        self.origins[origin as usize].load(Ordering::Relaxed)
    }

    /// Counts how long it took until a lane scored.
    pub fn observe_restore(&self, took: Duration) {
        observe(&self.restore, took);
    }

    /// Counts entries that were put into a lane.
    pub fn count_restored(&self, entries: u64) {
        self.restored_entries.fetch_add(entries, Ordering::Relaxed);
    }

    /// Counts records that a lane was shown again.
    pub fn count_replayed(&self, records: u64) {
        self.replayed.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts a lane that came or went.
    pub fn count_change(&self, change: Change) {
        self.changes[change as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn change(&self, change: Change) -> u64 {
        self.changes[change as usize].load(Ordering::Relaxed)
    }

    /// Counts how long a lane took to leave.
    pub fn observe_departure(&self, took: Duration) {
        observe(&self.departure, took);
    }

    /// So many lanes are kept that are not ours, of so many bytes.
    pub fn set_kept(&self, lanes: u64, bytes: u64) {
        self.kept_lanes.store(lanes, Ordering::Relaxed);
        self.kept_bytes.store(bytes, Ordering::Relaxed);
    }
}

impl CutGauges {
    /// The lane goes on as it was when `before` were its gauges: these show from here on what is noted there.
    pub fn go_on_from(&self, before: &Arc<Self>) {
        // Nobody is in between, however often the lane was lost.
        let first = before.before.get().unwrap_or(before);
        // A lane goes on once for each time that its partition comes.
        let _ = self.before.set(Arc::clone(first));
    }

    /// Records were taken at `now_ms`.
    pub fn note_taken(&self, now_ms: i64) {
        for first in [&self.since_cut_ms, &self.unsaved_ms] {
            if first.load(Ordering::Relaxed) == NO_TIME {
                first.store(now_ms, Ordering::Relaxed);
            }
        }
    }

    /// A cut was begun, which holds what was taken so far.
    pub fn note_begun(&self) {
        self.since_cut_ms.store(NO_TIME, Ordering::Relaxed);
    }

    /// The cut that was begun last is in the store.
    pub fn note_stored(&self) {
        let since_cut_ms = self.since_cut_ms.load(Ordering::Relaxed);
        self.unsaved_ms.store(since_cut_ms, Ordering::Relaxed);
    }

    /// The newest snapshot names so many bytes in the store.
    pub fn set_stored_bytes(&self, bytes: u64) {
        self.stored_bytes.store(bytes, Ordering::Relaxed);
    }

    /// So many bytes wait for the store.
    pub fn set_waiting_bytes(&self, bytes: u64) {
        self.waiting_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Bytes in memory that wait for the store.
    pub fn waiting_bytes(&self) -> u64 {
        self.noted().waiting_bytes.load(Ordering::Relaxed)
    }

    /// Bytes in the store that the newest snapshot names.
    pub fn stored_bytes(&self) -> u64 {
        self.noted().stored_bytes.load(Ordering::Relaxed)
    }

    /// How long ago the first record was taken that no stored snapshot holds, in milliseconds; 0 where they
    /// hold all.
    pub(super) fn age_ms(&self, now_ms: i64) -> i64 {
        match self.noted().unsaved_ms.load(Ordering::Relaxed) {
            NO_TIME => 0,
            unsaved_ms => (now_ms - unsaved_ms).max(0),
        }
    }

    /// Where the lane's cuts are noted.
    fn noted(&self) -> &Self {
        self.before.get().map_or(self, |before| before)
    }
}

impl Default for CutGauges {
    fn default() -> Self {
        Self {
            unsaved_ms: AtomicI64::new(NO_TIME),
            since_cut_ms: AtomicI64::new(NO_TIME),
            stored_bytes: AtomicU64::new(0),
            waiting_bytes: AtomicU64::new(0),
            before: OnceLock::new(),
        }
    }
}

fn observe(histogram: &Histogram, duration: Duration) {
    let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    histogram.observe(us, 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_as_old_as_the_first_record_that_it_lacks() {
        let gauges = CutGauges::default();
        assert_eq!(gauges.age_ms(5_000), 0, "nothing was taken");
        gauges.note_taken(1_000);
        gauges.note_taken(2_000);
        assert_eq!(gauges.age_ms(5_000), 4_000);
        gauges.note_begun();
        assert_eq!(gauges.age_ms(5_000), 4_000, "it is not stored yet");
        gauges.note_taken(4_000);
        gauges.note_stored();
        assert_eq!(gauges.age_ms(5_000), 1_000);
        // A cut that fails takes nothing away.
        gauges.note_begun();
        gauges.note_taken(6_000);
        gauges.note_begun();
        assert_eq!(gauges.age_ms(7_000), 3_000);
        gauges.note_stored();
        assert_eq!(gauges.age_ms(7_000), 0);
    }

    #[test]
    fn a_lane_that_goes_on_shows_what_is_noted_where_it_began() {
        let [first, second, third] = [(); 3].map(|()| Arc::<CutGauges>::default());
        first.note_taken(1_000);
        second.go_on_from(&first);
        third.go_on_from(&second);
        first.set_stored_bytes(7);
        for gauges in [&second, &third] {
            assert_eq!((gauges.age_ms(5_000), gauges.stored_bytes()), (4_000, 7));
        }
        drop((first, second));
        assert_eq!(third.age_ms(6_000), 5_000);
    }
}
