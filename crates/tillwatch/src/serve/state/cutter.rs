//! When a lane is cut, and its cut in slices.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tillwatch_consumer::LastCall;
use tillwatch_engine::{ActiveModels, Lane};
use tillwatch_records::cut::{Entries, Part};
use tillwatch_state_store::CutHead;

use super::lane_cuts::LaneCuts;
use super::uploads::{Job, Uploads, Whole};
use crate::clock;
use crate::serve::metrics::StateCounts;

/// Keys that are imaged before the clock is looked at: some tens of microseconds.
const KEYS_MAX: usize = 32;

/// Bytes of a chunk of a cut from which on it leaves the lane.
const CHUNK_BYTES: usize = 1 << 20;

/// The cuts of one lane.
pub struct Cutter {
    cuts: Arc<LaneCuts>,
    interval: Duration,
    due: Instant,
    under_way: Option<UnderWay>,
    /// Entries that were imaged and have not left.
    chunk: Entries,
    /// What scored when the last cut was begun: its state depends on which models a record met.
    models: Arc<ActiveModels>,
    reference: Option<String>,
    /// Offsets at which the last cut was begun.
    last: Option<Vec<i64>>,
}

/// A cut that has not left the lane.
struct UnderWay {
    begun: Instant,
    head: CutHead,
    /// All parts, once everything is imaged.
    parts: Option<Vec<Part>>,
    /// A newer cut is to take its place: what was imaged is part of that one.
    is_given_up: bool,
}

/// What a slice has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advance {
    /// Nothing is to be done before this time.
    Until(Instant),
    /// Another slice goes on.
    More,
    /// What was imaged must leave first: look again soon.
    Full,
    /// The last cut is on its way, and whoever waits for it is told by that.
    Over,
}

/// What a slice needs besides the lane.
pub struct Slice<'a> {
    pub uploads: &'a Uploads,
    pub counts: &'a StateCounts,
    /// When it ends.
    pub limit: Duration,
    /// Where the lane stands.
    pub head: &'a dyn Fn() -> CutHead,
}

impl Cutter {
    /// Of a lane whose first cut is due after `first`, a part of `interval`, so that lanes take turns.
    pub fn new(cuts: Arc<LaneCuts>, lane: &Lane, interval: Duration, first: Duration) -> Self {
        Self {
            cuts,
            interval,
            due: clock::now() + first,
            under_way: None,
            chunk: Entries::default(),
            models: Arc::clone(lane.models()),
            reference: lane.reference_version().map(str::to_owned),
            last: None,
        }
    }

    /// What the thread that writes knows of the lane.
    pub fn cuts(&self) -> &Arc<LaneCuts> {
        &self.cuts
    }

    /// When the next cut is due.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// The lane has taken records.
    pub fn note_taken(&self) {
        self.cuts.gauges.note_taken(clock::unix_ms());
    }

    /// Begins a cut of `lane` if one is due, and goes on with the one under way until the slice is over.
    pub fn advance(&mut self, lane: &mut Lane, slice: &Slice<'_>) -> Advance {
        let now = clock::now();
        self.look_at_the_store();
        if self.under_way.is_none() {
            if !self.is_due(lane, now) {
                return Advance::Until(self.due.max(now));
            }
            self.forget_dropped();
            let head = (slice.head)();
            if !self.has_changed(lane, &head) {
                self.next_due(now);
                return Advance::Until(self.due);
            }
            self.begin(lane, head, now);
        }
        self.timed(now, slice, |cutter| {
            cutter.go_on(lane, slice, now, &mut None)
        })
    }

    /// As [`Cutter::advance`], for a lane that leaves and takes no more records: its last cut is of where it
    /// stands. `waiting` is dropped when that is stored, or cannot be.
    pub fn finish(
        &mut self,
        lane: &mut Lane,
        slice: &Slice<'_>,
        waiting: &mut Option<LastCall>,
    ) -> Advance {
        let now = clock::now();
        self.look_at_the_store();
        let head = (slice.head)();
        match &mut self.under_way {
            Some(under_way) => {
                if under_way.head.sources != head.sources {
                    under_way.give_up(lane);
                }
            }
            None => {
                self.forget_dropped();
                if self.may_last(lane, &head, now) {
                    self.begin(lane, head, now);
                    if self.under_way.is_none() && self.cuts.must_begin_anew() {
                        // The thread that writes is at work on this lane.
                        return Advance::Full;
                    }
                }
                if self.under_way.is_none() {
                    return self.wait_for_others(slice, waiting);
                }
            }
        }
        self.timed(now, slice, |cutter| cutter.go_on(lane, slice, now, waiting))
    }

    /// A cut that the store refused is of no more use.
    fn look_at_the_store(&mut self) {
        if self.under_way.is_some() && self.cuts.must_begin_anew() {
            self.under_way = None;
            self.chunk.clear();
        }
    }

    /// The position of a cut that is not stored, and not tried again, is cut again.
    fn forget_dropped(&mut self) {
        if self.cuts.take_dropped() {
            self.last = None;
        }
    }

    fn is_due(&self, lane: &Lane, now: Instant) -> bool {
        self.cuts.may_begin(now)
            && !lane.is_reordered()
            && (now >= self.due || self.scores_otherwise(lane))
    }

