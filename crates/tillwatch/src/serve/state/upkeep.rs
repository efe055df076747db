//! The thread that keeps the store in order: merges runs, and deletes what nothing needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tillwatch_consumer::Monitor;
use tillwatch_state_store::{Manifest, SourceMark, StoreError};

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
    /// Starts the thread, which begins nothing any more once `is_over` is set.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        counts: Arc<StateCounts>,
        monitor: Arc<Monitor>,
        is_over: Arc<AtomicBool>,
    ) -> std::io::Result<Self> {
        let (sender, lanes) = channel();
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
                self.note_failure(&cuts, &error);
            }
        }
    }

    fn note_failure(&self, cuts: &LaneCuts, error: &StoreError) {
        let (cause, lane) = (error.cause(), cuts.id());
        self.counts.count_failure(cause);
        match error.ends_writer() {
            true => tracing::warn!(
                %error,
                cause,
                %lane,
                "a file that snapshots of a lane need is damaged or gone; the next one holds the whole lane and \
                 does not need it"
            ),
            false => tracing::warn!(
                %error,
                cause,
                %lane,
                "cannot keep the snapshots of a lane in order; tried again after the next one"
            ),
        }
    }

    /// Merges runs while that is due. One that is damaged or gone is named by no later cut: the next one
    /// holds everything.
    fn merge(&self, cuts: &LaneCuts) -> Result<(), StoreError> {
        loop {
            let generation = cuts.generation();
            let Some(merging) = cuts.write(generation, |writer| writer.merging()).flatten() else {
                return Ok(());
            };
            match merging.run(|| self.may_go_on(cuts)) {
                Ok(Some(merged)) => {
                    cuts.write(generation, |writer| writer.merged(merged));
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    if error.ends_writer() {
                        // A lane that has begun anew meanwhile does not name the run any more.
                        cuts.write(generation, |_| cuts.note_broken(&error, clock::now()));
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Deletes what is not needed, every so often.
    fn clean(&self, cuts: &LaneCuts) -> Result<(), StoreError> {
        // Without a cut of its own, nothing of the lane replaces what is there.
        let Some(own) = cuts.stored() else {
            return Ok(());
        };
        match cuts.is_to_be_cleaned(clock::now(), CLEAN_INTERVAL) {
            true => self.collect(cuts, &own),
            false => Ok(()),
        }
    }

    /// Deletes what a lane does not need any more whose newest snapshot is `own`.
    fn collect(&self, cuts: &LaneCuts, own: &Manifest) -> Result<(), StoreError> {
        let stats = self.monitor.stats();
        let committed = |topic: &str| {
            let mut partitions = stats.partitions.iter();
            let of_lane = partitions.find(|found| {
                *found.source.topic == *topic && found.source.partition == cuts.id().partition
            });
            of_lane.and_then(|found| found.committed)
        };
        let is_usable = usable_beside(own, committed);
        // The thread that writes must not wait for it: the other lanes would wait as well.
        let Some(cleaning) = cuts.write(cuts.generation(), |writer| writer.cleaning()) else {
            return Ok(());
        };
        cleaning.run(CLEAN_GRACE, is_usable, || self.may_go_on(cuts))?;
        Ok(())
    }

    fn may_go_on(&self, cuts: &LaneCuts) -> bool {
        !self.is_over.load(Ordering::Relaxed) && !cuts.is_over()
    }
}

/// Which snapshots a lane may be restored from whose newest one is `own`, when its group has `committed` so
/// much of a topic. Those of other settings, or of a topic that was made anew, are none: they neither
/// replace what is ours nor are they replaced by age alone.
fn usable_beside(
    own: &Manifest,
    committed: impl Fn(&str) -> Option<i64>,
) -> impl Fn(&Manifest) -> bool {
    let meaning = own.head().meaning.clone();
    let marks = own.head().sources.iter().map(|mark| SourceMark {
        offset: committed(&mark.topic).unwrap_or(0),
        ..mark.clone()
    });
    let marks: Vec<SourceMark> = marks.collect();
    move |manifest| manifest.may_be_used(&meaning, &marks)
}

#[cfg(test)]
mod tests;
