//! One record into the state of its key: windows moved, features read, the record remembered.

use super::admit::{append, found, insert, remember};
use super::learn::learn;
use super::record::{Admission, Around, Record};
use super::taken::Taken;
use crate::inputs::{Inputs, Label};
use crate::mechanism::relabel;
use crate::plan::{CountField, Layout, Plan};
use crate::state::{History, KeyParts, Span};
use crate::structures::Values;
use crate::times::{NEVER_MS, squared};
use crate::words::set128;

/// Working space, reused from record to record.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Where each bound stands for this record, then where windows of the newest records begin.
    pub(super) bounds: Vec<u32>,
    /// The time of each bound, for a record in order.
    pub(super) limits_ms: Vec<i64>,
    /// Where each bound stood before.
    pub(super) before: Vec<u32>,
    /// Where in the history's words the row at each of them begins.
    pub(super) starts: Vec<usize>,
    /// One row per [`Plan::ends`], with room for tops: the running totals at the end of the window.
    pub(super) ends: Vec<u32>,
    /// Whether they have tops, since the key's rows do or the record's own totals would not fit without.
    pub(super) has_tops: bool,
    pub(super) values: Values,
    pub(crate) taken: Taken,
}

impl Scratch {
    /// Makes it as large as records of `plan` need it.
    pub(crate) fn fit(&mut self, plan: &Plan) {
        let starts = plan.bounds.len() + plan.reads.newest.len();
        self.bounds.resize(starts, 0);
        self.limits_ms.resize(plan.bounds.len(), 0);
        self.before.resize(plan.bounds.len(), 0);
        self.starts.resize(starts, 0);
        self.ends
            .resize(plan.ends.len() * plan.layout.places.topped_stride, 0);
        self.taken.fit(plan);
    }

    /// Bytes allocated, but for what single windows are read into.
    pub(crate) fn bytes(&self) -> usize {
        let halves = self.bounds.capacity() + self.before.capacity() + self.ends.capacity();
        let words = self.limits_ms.capacity() + self.starts.capacity();
        size_of::<u32>() * halves + size_of::<u64>() * words + self.taken.bytes()
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
        if record.admission == Admission::InOrder {
            let (limits, bounds) = (&mut self.limits_ms, &mut self.bounds);
            key.history
                .advance(plan, record.now_ms, limits, bounds, &mut self.before);
            self.advance_windows(plan, key, &record);
        } else {
            key.history.search(plan, record.now_ms, &mut self.bounds);
        }
        self.resolve(plan, key.history, &mut record, around.inputs);
        if record.is_reused {
            count_reuse(plan, &mut record, around.inputs);
        }
        self.has_tops = key.history.has_tops(plan);
        self.total_end(plan, key.history, &record, 0);
        if is_scored {
            self.take(plan, key, &record, around);
        }
        if matches!(record.admission, Admission::Refused { .. }) {
            return;
        }
        if key.gap.is_some() {
            learn(plan, key, &record, around.inputs);
        }
        remember(plan, key, &record, around.inputs);
        if record.admission == Admission::InOrder {
            if self.has_tops {
                key.history.add_tops(plan);
            }
            let totals = &self.ends[..key.history.stride()];
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
    fn resolve(
        &self,
        plan: &Plan,
        history: &History,
        record: &mut Record<'_>,
        inputs: &Inputs<'_>,
    ) {
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
            let previous = if record.admission == Admission::InOrder {
                history.fixed_time(plan.since_at(gap.since))
            } else {
                let rows = (history.compacted().min(self.bounds[0]), self.bounds[0]);
                let row = history.last_counted(plan, rows, gap.count);
                row.map_or(NEVER_MS, |row| history.time(plan, row))
            };
            if previous != NEVER_MS {
                let at = plan.layout.places.gaps_at + 4 * index;
                set128(record.delta, at, squared(record.now_ms - previous));
            }
        }
    }
}

/// Fills in that the record comes under an event id that another one had.
#[cold]
fn count_reuse(plan: &Plan, record: &mut Record<'_>, inputs: &Inputs<'_>) {
    for (index, field) in plan.layout.counts.iter().enumerate() {
        if let CountField::Reused(bit) = *field {
            record.delta[Layout::COUNTS_AT + index] = u32::from(inputs.bit(bit, record.row));
        }
    }
}
