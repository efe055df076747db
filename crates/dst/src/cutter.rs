//! The cuts of one lane, on their way to the store.

use std::collections::VecDeque;

use tillwatch_consumer::LastCall;
use tillwatch_engine::Lane;
use tillwatch_records::{Entries, Part};
use tillwatch_state_store::{CutHead, LaneStore, LaneWriter, Manifest};

use crate::mutant::Mutant;

/// Jobs that wait for the store. As in the binary, but for each lane.
pub(crate) const JOBS_MAX: usize = 8;

/// The cuts of one lane.
pub(crate) struct Cutter {
    store: LaneStore,
    writer: LaneWriter,
    under_way: Option<UnderWay>,
    /// Entries that were imaged and have not left.
    chunk: Entries,
    jobs: VecDeque<Job>,
    /// What was written before is of no use for the next cut: it must hold everything.
    must_begin_anew: bool,
    /// Offsets at which the last cut was begun.
    last: Option<Vec<i64>>,
    /// The newest cut in the store.
    stored: Option<Manifest>,
    mutant: Option<Mutant>,
}

/// A cut that has not left the lane.
struct UnderWay {
    head: CutHead,
    /// All parts, once everything is imaged.
    parts: Option<Vec<Part>>,
    is_given_up: bool,
}

/// Something to write.
enum Job {
    Chunk(Entries),
    Whole {
        head: CutHead,
        parts: Vec<Part>,
        waiting: Option<LastCall>,
    },
    Abandoned,
    Waited(#[expect(dead_code, reason = "it is dropped, not read")] LastCall),
}

/// What became of a job.
pub(crate) enum Written {
    Nothing,
    Stored(Box<Manifest>),
    Failed,
}

impl Cutter {
    /// Of a lane that goes on from the cut `after`, if from any.
    pub(crate) fn new(store: LaneStore, after: Option<Manifest>, mutant: Option<Mutant>) -> Self {
        let base = after.clone().filter(|_| mutant != Some(Mutant::ForgetBase));
        Self {
            writer: store.writer(base),
            store,
            under_way: None,
            chunk: Entries::default(),
            jobs: VecDeque::new(),
            must_begin_anew: false,
            last: None,
            stored: after,
            mutant,
        }
    }

    /// The lane goes on after it was kept: unless `newest` in the store is its own, another owner may have
    /// cleaned up what its next cut would name.
    pub(crate) fn go_on_after(&mut self, newest: Option<&Manifest>) {
        let name = |manifest: &Manifest| manifest.name();
        if newest.map(name) != self.stored.as_ref().map(name) {
            self.must_begin_anew = true;
        }
    }

    /// Whether something of a cut waits.
    pub(crate) fn is_at_work(&self) -> bool {
        self.under_way.is_some() || !self.jobs.is_empty()
    }

    /// Whether a cut can be begun that says something new, at `offsets`.
    pub(crate) fn may_begin(&self, lane: &Lane, offsets: &[i64]) -> bool {
        let has_changed = self.must_begin_anew || self.last.as_deref() != Some(offsets);
        let is_free = self.must_begin_anew || !lane.is_cutting();
        !self.is_at_work() && is_free && has_changed && !lane.is_reordered()
    }

    /// Begins a cut of `lane`, which stands at `head`.
    pub(crate) fn begin(&mut self, lane: &mut Lane, mut head: CutHead) {
        if self.must_begin_anew || !lane.is_tracked() {
            self.writer = self.store.writer(None);
            lane.track();
            self.must_begin_anew = false;
        }
        if !lane.begin_cut() {
            return;
        }
        self.last = Some(offsets(&head));
        if self.mutant == Some(Mutant::SwapSources) && head.sources.len() == 2 {
            let first = head.sources[0].offset;
            head.sources[0].offset = head.sources[1].offset;
            head.sources[1].offset = first;
        }
        self.under_way = Some(UnderWay {
            head,
            parts: None,
            is_given_up: false,
        });
    }

    /// Gives the cut under way up: the next one holds what it was to say.
    pub(crate) fn give_up(&mut self, lane: &mut Lane) {
        if let Some(under_way) = &mut self.under_way
            && !under_way.is_given_up
        {
            under_way.is_given_up = true;
            under_way.parts = None;
            lane.abandon_cut();
        }
    }

    /// One slice of the cut under way: images `keys` keys, and lets them leave if `leaves`. `now` is where
    /// the lane stands.
    pub(crate) fn slice(&mut self, lane: &mut Lane, keys: usize, leaves: bool, now: &CutHead) {
        self.drop_what_is_refused();
        let Some(under_way) = &mut self.under_way else {
            return;
        };
        if lane.is_cutting() {
            if let Some(parts) = lane.continue_cut(&mut self.chunk, keys) {
                under_way.parts = Some(parts);
            }
            if self.mutant == Some(Mutant::SkipTombstones) {
                self.chunk = without_tombstones(&self.chunk);
            }
        }
        let is_imaged = !lane.is_cutting();
        if (leaves || is_imaged) && !self.chunk.is_empty() && self.jobs.len() < JOBS_MAX {
            self.jobs
                .push_back(Job::Chunk(std::mem::take(&mut self.chunk)));
        }
        if is_imaged && self.chunk.is_empty() && self.jobs.len() < JOBS_MAX {
            self.leave(now);
        }
    }

