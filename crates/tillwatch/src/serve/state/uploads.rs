//! The thread that writes the cuts of all lanes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_consumer::{LastCall, Monitor};
use tillwatch_records::cut::{Entries, Part};
use tillwatch_state_store::{CutHead, LaneWriter, Manifest, StoreError};

use super::lane_cuts::LaneCuts;
use super::upkeep::Upkeep;
use crate::clock;
use crate::serve::metrics::StateCounts;
use crate::watch;

/// Jobs that wait, of all lanes together. Each holds about a chunk of a cut at most, so that this bounds the
/// memory of what was imaged and is not written.
const JOBS_MAX: usize = 8;

/// Chunks that are kept to be filled again.
const SPARES_MAX: usize = JOBS_MAX;

/// How long the thread waits for a job when nothing is to be tried again.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// How long the end waits for the thread, which may be in the middle of a call that the store does not
/// answer: whoever stops has waited for last cuts before.
const END_WAIT: Duration = Duration::from_secs(3);

/// Something to write. The jobs of a lane are done in their order.
pub enum Job {
    /// Entries of the cut under way.
    Chunk(Entries),
    /// The cut is whole.
    Whole(Box<Whole>),
    /// The cut under way gets no manifest: its entries are part of the next.
    Abandoned,
    /// A lane that leaves waits for the jobs before this one.
    Waited(LastCall),
}

/// A cut that is whole.
pub struct Whole {
    pub head: CutHead,
    pub parts: Vec<Part>,
    /// When the cut was begun.
    pub begun: Instant,
    /// The lane leaves when this is dropped: when the cut is stored, or cannot be.
    pub waiting: Option<LastCall>,
}

/// Takes what lanes cut, and writes it on a thread of its own until dropped. What waits then is not written:
/// lanes that leave in order have waited for theirs.
pub struct Uploads {
    jobs: SyncSender<Message>,
    spares: Arc<Mutex<Vec<Entries>>>,
    is_over: Arc<AtomicBool>,
    /// Closed when the thread has ended.
    ended: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    /// For a generation of the lane's writer.
    Job(Arc<LaneCuts>, u64, Job),
    /// Wakes a thread that waits, since all is over.
    End,
}

/// A whole cut that could not be stored.
struct Retry {
    cuts: Arc<LaneCuts>,
    generation: u64,
    whole: Box<Whole>,
    at: Instant,
}

struct Writing {
    messages: Receiver<Message>,
    spares: Arc<Mutex<Vec<Entries>>>,
    /// Nobody waits for what is not written by now.
    is_over: Arc<AtomicBool>,
    counts: Arc<StateCounts>,
    upkeep: Upkeep,
    /// One for each lane at most.
    retries: Vec<Retry>,
    /// Causes of failure that were said since the last cut that was stored.
    said: BTreeSet<&'static str>,
}

impl Uploads {
    /// Starts the thread, and the one that keeps the store in order. `monitor` says what the group has
    /// committed.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(counts: Arc<StateCounts>, monitor: Arc<Monitor>) -> std::io::Result<Self> {
        let is_over = Arc::<AtomicBool>::default();
        let upkeep = Upkeep::start(Arc::clone(&counts), monitor, Arc::clone(&is_over))?;
        let (jobs, messages) = sync_channel(JOBS_MAX);
        let spares = Arc::new(Mutex::new(Vec::new()));
        let writing = Writing {
            messages,
            spares: Arc::clone(&spares),
            is_over: Arc::clone(&is_over),
            counts,
            upkeep,
            retries: Vec::new(),
            said: BTreeSet::new(),
        };
        let (ending, ended) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("state".into())
            .spawn(move || {
                let _ending: SyncSender<()> = ending;
                writing.run();
            })?;
        Ok(Self {
            jobs,
            spares,
            is_over,
            ended: Mutex::new(ended),
            thread: Some(thread),
        })
    }

    /// Hands a job over; gives it back when so many wait that this one must as well.
    pub fn hand_over(&self, cuts: &Arc<LaneCuts>, job: Job) -> Result<(), Job> {
        let message = Message::Job(Arc::clone(cuts), cuts.generation(), job);
        self.jobs.try_send(message).map_err(|refused| {
            let (TrySendError::Full(message) | TrySendError::Disconnected(message)) = refused;
            match message {
                Message::Job(_, _, job) => job,
                // Never sent here.
                Message::End => Job::Abandoned,
            }
        })
    }

    /// An empty chunk, with the room of one that was written.
    pub fn spare(&self) -> Entries {
        self.spares.lock().pop().unwrap_or_default()
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // A thread that has jobs looks before each; one that has ended needs no word.
        let _ = self.jobs.try_send(Message::End);
        if self.ended.get_mut().recv_timeout(END_WAIT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(
                "the store of snapshots does not answer at the end: what was not written by now is read from \
                 the log by the next start"
            );
            return;
        }
        if let Some(thread) = self.thread.take() {
            // Its only failure is a panic of its own, which the panic hook has already reported.
            let _ = thread.join();
        }
    }
}

