//! The thread that keeps the store in order: merges runs, and deletes what nothing needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tillwatch_consumer::Monitor;
use tillwatch_state_store::{Manifest, StoreError};

use super::lane_cuts::LaneCuts;
use crate::clock;
use crate::serve::metrics::StateCounts;
use crate::watch;

/// How often the objects of a lane are cleaned up.
const CLEAN_INTERVAL: Duration = Duration::from_secs(600);

/// Objects that no manifest names are left alone for so long: an upload may be under way.
const CLEAN_GRACE: Duration = Duration::from_secs(3600);

/// Keeps the objects of lanes in order, one lane after the other, until dropped. Cuts are written meanwhile:
/// a merge of a large lane takes seconds.
pub struct Upkeep {
    /// A lane is in it once at most, so that it is bounded by their number.
    lanes: Sender<Option<Arc<LaneCuts>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Keeper {
    lanes: Receiver<Option<Arc<LaneCuts>>>,
    is_over: Arc<AtomicBool>,
    counts: Arc<StateCounts>,
    /// Says what the group has committed.
    monitor: Arc<Monitor>,
}

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(counts: Arc<StateCounts>, monitor: Arc<Monitor>) -> std::io::Result<Self> {
        let (sender, lanes) = channel();
        let is_over = Arc::<AtomicBool>::default();
        let keeper = Keeper {
            lanes,
            is_over: Arc::clone(&is_over),
            counts,
            monitor,
        };
        let thread = std::thread::Builder::new()
            .name("state-upkeep".into())
            .spawn(move || keeper.run())?;
        Ok(Self {
            lanes: sender,
            is_over,
            thread: Some(thread),
        })
    }

    /// A cut of the lane is in the store: looks whether something is to be put in order.
    pub fn look(&self, cuts: &Arc<LaneCuts>) {
        if !cuts.is_kept_in_order.swap(true, Ordering::AcqRel) {
            // It fails when the thread has ended, and then all is over.
            let _ = self.lanes.send(Some(Arc::clone(cuts)));
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.lanes.send(None);
        if let Some(thread) = self.thread.take() {
            // Its only failure is a panic of its own, which the panic hook has already reported.
            let _ = thread.join();
        }
    }
}

impl Keeper {
    fn run(self) {
        watch::yield_to_others();
        while let Ok(Some(cuts)) = self.lanes.recv() {
            cuts.is_kept_in_order.store(false, Ordering::Release);
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = self.merge(&cuts).and_then(|()| self.clean(&cuts)) {
                self.counts.count_failure(error.cause());
                tracing::warn!(
                    %error,
                    cause = error.cause(),
                    lane = %cuts.id(),
                    "cannot keep the snapshots of a lane in order; tried again after the next one"
                );
            }
        }
    }

    /// Merges runs while that is due.
    fn merge(&self, cuts: &LaneCuts) -> Result<(), StoreError> {
        let may_go_on = || !self.is_over.load(Ordering::Relaxed) && !cuts.is_over();
        loop {
            let generation = cuts.generation();
            let Some(merging) = cuts.write(generation, |writer| writer.merging()).flatten() else {
                return Ok(());
            };
            let Some(merged) = merging.run(may_go_on)? else {
                return Ok(());
            };
            cuts.write(generation, |writer| writer.merged(merged));
        }
    }

    /// Deletes what is not needed, every so often.
    fn clean(&self, cuts: &LaneCuts) -> Result<(), StoreError> {
        if !cuts.is_to_be_cleaned(clock::now(), CLEAN_INTERVAL) {
            return Ok(());
        }
        let stats = self.monitor.stats();
        let committed = |topic: &str| {
            let mut partitions = stats.partitions.iter();
            let of_lane = partitions.find(|found| {
                *found.source.topic == *topic && found.source.partition == cuts.id().partition
            });
            of_lane.and_then(|found| found.committed)
        };
        let is_usable = |manifest: &Manifest| {
            let mut marks = manifest.head().sources.iter();
            marks.all(|mark| committed(&mark.topic).unwrap_or(0) >= mark.offset)
        };
        let collect = cuts.write(cuts.generation(), |writer| {
            writer.collect(CLEAN_GRACE, is_usable)
        });
        collect.transpose().map(|_| ())
    }
}