    /// Goes on towards the last cut of a lane that leaves and stands at `head`.
    pub(crate) fn finish(
        &mut self,
        lane: &mut Lane,
        head: &CutHead,
        keys: usize,
        waiting: &mut Option<LastCall>,
    ) {
        self.drop_what_is_refused();
        let position = offsets(head);
        match &self.under_way {
            Some(under_way) if under_way.head.sources != head.sources => self.give_up(lane),
            Some(_) => {}
            None => {
                let is_stored = self
                    .stored
                    .as_ref()
                    .is_some_and(|stored| offsets(stored.head()) == position);
                // A whole cut of this position may be on its way already.
                let is_on_its_way = self.last.as_ref() == Some(&position) && !self.jobs.is_empty();
                let is_possible = !lane.is_reordered() && !lane.is_cutting();
                if is_possible && !is_stored && !is_on_its_way {
                    self.begin(lane, head.clone());
                }
                if self.under_way.is_none() {
                    if let Some(call) = waiting.take() {
                        self.jobs.push_back(Job::Waited(call));
                    }
                    return;
                }
            }
        }
        self.slice(lane, keys, true, head);
        if let Some(Job::Whole {
            head: whole,
            waiting: waits,
            ..
        }) = self.jobs.back_mut()
            && whole.sources == head.sources
            && waits.is_none()
        {
            *waits = waiting.take();
        }
    }

    /// Does the next job.
    pub(crate) fn write(&mut self) -> Written {
        let Some(job) = self.jobs.pop_front() else {
            return Written::Nothing;
        };
        let failed = match job {
            Job::Chunk(mut entries) => self.writer.chunk(&mut entries).err(),
            Job::Abandoned => self.writer.abandon().err(),
            Job::Waited(_) => None,
            Job::Whole {
                head,
                parts,
                waiting,
            } => match self.writer.finish(&head, &parts) {
                Ok(manifest) => {
                    self.stored = Some(manifest.clone());
                    return Written::Stored(Box::new(manifest));
                }
                Err(error) => {
                    if self.mutant == Some(Mutant::DropEntries) {
                        self.writer = self.store.writer(self.stored.clone());
                    }
                    if !error.ends_writer() {
                        self.jobs.push_front(Job::Whole {
                            head,
                            parts,
                            waiting,
                        });
                    }
                    Some(error)
                }
            },
        };
        let Some(error) = failed else {
            return Written::Nothing;
        };
        if error.ends_writer() {
            self.must_begin_anew = true;
        }
        Written::Failed
    }

    /// Merges runs once, if that is due. What fails is tried again.
    pub(crate) fn merge(&mut self) {
        if let Err(error) = self.writer.merge() {
            self.must_begin_anew |= error.ends_writer();
        }
    }

    /// The newest cut in the store.
    pub(crate) fn stored(&self) -> Option<&Manifest> {
        self.stored.as_ref()
    }

    pub(crate) fn writer(&self) -> &LaneWriter {
        &self.writer
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// A cut whose writer has ended is of no more use.
    fn drop_what_is_refused(&mut self) {
        if self.must_begin_anew {
            self.under_way = None;
            self.chunk.clear();
            self.jobs.clear();
        }
    }

    /// Everything of the cut under way is imaged and has left: so does its end.
    fn leave(&mut self, now: &CutHead) {
        let Some(under_way) = self.under_way.take() else {
            return;
        };
        let UnderWay {
            mut head,
            parts,
            is_given_up,
        } = under_way;
        if self.mutant == Some(Mutant::LateHead) {
            head.sources.clone_from(&now.sources);
        }
        let job = match parts {
            Some(parts) if !is_given_up => Job::Whole {
                head,
                parts,
                waiting: None,
            },
            _ => {
                // Nothing has the lane's position.
                self.last = None;
                Job::Abandoned
            }
        };
        self.jobs.push_back(job);
    }
}

/// The offsets of a head, one per source.
pub(crate) fn offsets(head: &CutHead) -> Vec<i64> {
    head.sources.iter().map(|mark| mark.offset).collect()
}

fn without_tombstones(entries: &Entries) -> Entries {
    let mut rest = Entries::default();
    let held = entries.iter().filter(|entry| entry.image.is_some());
    held.for_each(|entry| rest.push_entry(&entry));
    rest
}
