//! Several runs as one: every key once, with its newest entry.
//!
//! A thread reads, checks and decompresses ahead of the merge. It knows which frame is wanted next: of
//! the frames in use, that whose last key is the smallest is used up first. So frames come in the order
//! in which they are needed, through one bounded queue.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;

use crossbeam_channel::{Receiver, Sender, bounded};
use tillwatch_records::cut::Entry;
use zstd::bulk::Decompressor;

use crate::error::StoreError;
use crate::frame::{Frame, by_key};
use crate::read::{LastKey, RunReader};

/// Frames that wait for the merge: 4 MiB, a few milliseconds of it.
const FRAMES_AHEAD: usize = 16;

/// A frame of a run; `None` after its last.
type Loaded = Result<(usize, Option<Frame>), StoreError>;

/// Calls `each` with the newest entry of every key, tombstones among them, in order. `runs` go from old
/// to new. Says whether `each` has seen all.
pub(crate) fn merge(
    runs: Vec<RunReader>,
    read: &AtomicU64,
    mut each: impl FnMut(&Entry<'_>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<bool, StoreError> {
    let count = runs.len();
    let (loaded, frames) = bounded(FRAMES_AHEAD);
    let (spares, spare) = bounded(FRAMES_AHEAD);
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("state-read".to_owned())
            .spawn_scoped(scope, move || {
                Ahead::new(runs, spare).load_all(&loaded, read);
            })
            .map_err(|error| StoreError::Unavailable {
                action: "start a thread for",
                path: "runs".to_owned(),
                detail: error.to_string(),
            })?;
        // Moved in, so that the thread above ends when this merge does.
        let mut merge = Merge::new(count, frames, spares)?;
        merge.run(&mut each)
    })
}

/// Reads ahead.
struct Ahead {
    runs: Vec<RunReader>,
    /// The last key of the newest frame of each run that has more.
    ends: Vec<Option<LastKey>>,
    spare: Receiver<Frame>,
}

impl Ahead {
    fn new(runs: Vec<RunReader>, spare: Receiver<Frame>) -> Self {
        Self {
            ends: runs.iter().map(|_| None).collect(),
            runs,
            spare,
        }
    }

    /// Loads until all is loaded, an error is told, or nobody listens.
    fn load_all(mut self, loaded: &Sender<Loaded>, read: &AtomicU64) {
        let mut decompressor = match Decompressor::new() {
            Ok(decompressor) => decompressor,
            Err(error) => {
                let error = StoreError::Unavailable {
                    action: "decompress",
                    path: "runs".to_owned(),
                    detail: error.to_string(),
                };
                // Nobody listens: the merge has ended.
                let _unheard = loaded.send(Err(error));
                return;
            }
        };
        let first = 0..self.runs.len();
        let mut wanted: VecDeque<usize> = first.collect();
        while let Some(run) = wanted.pop_front() {
            let told = self.load(run, &mut decompressor, read);
            let failed = told.is_err();
            if loaded.send(told).is_err() || failed {
                return;
            }
            if wanted.is_empty() {
                wanted.extend(self.first_used_up());
            }
        }
    }

    fn load(
        &mut self,
        run: usize,
        decompressor: &mut Decompressor<'_>,
        read: &AtomicU64,
    ) -> Loaded {
        let spare = self.spare.try_recv().unwrap_or_default();
        let frame = self.runs[run].frame(decompressor, spare, read)?;
        match frame.as_ref().and_then(Frame::last) {
            Some(last) => self.ends[run].get_or_insert_default().set(&last),
            None => self.ends[run] = None,
        }
        Ok((run, frame))
    }

    fn first_used_up(&self) -> Option<usize> {
        let ends = self.ends.iter().enumerate();
        let ends = ends.filter_map(|(run, end)| end.as_ref().map(|end| (run, end)));
        ends.min_by(|(_, a), (_, b)| a.compare_keys(b))
            .map(|(run, _)| run)
    }
}