impl Writing {
    fn run(mut self) {
        watch::yield_to_others();
        loop {
            let next = self.retries.iter().map(|retry| retry.at).min();
            let wait = next.map_or(WAIT_MAX, |at| at.saturating_duration_since(clock::now()));
            let message = self.messages.recv_timeout(wait);
            if self.is_over() {
                return;
            }
            match message {
                Ok(Message::Job(cuts, generation, job)) => self.take(&cuts, generation, job),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
            self.try_again();
        }
    }

    fn take(&mut self, cuts: &Arc<LaneCuts>, generation: u64, job: Job) {
        match job {
            Job::Chunk(mut entries) => {
                self.counts.count_entries(entries.len(), entries.bytes());
                let taken = cuts.write(generation, |writer| writer.chunk(&mut entries));
                if let Some(Err(error)) = taken {
                    self.note_failure(cuts, &error);
                }
                entries.clear();
                let mut spares = self.spares.lock();
                if spares.len() < SPARES_MAX {
                    spares.push(entries);
                }
            }
            Job::Whole(whole) => self.store(cuts, generation, whole),
            Job::Abandoned => {
                if let Some(Err(error)) = cuts.write(generation, LaneWriter::abandon) {
                    self.note_failure(cuts, &error);
                }
            }
            // Behind a cut that is to be stored again, it waits for that.
            Job::Waited(waiting) => {
                let mut retries = self.retries.iter_mut();
                if let Some(retry) = retries.find(|retry| Arc::ptr_eq(&retry.cuts, cuts)) {
                    retry.whole.waiting = Some(waiting);
                }
            }
        }
    }

    /// Stores a whole cut; what fails is tried again later. A newer cut holds what an older one of the lane
    /// would have said.
    fn store(&mut self, cuts: &Arc<LaneCuts>, generation: u64, mut whole: Box<Whole>) {
        self.retries.retain(|retry| !Arc::ptr_eq(&retry.cuts, cuts));
        if cuts.must_begin_anew() {
            // One of its chunks was refused: nothing may name the rest.
            return cuts.set_busy(false);
        }
        let finished = cuts.write(generation, |writer| {
            writer.finish(&whole.head, &whole.parts)
        });
        match finished {
            None => cuts.set_busy(false),
            Some(Ok(manifest)) => {
                self.note_stored(cuts, &whole, manifest);
                drop(whole.waiting.take());
                self.upkeep.look(cuts);
            }
            Some(Err(error)) => {
                self.note_failure(cuts, &error);
                if cuts.must_begin_anew() {
                    return cuts.set_busy(false);
                }
                self.retries.push(Retry {
                    at: cuts.try_again_at(clock::now()),
                    cuts: Arc::clone(cuts),
                    generation,
                    whole,
                });
            }
        }
    }

    fn try_again(&mut self) {
        // A lane that comes back begins again with what is given up here.
        for given_up in self.retries.extract_if(.., |retry| retry.cuts.is_over()) {
            given_up.cuts.note_dropped();
        }
        let now = clock::now();
        let retries = std::mem::take(&mut self.retries).into_iter();
        let (due, later): (Vec<Retry>, Vec<Retry>) = retries.partition(|retry| retry.at <= now);
        self.retries = later;
        for retry in due {
            if self.is_over() {
                return;
            }
            self.store(&retry.cuts, retry.generation, retry.whole);
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn note_stored(&mut self, cuts: &LaneCuts, whole: &Whole, manifest: Manifest) {
        let took = clock::now().duration_since(whole.begun);
        self.counts.count_stored(took);
        if !self.said.is_empty() {
            self.said.clear();
            tracing::info!("snapshots are written again");
        }
        tracing::debug!(
            lane = %cuts.id(),
            snapshot = manifest.name(),
            took_s = took.as_secs_f64(),
            "snapshot written"
        );
        cuts.note_stored(manifest);
    }

    /// Counts a failure, and says it the first time since all was well. An object that is lost is named each
    /// time.
    fn note_failure(&mut self, cuts: &LaneCuts, error: &StoreError) {
        let cause = error.cause();
        self.counts.count_failure(cause);
        if self.said.insert(cause) || matches!(error, StoreError::Gone { .. }) {
            tracing::warn!(
                %error,
                cause,
                lane = %cuts.id(),
                "cannot write a snapshot: scoring goes on, and it is tried again until it succeeds"
            );
        }
        if error.ends_writer() {
            cuts.note_broken(error, clock::now());
        }
    }
}

#[cfg(test)]
mod tests;