    /// Whether models or reference data are others than at the last cut: records before the change must not
    /// be replayed with those after it.
    fn scores_otherwise(&self, lane: &Lane) -> bool {
        !Arc::ptr_eq(lane.models(), &self.models)
            || lane.reference_version() != self.reference.as_deref()
    }

    /// Whether the last cut does not hold what the lane holds.
    fn has_changed(&self, lane: &Lane, head: &CutHead) -> bool {
        self.cuts.must_begin_anew()
            || self.scores_otherwise(lane)
            || self.last.as_deref() != Some(&offsets(head))
    }

    /// Whether a last cut is needed and possible.
    fn may_last(&self, lane: &Lane, head: &CutHead, now: Instant) -> bool {
        let is_possible =
            !lane.is_reordered() && (!self.cuts.must_begin_anew() || self.cuts.may_begin(now));
        is_possible && self.has_changed(lane, head) && !self.cuts.holds(&offsets(head))
    }

    fn begin(&mut self, lane: &mut Lane, head: CutHead, now: Instant) {
        if self.cuts.must_begin_anew() || !lane.is_tracked() {
            if !self.cuts.begin_anew() {
                return;
            }
            lane.track();
        }
        self.next_due(now);
        if !lane.begin_cut() {
            return;
        }
        self.models = Arc::clone(lane.models());
        self.reference = lane.reference_version().map(str::to_owned);
        self.last = Some(offsets(&head));
        self.cuts.gauges.note_begun();
        self.under_way = Some(UnderWay {
            begun: now,
            head,
            parts: None,
            is_given_up: false,
        });
    }

    /// The next cut is due at a whole number of intervals after the first, so that lanes keep their turns.
    fn next_due(&mut self, now: Instant) {
        while self.due <= now {
            self.due += self.interval;
        }
    }

    fn go_on(
        &mut self,
        lane: &mut Lane,
        slice: &Slice<'_>,
        since: Instant,
        waiting: &mut Option<LastCall>,
    ) -> Advance {
        loop {
            let Some(under_way) = &mut self.under_way else {
                return Advance::Until(self.due);
            };
            if lane.is_cutting() && self.chunk.bytes() < CHUNK_BYTES {
                under_way.parts = lane.continue_cut(&mut self.chunk, KEYS_MAX);
            } else if !self.chunk.is_empty() {
                let chunk = std::mem::replace(&mut self.chunk, slice.uploads.spare());
                if let Err(Job::Chunk(chunk)) =
                    slice.uploads.hand_over(&self.cuts, Job::Chunk(chunk))
                {
                    self.chunk = chunk;
                    return Advance::Full;
                }
            } else {
                return self.leave(slice, waiting);
            }
            if clock::now().duration_since(since) >= slice.limit {
                return Advance::More;
            }
        }
    }

    /// Everything of the cut under way is imaged and has left: so does its end.
    fn leave(&mut self, slice: &Slice<'_>, waiting: &mut Option<LastCall>) -> Advance {
        let Some(under_way) = self.under_way.take() else {
            return Advance::Until(self.due);
        };
        let Some(parts) = under_way.parts else {
            // Given up, here or by the lane itself: nothing has the lane's position.
            if slice.uploads.hand_over(&self.cuts, Job::Abandoned).is_err() {
                self.under_way = Some(under_way);
                return Advance::Full;
            }
            self.last = None;
            return Advance::More;
        };
        let is_last = waiting.is_some();
        let job = Job::Whole(Box::new(Whole {
            head: under_way.head,
            parts,
            begun: under_way.begun,
            waiting: waiting.take(),
        }));
        self.cuts.set_busy(true);
        let Err(Job::Whole(whole)) = slice.uploads.hand_over(&self.cuts, job) else {
            return if is_last {
                Advance::Over
            } else {
                Advance::Until(self.due)
            };
        };
        self.cuts.set_busy(false);
        *waiting = whole.waiting;
        self.under_way = Some(UnderWay {
            begun: whole.begun,
            head: whole.head,
            parts: Some(whole.parts),
            is_given_up: false,
        });
        Advance::Full
    }

    /// There is nothing to cut: whoever waits waits for what is on its way.
    fn wait_for_others(&self, slice: &Slice<'_>, waiting: &mut Option<LastCall>) -> Advance {
        if let Some(given) = waiting.take()
            && let Err(Job::Waited(given)) = slice.uploads.hand_over(&self.cuts, Job::Waited(given))
        {
            *waiting = Some(given);
            return Advance::Full;
        }
        Advance::Over
    }

    fn timed(
        &mut self,
        since: Instant,
        slice: &Slice<'_>,
        work: impl FnOnce(&mut Self) -> Advance,
    ) -> Advance {
        let advance = work(self);
        slice
            .counts
            .observe_pause(clock::now().duration_since(since));
        advance
    }
}

impl UnderWay {
    /// A newer cut is to take its place. The lane puts back what it has not imaged.
    fn give_up(&mut self, lane: &mut Lane) {
        if !self.is_given_up {
            self.is_given_up = true;
            self.parts = None;
            lane.abandon_cut();
        }
    }
}

fn offsets(head: &CutHead) -> Vec<i64> {
    head.sources.iter().map(|mark| mark.offset).collect()
}
