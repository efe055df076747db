//! One record into the state of its key: windows moved, features read, the record remembered.

use arrow::array::{Array, Float64Array};

use crate::feature::distinct::{Span, Table};
use crate::feature::extreme::Queue;
use crate::feature::moments::{mean, stddev};
use crate::history::History;
use crate::layout::{get64, get128};
use crate::plan::{CountSource, End, Op, Plan, SinceSpec, Window};

/// The state of one key.
pub(crate) struct KeyParts<'a> {
    pub(crate) history: &'a mut History,
    /// One per [`Plan::extremes`].
    pub(crate) queues: &'a mut [Queue],
    /// One per [`Plan::distincts`].
    pub(crate) tables: &'a mut [Table],
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
    /// What it contributes, in the plan's layout.
    pub(crate) delta: &'a [u32],
    pub(crate) course: Course,
    /// Row of the batch.
    pub(crate) row: usize,
}

/// Where the features of a record go.
pub(crate) struct Output<'a> {
    /// One run of `stride` values per feature.
    pub(crate) values: &'a mut [f64],
    pub(crate) stride: usize,
    /// Index of the record within each run.
    pub(crate) row: usize,
    /// Values of the plan's expressions by row of the batch.
    pub(crate) expressions: &'a [Float64Array],
}

/// Working memory, reused from record to record.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Where each bound stands for this record, and where it stood before.
    bounds: Vec<u32>,
    before: Vec<u32>,
    /// One row per [`Plan::ends`]: the running totals at the end of the window.
    ends: Vec<u32>,
    hashes: Vec<u64>,
    /// Whether each distinct window holds the record's own value.
    held: Vec<bool>,
}

