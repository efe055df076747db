//! One record into the state of its key: windows moved, features read, the record remembered.

use crate::feature::cohort::Cohorts;
use crate::feature::decayed::Decayed;
use crate::feature::extreme::Queue;
use crate::feature::holding::{self, Span};
use crate::feature::labelled::relabel;
use crate::feature::{change, place};
use crate::history::{History, NEVER_MS, squared};
use crate::inputs::{Inputs, Label};
use crate::layout::{CountField, Layout, set128};
use crate::plan::{CountSource, End, EventKind, Memory, MemorySpec, Plan};
pub(crate) use taken::Taken;

mod read;
mod taken;

/// Records whose state is brought near together, and whose features are written together. Enough that
/// many cache misses overlap, few enough that what was fetched is still there when it is used.
pub(crate) const CHUNK_RECORDS: usize = 64;

/// The state of one key.
pub(crate) struct KeyParts<'a> {
    pub(crate) history: &'a mut History,
    /// One per [`Plan::extremes`].
    pub(crate) queues: &'a mut [Queue],
    /// One per [`Plan::holdings`].
    pub(crate) holdings: &'a mut [holding::Slot],
    /// One per [`Plan::decayed`].
    pub(crate) decayed: &'a mut [Decayed],
}

impl KeyParts<'_> {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        let mut bytes = self.history.bytes();
        for queue in &*self.queues {
            bytes += queue.bytes();
        }
        for held in &*self.holdings {
            bytes += held.as_ref().map_or(0, |held| held.bytes());
        }
        for decayed in &*self.decayed {
            bytes += decayed.bytes();
        }
        bytes
    }
}

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// Not older than the key's watermark: remembered, and the windows move.
    InOrder,
    /// Older, but within the allowed lateness: remembered at its place.
    Late,
    /// Read, not remembered; a duplicate is not in its own windows, since its first record is.
    Refused {
        /// Whether the record is in its own windows.
        with_current: bool,
    },
}

/// A record to fold.
pub(crate) struct Record<'a> {
    pub(crate) now_ms: i64,
    /// What it contributes, in the plan's layout; what only its key can tell is filled in.
    pub(crate) delta: &'a mut [u32],
    pub(crate) course: Course,
    /// Row of the batch.
    pub(crate) row: usize,
}

/// What features are read from besides the key: the batch and what its lane remembers.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    /// One per [`Plan::cohorts`].
    pub(crate) cohorts: &'a [Cohorts],
}

impl Record<'_> {
    /// Whether it is in the windows that end with it.
    #[inline]
    fn is_current(&self) -> bool {
        let refused = Course::Refused {
            with_current: false,
        };
        self.course != refused
    }

    /// 1 where it is in windows with this end and counts.
    #[inline]
    fn own_count(&self, end: End, count: CountSource) -> u32 {
        match count {
            _ if !(end.with_current && self.is_current()) => 0,
            CountSource::Rows => 1,
            CountSource::Word(at) => self.delta[at],
        }
    }
}

/// Working memory, reused from record to record.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Where each bound stands for this record, then where windows of the newest records begin.
    bounds: Vec<u32>,
    /// The time of each bound, for a record in order.
    limits_ms: Vec<i64>,
    /// Where each bound stood before.
    before: Vec<u32>,
    /// Where in the history's words the row at each of them begins.
    starts: Vec<usize>,
    /// One row per [`Plan::ends`]: the running totals at the end of the window.
    ends: Vec<u32>,
    values: holding::Scratch,
    pub(crate) taken: Taken,
}

impl Scratch {
    pub(crate) fn new(plan: &Plan) -> Self {
        let starts = plan.bounds.len() + plan.reads.newest.len();
        Self {
            bounds: vec![0; starts],
            limits_ms: vec![0; plan.bounds.len()],
            before: vec![0; plan.bounds.len()],
            starts: vec![0; starts],
            ends: vec![0; plan.ends.len() * plan.layout.stride],
            values: holding::Scratch::default(),
            taken: Taken::new(plan),
        }
    }

