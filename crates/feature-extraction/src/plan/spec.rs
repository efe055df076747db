//! The parts of a plan, each of which several features may share.

use tillwatch_records::RecordKind;

use super::ids::{BitId, CountedBy, NumberId};
use crate::catalog::InputColumn;
use crate::memory::ewma::EwmaSpec;
use crate::memory::profile::ProfileSpec;
use crate::memory::sequence::SequenceSpec;
use crate::memory::{change, ewma, place, profile, sequence};
use crate::structures::decay::HalfLife;
use crate::structures::{Holding, HoldingRead};

/// Rows that are looked at one by one rather than looked for.
const SPARSE_MIN: u32 = 16;

/// "This record counts": its kind fits, the predicates hold and the columns are not null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bit {
    pub(crate) kind: RecordKind,
    /// Indexes into [`super::Plan::predicates`], ascending.
    pub(crate) predicates: Vec<usize>,
    /// In the order of their names.
    pub(crate) not_null: Vec<InputColumn>,
}

/// How far before the current record a bound lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) before_ms: i64,
    /// What it is rounded down to; 0 for an exact one.
    pub(crate) resolution_ms: i64,
}

impl Memory {
    /// Words that it takes of a key's state.
    pub(crate) fn words(&self) -> usize {
        match self {
            Self::Ewma { .. } => ewma::WORDS,
            Self::Profile { .. } => profile::WORDS,
            Self::Place { .. } => place::WORDS,
            Self::Change { .. } => change::WORDS,
            Self::Sequence { .. } => sequence::WORDS,
        }
    }
}

impl Bound {
    /// Records at or before this time lie before the bound of a record at `now_ms`.
    #[inline]
    pub(crate) fn limit_ms(&self, now_ms: i64) -> i64 {
        let limit = now_ms - self.before_ms;
        if self.resolution_ms == 0 {
            return limit;
        }
        let first = limit + 1;
        first - first.rem_euclid(self.resolution_ms) - 1
    }
}

/// Where a window ends: at which bound, and whether the current record is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// Index into [`super::Plan::bounds`].
    pub(crate) bound: usize,
    pub(crate) with_current: bool,
}

/// Rows from one bound to one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Index into [`super::Plan::bounds`].
    pub(crate) start: usize,
    /// Index into [`super::Plan::ends`].
    pub(crate) end: usize,
    /// Only so many of the newest counted rows, 0 for all, and how they are counted.
    pub(crate) last: u32,
    pub(crate) counted: CountedBy,
}

impl Window {
    /// Whether so many rows are more than those of the newest records that it is about, so that looking for
    /// these costs less than looking at each row.
    #[inline]
    pub(crate) fn is_sparse(&self, rows: u32) -> bool {
        self.last > 0 && rows > SPARSE_MIN + 2 * self.last
    }
}

/// How the value of a row is read for min and max.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtremeValue {
    /// Difference of a running sum, where the running count moved.
    Integer { sum: usize, count: usize },
    /// A raw float, NaN where the record does not count.
    Float { raw: usize },
}

/// One monotonic queue per key, shared by all windows of the same values and delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExtremeSpec {
    pub(crate) value: ExtremeValue,
    /// Keeps the smallest instead of the largest.
    pub(crate) smallest: bool,
    /// Index of the bound where its windows end.
    pub(crate) end_bound: usize,
    /// Delay plus its longest window, with its oldest pane: what is older leaves the queue.
    pub(crate) reach_ms: i64,
}

/// What windows with a resolution need of rows that are compacted, besides totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lasting {
    /// Index of the bound where they begin.
    pub(crate) bound: usize,
    pub(crate) needed: Needed,
}

/// Which records such windows look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needed {
    /// The newest of each value, whose hash is at this word.
    Values { raw: usize },
    /// Those that may be the extreme of a window: an index into [`super::Plan::extremes`].
    Extreme { queue: usize },
}

/// One holding per key and window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldingSpec {
    pub(crate) holding: Holding,
    /// Word of the value, and whether it has one word or two.
    pub(crate) raw: usize,
    pub(crate) is_short: bool,
    /// Whether it is kept at all: a few newest records are always looked at one by one.
    pub(crate) is_kept: bool,
    pub(crate) start_bound: usize,
    pub(crate) end_bound: usize,
}

/// A count or sum per key and window of the records that a label speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LabelledSpec {
    pub(crate) start_bound: usize,
    pub(crate) end_bound: usize,
    /// Bit of the label predicate.
    pub(crate) label: u32,
    pub(crate) count: CountedBy,
    /// Word of the running sum; counts when there is none.
    pub(crate) sum: Option<usize>,
}

/// One pair of times per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SinceSpec {
    pub(crate) bit: BitId,
    pub(crate) count: CountedBy,
}

/// What a key remembers in a fixed number of words, whatever the windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Memory {
    Ewma {
        spec: EwmaSpec,
        number: NumberId,
    },
    Profile {
        spec: ProfileSpec,
    },
    Place {
        lat: NumberId,
        lon: NumberId,
    },
    Change {
        hash: usize,
    },
    Sequence {
        spec: SequenceSpec,
        number: NumberId,
    },
}

/// A memory of the records that have a bit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MemorySpec {
    pub(crate) bit: BitId,
    pub(crate) memory: Memory,
}

impl MemorySpec {
    /// Words that it takes of a key's state.
    pub(crate) fn words(&self) -> usize {
        self.memory.words()
    }
}

/// What a detector may find at a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Duplicate,
    Regression,
    Fork,
    Change,
}

/// An event that records are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventSpec {
    /// Index into [`super::Plan::memories`].
    pub(crate) memory: usize,
    pub(crate) kind: EventKind,
}

/// How a memory is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryRead {
    EwmaMean,
    EwmaStddev,
    EwmaZ,
    Rate,
    DistanceKm,
    SpeedKmh,
    Changed,
    Gap,
}

/// A histogram whose records age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecayedSpec {
    pub(crate) bit: BitId,
    pub(crate) number: NumberId,
    pub(crate) is_log: bool,
    pub(crate) half_life: HalfLife,
}

/// Ratios of the cohorts of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CohortSpec {
    /// Names the cohort: an index into [`super::Plan::hashes`].
    pub(crate) hash: usize,
    pub(crate) part: BitId,
    pub(crate) base: BitId,
    pub(crate) half_life: HalfLife,
}

/// How a feature is read that needs more of a key than its running totals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Single {
    Extreme {
        window: Window,
        queue: usize,
    },
    /// Value of the first or last counted row.
    Edge {
        window: Window,
        raw: usize,
        count: CountedBy,
        is_last: bool,
    },
    Held {
        window: Window,
        slot: usize,
        read: HoldingRead,
    },
    InterArrival {
        window: Window,
        /// Word of the squared gaps.
        gaps: usize,
        count: CountedBy,
        is_cv: bool,
    },
    Since {
        slot: usize,
    },
    Memory {
        slot: usize,
        read: MemoryRead,
    },
    Decayed {
        slot: usize,
        read: HoldingRead,
    },
}

impl Single {
    /// The same in the window that `place` makes of its own.
    pub(crate) fn in_window(mut self, place: impl FnOnce(Window) -> Window) -> Self {
        match &mut self {
            Self::Extreme { window, .. }
            | Self::Edge { window, .. }
            | Self::Held { window, .. }
            | Self::InterArrival { window, .. } => *window = place(*window),
            Self::Since { .. } | Self::Memory { .. } | Self::Decayed { .. } => {}
        }
        self
    }
}