impl Scratch {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            bounds: vec![0; plan.bounds_ms.len()],
            before: vec![0; plan.bounds_ms.len()],
            ends: vec![0; plan.ends.len() * plan.layout.stride],
            hashes: Vec::new(),
            held: vec![false; plan.distincts.len()],
        }
    }

    /// Folds `record`; `counts` says which [`SinceSpec`] it satisfies. Features are read only when
    /// there is somewhere to put them.
    pub(crate) fn fold(
        &mut self,
        plan: &Plan,
        key: KeyParts<'_>,
        record: &Record<'_>,
        counts: impl Fn(&SinceSpec) -> bool,
        output: Option<Output<'_>>,
    ) {
        let KeyParts {
            history,
            queues,
            tables,
        } = key;
        if record.course == Course::InOrder {
            history.advance(plan, record.now_ms, &mut self.bounds, &mut self.before);
            self.advance_windows(plan, history, queues, tables, record);
        } else {
            history.search(plan, record.now_ms, &mut self.bounds);
        }
        if let Some(output) = output {
            let view = KeyView { history, queues };
            self.read(plan, &view, record, output);
        }
        match record.course {
            Course::InOrder => self.append(plan, history, queues, tables, record),
            Course::Late => self.insert(plan, history, queues, tables, record),
            Course::Refused { .. } => return,
        }
        for (slot, since) in plan.sinces.iter().enumerate() {
            let at = plan.since_at(slot);
            if counts(since) && history.fixed_time(at) < record.now_ms {
                history.set_fixed_time(at, record.now_ms);
            }
        }
    }

    /// Lets records enter and leave the windows that keep more than totals.
    #[inline]
    fn advance_windows(
        &mut self,
        plan: &Plan,
        history: &mut History,
        queues: &mut [Queue],
        tables: &mut [Table],
        record: &Record<'_>,
    ) {
        for (spec, queue) in plan.extremes.iter().zip(queues) {
            let (from, to) = (self.before[spec.end_bound], self.bounds[spec.end_bound]);
            for row in from..to {
                if let Some(rank) = spec.rank_at(plan, history, row) {
                    queue.push(history.time(plan, row), rank);
                }
            }
            queue.expire(record.now_ms - spec.reach_ms);
        }
        for (slot, (spec, table)) in plan.distincts.iter().zip(tables).enumerate() {
            let span = |bounds: &[u32]| Span {
                start: bounds[spec.start_bound],
                end: bounds[spec.end_bound],
            };
            let spans = (span(&self.before), span(&self.bounds));
            let at = plan.distinct_at(slot);
            let count = spec.advance(plan, history, table, history.fixed(at), spans);
            history.set_fixed(at, count);
            let value = get64(record.delta, spec.raw);
            self.held[slot] = spec.end_bound == 0
                && value != 0
                && spec.holds(plan, history, table, spans.1, value);
        }
    }

    /// Remembers a record in order.
    #[inline]
    fn append(
        &mut self,
        plan: &Plan,
        history: &mut History,
        queues: &mut [Queue],
        tables: &mut [Table],
        record: &Record<'_>,
    ) {
        for (spec, queue) in plan.extremes.iter().zip(queues) {
            if spec.end_bound == 0
                && let Some(rank) = spec.rank_of(record.delta)
            {
                queue.push(record.now_ms, rank);
            }
        }
        for (slot, (spec, table)) in plan.distincts.iter().zip(tables).enumerate() {
            if spec.end_bound == 0 {
                let rows = Span {
                    start: self.bounds[spec.start_bound],
                    end: self.bounds[0],
                };
                let own = (rows, get64(record.delta, spec.raw), self.held[slot]);
                let at = plan.distinct_at(slot);
                let count = spec.enter(plan, history, table, history.fixed(at), own);
                history.set_fixed(at, count);
            }
        }
        history.append(plan, record.delta);
        history.watermark_ms = record.now_ms;
    }

    /// Remembers a late record: it enters the windows that end at the watermark where it lies in them.
    fn insert(
        &mut self,
        plan: &Plan,
        history: &mut History,
        queues: &mut [Queue],
        tables: &mut [Table],
        record: &Record<'_>,
    ) {
        let age_ms = history.watermark_ms - record.now_ms;
        for (spec, queue) in plan.extremes.iter().zip(queues) {
            let lies_in = age_ms >= plan.bounds_ms[spec.end_bound] && age_ms < spec.reach_ms;
            if lies_in && let Some(rank) = spec.rank_of(record.delta) {
                queue.insert(record.now_ms, rank);
            }
        }
        for (slot, (spec, table)) in plan.distincts.iter().zip(tables).enumerate() {
            let lies_in = age_ms >= plan.bounds_ms[spec.end_bound]
                && age_ms < plan.bounds_ms[spec.start_bound];
            if lies_in {
                let rows = Span {
                    start: history.cursor(spec.start_bound),
                    end: history.cursor(spec.end_bound),
                };
                let value = get64(record.delta, spec.raw);
                let held = value != 0 && spec.holds(plan, history, table, rows, value);
                let at = plan.distinct_at(slot);
                let count = history.fixed(at);
                let count = spec.enter(plan, history, table, count, (rows, value, held));
                history.set_fixed(at, count);
            }
        }
        history.insert(plan, record.now_ms, record.delta);
    }

    /// Reads every feature.
    fn read(&mut self, plan: &Plan, key: &KeyView<'_>, record: &Record<'_>, output: Output<'_>) {
        let stride = plan.layout.stride;
        let current = record.course
            != Course::Refused {
                with_current: false,
            };
        for (end, totals) in plan.ends.iter().zip(self.ends.chunks_exact_mut(stride)) {
            totals.copy_from_slice(key.history.row(plan, self.bounds[end.bound]));
            if end.with_current && current {
                plan.layout.add(totals, record.delta);
            }
        }
        let view = View {
            plan,
            key,
            record,
            current,
            bounds: &self.bounds,
            ends: &self.ends,
        };
        let runs = output.values.chunks_exact_mut(output.stride);
        for (op, run) in plan.ops.iter().zip(runs) {
            run[output.row] = match *op {
                Op::Count { window, count } => f64::from(view.count(window, count)),
                Op::Sum { window, sum } => view.sum(window, sum) as f64,
                Op::Mean { window, sum, count } => {
                    mean(view.count(window, count), view.sum(window, sum))
                }
                Op::Stddev {
                    window,
                    sum,
                    squares,
                    count,
                } => stddev(
                    view.count(window, count),
                    view.sum(window, sum),
                    view.squares(window, squares),
                ),
                Op::Ratio {
                    window,
                    part,
                    whole,
                } => {
                    // 0 / 0 is NaN: no value.
                    f64::from(view.count(window, part)) / f64::from(view.count(window, whole))
                }
                Op::Extreme { window, queue } => view.extreme(window, queue),
                Op::Distinct { window, slot } => {
                    f64::from(view.distinct(window, slot, &self.held, &mut self.hashes))
                }
                Op::Since { slot } => view.since(slot),
                Op::Value { expression } => {
                    let values = &output.expressions[expression];
                    if values.is_null(record.row) {
                        f64::NAN
                    } else {
                        values.value(record.row)
                    }
                }
            };
        }
    }
}

