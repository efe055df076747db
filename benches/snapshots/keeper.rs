//! The threads beside the lanes, as `run` has them: one writes cuts to the store, another one merges.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tillwatch_records::{Entries, Part};
use tillwatch_state_store::{CutHead, LaneStore, LaneWriter};

/// Jobs that wait.
const JOBS_MAX: usize = 8;

/// How much the threads' claim on a processor is below that of lanes.
const NICENESS: i32 = 10;

/// Between two looks at whether all is done.
const LOOK: Duration = Duration::from_millis(1);

/// What a lane hands over.
pub enum Job {
    /// Entries of the cut under way.
    Chunk(Entries),
    /// The cut is whole.
    Whole(Box<(CutHead, Vec<Part>)>),
    /// The cut under way is given up: its entries are part of the next.
    Abandoned,
}

/// Writes what a lane cuts until it is dropped.
pub struct Keeper {
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    writer: Mutex<LaneWriter>,
    /// Chunks that were written, to be filled again.
    spares: Mutex<Vec<Entries>>,
    /// Jobs, and looks at what is to be merged, that are not done.
    open: AtomicUsize,
}

impl Keeper {
    /// Begins with an empty store: the first cut must hold everything.
    pub fn start(store: &LaneStore) -> Self {
        let shared = Arc::new(Shared {
            writer: Mutex::new(store.writer(None)),
            spares: Mutex::default(),
            open: AtomicUsize::new(0),
        });
        let (jobs, given) = sync_channel(JOBS_MAX);
        let (stored, looks) = channel();
        let (writing, merging) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            std::thread::spawn(move || writing.write(&given, &stored)),
            std::thread::spawn(move || merging.merge(&looks)),
        ];
        Self {
            jobs: Some(jobs),
            shared,
            threads,
        }
    }

    /// Hands a job over, or gives it back when too many wait.
    pub fn hand_over(&self, job: Job) -> Result<(), Job> {
        let jobs = self.jobs.as_ref().unwrap();
        self.shared.open.fetch_add(1, Ordering::AcqRel);
        jobs.try_send(job).map_err(|refused| {
            self.shared.done();
            let (TrySendError::Full(job) | TrySendError::Disconnected(job)) = refused;
            job
        })
    }

    /// An empty chunk.
    pub fn spare(&self) -> Entries {
        self.shared.spares.lock().unwrap().pop().unwrap_or_default()
    }

    /// Waits until everything is stored and merged.
    pub fn settle(&self) {
        while self.shared.open.load(Ordering::Acquire) > 0 {
            let ended = self.threads.iter().find(|thread| thread.is_finished());
            assert!(ended.is_none(), "the store takes what is written");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // What it panicked of it has said.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn write(&self, jobs: &Receiver<Job>, stored: &Sender<()>) {
        yield_to_lanes();
        for job in jobs {
            match job {
                Job::Chunk(mut entries) => {
                    self.writer.lock().unwrap().chunk(&mut entries).unwrap();
                    entries.clear();
                    let mut spares = self.spares.lock().unwrap();
                    if spares.len() < JOBS_MAX {
                        spares.push(entries);
                    }
                }
                Job::Whole(whole) => {
                    let (head, parts) = &*whole;
                    self.writer.lock().unwrap().finish(head, parts).unwrap();
                    self.open.fetch_add(1, Ordering::AcqRel);
                    stored.send(()).unwrap();
                }
                Job::Abandoned => self.writer.lock().unwrap().abandon().unwrap(),
            }
            self.done();
        }
    }

    fn merge(&self, looks: &Receiver<()>) {
        yield_to_lanes();
        for () in looks {
            loop {
                // The next cut is written meanwhile.
                let merging = self.writer.lock().unwrap().merging();
                let Some(merging) = merging else { break };
                let merged = merging.run(|| true).unwrap().unwrap();
                self.writer.lock().unwrap().merged(merged);
            }
            self.done();
        }
    }

    fn done(&self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Lets the lane go first where processors are few.
fn yield_to_lanes() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        eprintln!("the store's threads run with the priority of the lane: {error}");
    }
}