    /// Folds `record`. What features are made of is taken only where one is asked for them.
    pub(crate) fn fold(
        &mut self,
        plan: &Plan,
        key: &mut KeyParts<'_>,
        mut record: Record<'_>,
        around: Around<'_>,
        is_scored: bool,
    ) {
        if record.course == Course::InOrder {
            let (limits, bounds) = (&mut self.limits_ms, &mut self.bounds);
            key.history
                .advance(plan, record.now_ms, limits, bounds, &mut self.before);
            self.advance_windows(plan, key, &record);
        } else {
            key.history.search(plan, record.now_ms, &mut self.bounds);
        }
        self.meet(plan, key.history, &mut record, around.inputs);
        self.total_end(plan, key.history, &record, 0);
        if is_scored {
            self.take(plan, key, &record, around);
        }
        if matches!(record.course, Course::Refused { .. }) {
            return;
        }
        remember(plan, key, &record, around.inputs);
        if record.course == Course::InOrder {
            let totals = &self.ends[..plan.layout.stride];
            append(plan, key, &record, totals);
        } else {
            insert(plan, key, &mut record);
        }
        for (slot, since) in plan.sinces.iter().enumerate() {
            let at = plan.since_at(slot);
            let counts = around.inputs.bit(since.bit, record.row);
            if counts && key.history.fixed_time(at) < record.now_ms {
                key.history.set_fixed_time(at, record.now_ms);
            }
        }
    }

    /// A label finds its transaction; gives whether it did.
    pub(crate) fn label(&mut self, plan: &Plan, key: &mut KeyParts<'_>, label: Label) -> bool {
        relabel(plan, key.history, label)
    }

    #[inline]
    fn span(bounds: &[u32], start: usize, end: usize) -> Span {
        Span {
            start: bounds[start],
            end: bounds[end],
        }
    }

    /// Lets records enter and leave the windows that keep more than totals.
    #[inline]
    fn advance_windows(&mut self, plan: &Plan, key: &mut KeyParts<'_>, record: &Record<'_>) {
        for (spec, queue) in plan.extremes.iter().zip(&mut *key.queues) {
            let (from, to) = (self.before[spec.end_bound], self.bounds[spec.end_bound]);
            for row in from..to {
                if let Some(rank) = spec.rank_at(plan, key.history, row) {
                    queue.push(key.history.time(plan, row), rank);
                }
            }
            queue.expire(record.now_ms - spec.reach_ms);
        }
        for (spec, slot) in plan.holdings.iter().zip(&mut *key.holdings) {
            if spec.is_kept {
                let old = Self::span(&self.before, spec.start_bound, spec.end_bound);
                let new = Self::span(&self.bounds, spec.start_bound, spec.end_bound);
                spec.advance(plan, key.history, slot, (old, new));
            }
        }
        for (slot, spec) in plan.labelled.iter().enumerate() {
            let old = Self::span(&self.before, spec.start_bound, spec.end_bound);
            let new = Self::span(&self.bounds, spec.start_bound, spec.end_bound);
            spec.advance(plan, key.history, slot, (old, new));
        }
    }

    /// Fills in what the record contributes because of what its key remembers: the events that
    /// detectors find, and the time since the record before.
    #[inline]
    fn meet(&self, plan: &Plan, history: &History, record: &mut Record<'_>, inputs: &Inputs<'_>) {
        if !plan.events.is_empty() && record.now_ms >= history.watermark_ms {
            for (index, field) in plan.layout.counts.iter().enumerate() {
                let CountField::Event(event) = *field else {
                    continue;
                };
                let spec = plan.events[event];
                let found = found(plan, history, spec.memory, spec.kind, inputs, record.row);
                record.delta[Layout::COUNTS_AT + index] = u32::from(found);
            }
        }
        for (index, gap) in plan.layout.gaps.iter().enumerate() {
            let since = &plan.sinces[gap.since];
            if !inputs.bit(since.bit, record.row) {
                continue;
            }
            let previous = if record.course == Course::InOrder {
                history.fixed_time(plan.since_at(gap.since))
            } else {
                let rows = (history.thinned().min(self.bounds[0]), self.bounds[0]);
                let row = history.last_counted(plan, rows, gap.count);
                row.map_or(NEVER_MS, |row| history.time(plan, row))
            };
            if previous != NEVER_MS {
                let at = plan.layout.gaps_at + 4 * index;
                set128(record.delta, at, squared(record.now_ms - previous));
            }
        }
    }
}