/// The state of one key, to be read.
struct KeyView<'a> {
    history: &'a History,
    queues: &'a [Queue],
}

/// A record and the windows it sees.
struct View<'a> {
    plan: &'a Plan,
    key: &'a KeyView<'a>,
    record: &'a Record<'a>,
    /// Whether the record is in the windows that end with it.
    current: bool,
    bounds: &'a [u32],
    ends: &'a [u32],
}

impl View<'_> {
    #[inline]
    fn start(&self, window: Window) -> &[u32] {
        self.key.history.row(self.plan, self.bounds[window.start])
    }

    #[inline]
    fn end(&self, window: Window) -> &[u32] {
        let stride = self.plan.layout.stride;
        &self.ends[window.end * stride..][..stride]
    }

    #[inline]
    fn has_current(&self, end: End) -> bool {
        end.with_current && self.current
    }

    #[inline]
    fn count(&self, window: Window, count: CountSource) -> u32 {
        match count {
            CountSource::Word(at) => self.end(window)[at].wrapping_sub(self.start(window)[at]),
            CountSource::Rows => {
                let end = self.plan.ends[window.end];
                let rows = self.bounds[end.bound] - self.bounds[window.start];
                rows + u32::from(self.has_current(end))
            }
        }
    }

    #[inline]
    fn sum(&self, window: Window, at: usize) -> i64 {
        let (end, start) = (get64(self.end(window), at), get64(self.start(window), at));
        end.wrapping_sub(start).cast_signed()
    }

    #[inline]
    fn squares(&self, window: Window, at: usize) -> u128 {
        get128(self.end(window), at).wrapping_sub(get128(self.start(window), at))
    }

    #[inline]
    fn extreme(&self, window: Window, queue: usize) -> f64 {
        let (spec, end) = (&self.plan.extremes[queue], self.plan.ends[window.end]);
        let others = if self.record.course == Course::InOrder {
            let limit = self.record.now_ms - self.plan.bounds_ms[window.start];
            self.key.queues[queue].highest_after(limit)
        } else {
            let rows = self.bounds[window.start]..self.bounds[end.bound];
            spec.scan(self.plan, self.key.history, rows)
        };
        let own = if self.has_current(end) {
            spec.rank_of(self.record.delta)
        } else {
            None
        };
        others.max(own).map_or(f64::NAN, |rank| spec.value(rank))
    }

    #[inline]
    fn distinct(&self, window: Window, slot: usize, held: &[bool], scratch: &mut Vec<u64>) -> u32 {
        let (spec, end) = (&self.plan.distincts[slot], self.plan.ends[window.end]);
        let own = if self.has_current(end) {
            get64(self.record.delta, spec.raw)
        } else {
            0
        };
        if self.record.course == Course::InOrder {
            let others = self.key.history.fixed(self.plan.distinct_at(slot));
            return others + u32::from(own != 0 && !held[slot]);
        }
        let rows = Span {
            start: self.bounds[window.start],
            end: self.bounds[end.bound],
        };
        spec.scan(self.plan, self.key.history, rows, own, scratch)
    }

    #[inline]
    fn since(&self, slot: usize) -> f64 {
        let (plan, now_ms) = (self.plan, self.record.now_ms);
        if self.record.course == Course::InOrder {
            return SinceSpec::in_order(plan, slot, self.key.history, now_ms);
        }
        let spec = &plan.sinces[slot];
        spec.searched(plan, slot, self.key.history, now_ms, self.bounds[0])
    }
}
