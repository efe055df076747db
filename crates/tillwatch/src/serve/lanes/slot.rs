//! A lane's place in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tillwatch_consumer::{Inlet, LastCall, Moved};
use tillwatch_engine::{LANE_BYTES, Lane};
use tillwatch_feature_extraction::LaneStats;
use tillwatch_records::{RawBatch, TopicPartition};

use crate::clock;
use crate::serve::deadline::Deadline;
use crate::serve::metrics::LaneGauges;
use crate::serve::state::{Cutter, LaneCuts};

/// A lane and the way its records come, from an assignment to its end.
pub struct Slot {
    pub inlet: Arc<Inlet>,
    pub gauges: Arc<LaneGauges>,
    /// Locked by whoever lets the lane do something. The inlet does not report new records before the lane
    /// has found it empty, so that one thread at a time takes records.
    pub seat: Mutex<Seat>,
    /// A defect has ended the lane half way through a batch: it takes no more.
    pub is_broken: AtomicBool,
    /// When the next batch became the lane's, see [`Deadline`].
    pub waiting_since: Mutex<Instant>,
    /// What was counted when the metrics were last updated.
    pub counted: Mutex<LaneStats>,
    /// What the group has committed of each source, once that was told.
    pub located: Mutex<Vec<Option<Option<i64>>>>,
    pub cut_turns: CutTurns,
    /// What the thread that writes knows of the lane, once there is a lane.
    pub cuts: Mutex<Option<Arc<LaneCuts>>>,
    /// The place that the lane had before its partition was lost, until it is known whether it can go on.
    pub kept: Mutex<Option<Arc<Slot>>>,
    /// Bytes that a snapshot holds which is being read into the lane: about what it will take.
    pub coming_bytes: AtomicU64,
    /// When the lane began to leave.
    pub leaving_since: Mutex<Option<Instant>>,
}

/// Turns of the pool in which an idle lane, or one that leaves, is cut.
pub struct CutTurns {
    /// One waits for a thread.
    pub is_queued: AtomicBool,
    /// When there is something to do; `None` for not at all.
    pub look_at: Mutex<Option<Instant>>,
    /// The consumer waits for the last cut.
    pub leaving: Mutex<Option<LastCall>>,
}

/// Where the lane sits, once it is there: it is restored first, or made at its first batch.
#[derive(Default)]
pub struct Seat {
    pub worker: Option<Worker>,
    /// Where reading of each source begins, where that is known.
    pub begun: Vec<Option<i64>>,
    /// Where state is kept: it is decided what the lane begins with, and reading has begun.
    pub is_begun: bool,
    /// Records with timestamps up to this may be missing, as was told before there was a lane.
    pub missed_ms: Option<i64>,
    /// What topics have become, as was told before there was a lane: the newest of each.
    pub moved: Vec<Moved>,
}

/// A lane at work.
pub struct Worker {
    pub lane: Lane,
    pub deadline: Option<Deadline>,
    /// Present where state is kept.
    pub cutter: Option<Cutter>,
    /// The next offset after what the lane has taken of each source, where that is known.
    pub next: Vec<Option<i64>>,
    /// Over how many partitions of each source's topic keys are spread, as the lane was told last: what it
    /// holds is flagged where it lacks something because there were others before.
    pub partitions: Vec<Option<usize>>,
}

impl Slot {
    pub fn new(inlet: Arc<Inlet>, gauges: Arc<LaneGauges>) -> Self {
        let sources = inlet.sources().len();
        Self {
            inlet,
            gauges,
            seat: Mutex::new(Seat {
                begun: vec![None; sources],
                ..Seat::default()
            }),
            is_broken: AtomicBool::new(false),
            waiting_since: Mutex::new(clock::now()),
            counted: Mutex::default(),
            located: Mutex::new(vec![None; sources]),
            cut_turns: CutTurns {
                is_queued: AtomicBool::new(false),
                look_at: Mutex::default(),
                leaving: Mutex::default(),
            },
            cuts: Mutex::default(),
            kept: Mutex::default(),
            coming_bytes: AtomicU64::new(0),
            leaving_since: Mutex::default(),
        }
    }

    /// The partition that names the lane.
    pub fn source(&self) -> &TopicPartition {
        self.inlet.source()
    }