/// Merges what was read.
struct Merge {
    frames: Receiver<Loaded>,
    spares: Sender<Frame>,
    /// Frames that came before they were asked for, by run.
    early: Vec<VecDeque<Option<Frame>>>,
    cursors: Vec<Cursor>,
    /// Runs that have an entry, as a heap: the smallest key first, of equal ones the newest.
    heap: Vec<usize>,
}

/// Where a run is read.
#[derive(Default)]
struct Cursor {
    frame: Frame,
    at: usize,
    next: usize,
}

impl Merge {
    fn new(
        count: usize,
        frames: Receiver<Loaded>,
        spares: Sender<Frame>,
    ) -> Result<Self, StoreError> {
        let mut made = Self {
            frames,
            spares,
            early: (0..count).map(|_| VecDeque::new()).collect(),
            cursors: (0..count).map(|_| Cursor::default()).collect(),
            heap: Vec::with_capacity(count),
        };
        for run in 0..count {
            if made.load(run)? {
                made.heap.push(run);
            }
        }
        for at in (0..made.heap.len() / 2).rev() {
            made.sift(at);
        }
        Ok(made)
    }

    fn run(
        &mut self,
        each: &mut impl FnMut(&Entry<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut last: Option<LastKey> = None;
        while let Some(&run) = self.heap.first() {
            let Some(entry) = self.cursors[run].entry() else {
                return Ok(false);
            };
            let seen = last
                .as_ref()
                .is_some_and(|last| last.compare(&entry) == Ordering::Equal);
            if !seen {
                if each(&entry)?.is_break() {
                    return Ok(false);
                }
                last.get_or_insert_default().set(&entry);
            }
            self.advance(run)?;
        }
        Ok(true)
    }

    /// Goes on to the next entry of the run at the top of the heap.
    fn advance(&mut self, run: usize) -> Result<(), StoreError> {
        if !self.cursors[run].step() && !self.load(run)? {
            self.heap.swap_remove(0);
        }
        self.sift(0);
        Ok(())
    }

    /// Takes the next frame of a run; says whether there was one.
    fn load(&mut self, run: usize) -> Result<bool, StoreError> {
        while self.early[run].is_empty() {
            let (of, frame) = self.frames.recv().map_err(|_| StoreError::Unavailable {
                action: "read",
                path: "runs".to_owned(),
                detail: "the thread that reads ahead has ended".to_owned(),
            })??;
            self.early[of].push_back(frame);
        }
        let Some(frame) = self.early[run].pop_front().flatten() else {
            return Ok(false);
        };
        let used = self.cursors[run].begin(frame);
        // The thread that takes spare frames has enough, or has read all.
        let _unused = self.spares.try_send(used);
        Ok(true)
    }

    fn sift(&mut self, mut at: usize) {
        loop {
            let children = 2 * at + 1..(2 * at + 3).min(self.heap.len());
            let Some(least) = children.min_by(|&a, &b| self.order(a, b)) else {
                return;
            };
            if self.order(at, least) == Ordering::Less {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    /// Which of two places in the heap comes first.
    fn order(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (self.heap[a], self.heap[b]);
        match (self.cursors[a].entry(), self.cursors[b].entry()) {
            (Some(one), Some(other)) => by_key(&one, &other).then(b.cmp(&a)),
            (one, other) => one.is_some().cmp(&other.is_some()),
        }
    }
}

impl Cursor {
    fn entry(&self) -> Option<Entry<'_>> {
        self.frame.entry(self.at).map(|(entry, _)| entry)
    }

    /// Stands at the first entry of `frame`; gives back the frame before.
    fn begin(&mut self, frame: Frame) -> Frame {
        self.at = 0;
        self.next = frame.entry(0).map_or(0, |(_, next)| next);
        std::mem::replace(&mut self.frame, frame)
    }

    /// Goes on to the next entry of the frame; says whether there is one.
    fn step(&mut self) -> bool {
        self.at = self.next;
        match self.frame.entry(self.at) {
            Some((_, next)) => {
                self.next = next;
                true
            }
            None => false,
        }
    }
}
