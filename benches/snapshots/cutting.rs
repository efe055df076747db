//! The cuts of a lane in slices, as `run` makes them between two batches.

use std::time::{Duration, Instant};

use rustix::time::ClockId;
use tillwatch_engine::Lane;
use tillwatch_records::{Entries, Part};

use crate::cpu::cpu;
use crate::keeper::{Job, Keeper};
use crate::stored::head;

/// Keys that are imaged before the clock is looked at.
const KEYS_MAX: usize = 32;

/// Bytes of a chunk from which on it leaves the lane.
const CHUNK_BYTES: usize = 1 << 20;

/// Most time of a slice.
const SLICE_MAX: Duration = Duration::from_millis(1);

/// A pause that is longer than a lane may pause.
pub const PAUSE_MAX: Duration = Duration::from_millis(2);

/// How soon a lane is looked at again whose entries found no room.
const FULL_WAIT: Duration = Duration::from_millis(10);

/// The cuts of one lane.
pub struct Cutting {
    chunk: Entries,
    under_way: Option<UnderWay>,
    /// Not before this time: what waits to be stored takes all the room.
    not_before: Instant,
    pauses: Pauses,
}

struct UnderWay {
    /// Records that the lane had taken.
    taken: u64,
    /// Once everything is imaged.
    parts: Option<Vec<Part>>,
}

/// How long a lane stood still.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pauses {
    pub slices: u32,
    /// Those that took more CPU time than a lane may pause.
    pub slow: u32,
    /// Cuts that were given up: what waited for the store took too much room.
    pub given_up: u32,
    /// CPU time of all of them.
    pub cpu: Duration,
    /// The longest by the clock, and the longest by CPU time: what else runs on the machine may stretch the
    /// first.
    pub longest: Duration,
    pub longest_cpu: Duration,
}

impl Cutting {
    /// Of a lane whose cuts all go through this.
    pub fn new() -> Self {
        Self {
            chunk: Entries::default(),
            under_way: None,
            not_before: Instant::now(),
            pauses: Pauses::default(),
        }
    }

    /// Whether a slice is to go on.
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// When the next slice may go on.
    pub fn not_before(&self) -> Instant {
        self.not_before
    }

    /// Begins a cut of `lane`, which has taken `taken` records, and goes on with it for a slice.
    pub fn begin(&mut self, lane: &mut Lane, taken: u64, keeper: &Keeper) {
        assert!(self.under_way.is_none(), "the cut before has left the lane");
        self.timed(|cutting, since| {
            assert!(lane.begin_cut(), "the lane can be cut");
            let parts = None;
            cutting.under_way = Some(UnderWay { taken, parts });
            cutting.go_on(lane, keeper, since);
        });
    }

    /// Goes on for a slice with the cut that is under way.
    pub fn slice(&mut self, lane: &mut Lane, keeper: &Keeper) {
        self.timed(|cutting, since| cutting.go_on(lane, keeper, since));
    }

    /// A whole cut, slice after slice, while the lane takes nothing.
    pub fn at_once(&mut self, lane: &mut Lane, taken: u64, keeper: &Keeper) {
        self.begin(lane, taken, keeper);
        self.finish(lane, keeper);
    }

    /// The rest of the cut that is under way, while the lane takes nothing.
    pub fn finish(&mut self, lane: &mut Lane, keeper: &Keeper) {
        while self.is_under_way() {
            let wait = self.not_before.saturating_duration_since(Instant::now());
            std::thread::sleep(wait);
            self.slice(lane, keeper);
        }
    }

    /// The pauses since this was asked last.
    pub fn take_pauses(&mut self) -> Pauses {
        std::mem::take(&mut self.pauses)
    }

    fn go_on(&mut self, lane: &mut Lane, keeper: &Keeper, since: Instant) {
        while let Some(under_way) = &mut self.under_way {
            if lane.is_cutting() && self.chunk.bytes() < CHUNK_BYTES {
                under_way.parts = lane.continue_cut(&mut self.chunk, KEYS_MAX);
            } else if !self.chunk.is_empty() {
                let chunk = std::mem::replace(&mut self.chunk, keeper.spare());
                if let Err(Job::Chunk(chunk)) = keeper.hand_over(Job::Chunk(chunk)) {
                    self.chunk = chunk;
                    self.not_before = Instant::now() + FULL_WAIT;
                    return;
                }
            } else {
                let head = head(lane, under_way.taken);
                // The lane gives a cut up that has to hold too much, and then there are no parts.
                let parts = under_way.parts.take();
                let is_given_up = parts.is_none();
                let job = parts.map_or(Job::Abandoned, |parts| Job::Whole(Box::new((head, parts))));
                if let Err(job) = keeper.hand_over(job) {
                    if let Job::Whole(whole) = job {
                        under_way.parts = Some(whole.1);
                    }
                    self.not_before = Instant::now() + FULL_WAIT;
                    return;
                }
                self.pauses.given_up += u32::from(is_given_up);
                self.under_way = None;
            }
            if since.elapsed() >= SLICE_MAX {
                return;
            }
        }
    }

    fn timed(&mut self, work: impl FnOnce(&mut Self, Instant)) {
        let (since, used) = (Instant::now(), cpu(ClockId::ThreadCPUTime));
        work(self, since);
        let used = cpu(ClockId::ThreadCPUTime) - used;
        let pauses = &mut self.pauses;
        pauses.slices += 1;
        pauses.slow += u32::from(used > PAUSE_MAX);
        pauses.cpu += used;
        pauses.longest = pauses.longest.max(since.elapsed());
        pauses.longest_cpu = pauses.longest_cpu.max(used);
    }
}

impl Pauses {
    /// These and others together.
    pub fn with(self, other: Self) -> Self {
        Self {
            slices: self.slices + other.slices,
            slow: self.slow + other.slow,
            given_up: self.given_up + other.given_up,
            cpu: self.cpu + other.cpu,
            longest: self.longest.max(other.longest),
            longest_cpu: self.longest_cpu.max(other.longest_cpu),
        }
    }
}