    /// Whether a defect has ended the lane.
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// Whether the lane can go on where it stands after its partition was lost: all that it made is
    /// delivered, or may still be.
    pub fn may_go_on(&self) -> bool {
        !self.is_broken() && !self.inlet.is_given_up()
    }

    /// Bytes that the lane takes, as of its last batch. While it is not known whether it goes on as it was
    /// before its partition was lost, what it took then is among them.
    pub fn bytes(&self) -> u64 {
        let kept = self.kept.lock().as_ref().map_or(0, |kept| kept.bytes());
        LANE_BYTES + self.gauges.bytes() + kept
    }

    /// Bytes of a snapshot that is being read, as it will be in memory.
    pub fn coming_bytes(&self) -> u64 {
        self.coming_bytes.load(Ordering::Relaxed)
    }

    /// Lets `worker` do the lane's work from here on, and tells it what was told before it came.
    pub fn take_seat(&self, seat: &mut Seat, mut worker: Worker) {
        for moved in seat.moved.drain(..) {
            worker.note_moved(&self.inlet, &moved);
        }
        if let Some(cutter) = &worker.cutter {
            *self.cuts.lock() = Some(Arc::clone(cutter.cuts()));
            *self.cut_turns.look_at.lock() = Some(cutter.due());
        }
        seat.worker = Some(worker);
        self.coming_bytes.store(0, Ordering::Relaxed);
    }

    /// Notes what the group has committed of `source`. All of it, once that was told of the last source.
    pub fn note_located(
        &self,
        source: &TopicPartition,
        offset: Option<i64>,
    ) -> Option<Vec<Option<i64>>> {
        let index = self.index_of(source)?;
        let mut located = self.located.lock();
        *located.get_mut(index)? = Some(offset);
        located.iter().copied().collect()
    }

    /// Which of the lane's sources `source` is.
    pub fn index_of(&self, source: &TopicPartition) -> Option<usize> {
        self.inlet.sources().position(|found| found == source)
    }

    /// The lane takes no records any more: what could not be stored of it is not tried again.
    pub fn end_cuts(&self) {
        *self.cut_turns.look_at.lock() = None;
        *self.cut_turns.leaving.lock() = None;
        if let Some(cuts) = self.cuts.lock().as_ref() {
            cuts.end();
        }
    }

    /// Lets the metrics show what the lane holds now.
    pub fn show(&self, lane: &Lane) {
        let stats = lane.stats();
        self.gauges.keys.store(stats.keys, Ordering::Relaxed);
        self.gauges.set_memory(lane.memory());
        if let Some(watermark_ms) = lane.watermark_ms() {
            self.gauges
                .watermark_ms
                .store(watermark_ms, Ordering::Relaxed);
        }
        let warm_at_ms = stats.warm_at_ms.filter(|time_ms| *time_ms != i64::MAX);
        let warm_at_ms = warm_at_ms.unwrap_or(LaneGauges::NO_TIME);
        self.gauges.warm_at_ms.store(warm_at_ms, Ordering::Relaxed);
        *self.counted.lock() = stats;
    }
}

impl Worker {
    /// Notes what a topic has become. A lane that knows is not told again: it would be flagged each time that
    /// its partition comes to a process which has noticed the change.
    pub fn note_moved(&mut self, inlet: &Inlet, moved: &Moved) {
        let mut known = inlet.sources().zip(&mut self.partitions);
        let of_topic = known.find(|(source, _)| source.topic == moved.topic);
        if let Some((_, partitions)) = of_topic
            && *partitions != Some(moved.after)
        {
            *partitions = Some(moved.after);
            self.lane.missed(moved.newest_ms);
        }
    }

    /// Notes that the lane has taken the records of `raw`, which is of the source at `index`.
    pub fn note_taken(&mut self, index: usize, raw: &RawBatch) {
        if let Some(last) = raw.len().checked_sub(1) {
            self.note_next(index, raw.get(last).offset + 1);
        }
    }

    /// Notes that the lane is past `offset` of the source at `index`.
    pub fn note_next(&mut self, index: usize, offset: i64) {
        if let Some(next) = self.next.get_mut(index) {
            *next = Some(offset);
        }
        if let Some(cutter) = &self.cutter {
            cutter.note_taken();
        }
    }
}