/// Whether a detector finds `kind` at a record that is not late.
fn found(
    plan: &Plan,
    history: &History,
    memory: usize,
    kind: EventKind,
    inputs: &Inputs<'_>,
    row: usize,
) -> bool {
    let MemorySpec { bit, memory: what } = plan.memories[memory];
    if !inputs.bit(bit, row) {
        return false;
    }
    let words = history.memory(plan.memories_at[memory], what.words());
    match what {
        Memory::Change { hash } => change::read(words, inputs.hash(hash, row)) == 1.0,
        Memory::Sequence { spec, number } => {
            let number = inputs.number(number, row);
            if number.is_nan() {
                return false;
            }
            let seen = spec.read(words, number as i64);
            match kind {
                EventKind::Duplicate => seen.duplicate,
                EventKind::Regression => seen.regression,
                EventKind::Fork => seen.fork,
                EventKind::Change => false,
            }
        }
        Memory::Ewma { .. } | Memory::Profile { .. } | Memory::Place { .. } => false,
    }
}

/// Lets the key's memories take in a record that is accepted.
#[inline]
fn remember(plan: &Plan, key: &mut KeyParts<'_>, record: &Record<'_>, inputs: &Inputs<'_>) {
    let (row, now_ms) = (record.row, record.now_ms);
    let in_order = record.course == Course::InOrder;
    for (spec, at) in plan.memories.iter().zip(&plan.memories_at) {
        if !inputs.bit(spec.bit, row) {
            continue;
        }
        let words = key.history.memory_mut(*at, spec.memory.words());
        match spec.memory {
            Memory::Ewma { spec, number } => {
                spec.update(words, now_ms, inputs.number(number, row));
            }
            Memory::Profile { spec } => spec.update(words, now_ms),
            Memory::Place { lat, lon } if in_order => {
                place::update(words, now_ms, inputs.place(lat, lon, row));
            }
            Memory::Change { hash } if in_order => change::update(words, inputs.hash(hash, row)),
            Memory::Sequence { spec, number } if in_order => {
                let number = inputs.number(number, row);
                if !number.is_nan() {
                    spec.update(words, number as i64);
                }
            }
            Memory::Place { .. } | Memory::Change { .. } | Memory::Sequence { .. } => {}
        }
    }
    for (spec, decayed) in plan.decayed.iter().zip(&mut *key.decayed) {
        if inputs.bit(spec.bit, row) {
            let value = inputs.number(spec.number, row);
            if !(spec.is_log && value <= 0.0) {
                decayed.update(spec.half_life, now_ms, value);
            }
        }
    }
}

/// Remembers a record in order, after which the running totals are `totals`.
#[inline]
fn append(plan: &Plan, key: &mut KeyParts<'_>, record: &Record<'_>, totals: &[u32]) {
    for (spec, queue) in plan.extremes.iter().zip(&mut *key.queues) {
        if spec.end_bound == 0
            && let Some(rank) = spec.rank_of(record.delta)
        {
            queue.push(record.now_ms, rank);
        }
    }
    for (spec, slot) in plan.holdings.iter().zip(&mut *key.holdings) {
        if spec.is_kept && spec.end_bound == 0 {
            spec.enter(slot, spec.value_of(record.delta));
        }
    }
    // The cursors stand at the record already.
    key.history.watermark_ms = record.now_ms;
    key.history
        .append(plan, (record.delta, totals), key.holdings);
}

/// Remembers a late record: it enters the windows that end at the watermark where it lies in them.
fn insert(plan: &Plan, key: &mut KeyParts<'_>, record: &mut Record<'_>) {
    let (now_ms, watermark_ms) = (record.now_ms, key.history.watermark_ms);
    let limit = |bound: usize| plan.bounds[bound].limit_ms(watermark_ms);
    for (spec, queue) in plan.extremes.iter().zip(&mut *key.queues) {
        let lies_in = now_ms <= limit(spec.end_bound) && watermark_ms - now_ms < spec.reach_ms;
        if lies_in && let Some(rank) = spec.rank_of(record.delta) {
            queue.insert(now_ms, rank);
        }
    }
    for (spec, slot) in plan.holdings.iter().zip(&mut *key.holdings) {
        let lies_in = now_ms <= limit(spec.end_bound) && now_ms > limit(spec.start_bound);
        if spec.is_kept && lies_in {
            spec.enter(slot, spec.value_of(record.delta));
        }
    }
    // The history finds out by itself what lies between its neighbours.
    for index in 0..plan.layout.gaps.len() {
        set128(record.delta, plan.layout.gaps_at + 4 * index, 0);
    }
    let place = key.history.insert(plan, now_ms, record.delta, key.holdings);
    if plan.label_words.is_some() {
        let at = plan.label_hint_at();
        let hint = key.history.fixed(at);
        key.history.set_fixed(at, hint + u32::from(place < hint));
    }
}
