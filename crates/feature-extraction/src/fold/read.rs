//! The features of a record, from the state of its key.

use super::{Around, Course, KeyParts, Output, Record, Scratch};
use crate::feature::decayed::Decayed;
use crate::feature::extreme::Queue;
use crate::feature::holding::{self, Own, Span};
use crate::feature::inter_arrival::Arrivals;
use crate::feature::moments::{mean, ratio, stddev};
use crate::feature::{change, ewma, place};
use crate::history::History;
use crate::layout::{get64, get128};
use crate::output::Columns;
use crate::plan::{
    CountSource, End, HoldingRead, Memory, MemoryRead, Op, Part, Plan, SinceSpec, Total, Window,
};

impl Scratch {
    /// Reads every feature.
    pub(super) fn read(
        &mut self,
        plan: &Plan,
        key: &mut KeyParts<'_>,
        record: &Record<'_>,
        around: Around<'_>,
        output: Output<'_>,
    ) {
        let stride = plan.layout.stride;
        let current = record.course
            != Course::Refused {
                with_current: false,
            };
        for (start, row) in self.starts.iter_mut().zip(&self.bounds) {
            *start = key.history.row_at(plan, *row);
        }
        for (end, totals) in plan.ends.iter().zip(self.ends.chunks_exact_mut(stride)) {
            totals.copy_from_slice(key.history.row(plan, self.bounds[end.bound]));
            if end.with_current && current {
                plan.layout.add(totals, record.delta);
            }
        }
        let mut view = View {
            plan,
            history: key.history,
            queues: key.queues,
            holdings: key.holdings,
            decayed: key.decayed,
            record,
            around,
            current,
            bounds: &self.bounds,
            starts: &self.starts,
            ends: &self.ends,
        };
        let Columns {
            groups,
            per_group,
            stride,
            ..
        } = output.columns;
        for (ops, group) in plan.ops.chunks(*per_group).zip(groups) {
            for (op, run) in ops.iter().zip(group.chunks_exact_mut(*stride)) {
                run[output.row] = view.value(op, &mut self.values);
            }
        }
        for (feature, divisor) in &plan.divisors {
            let group = &mut output.columns.groups[feature / output.columns.per_group];
            let at = feature % output.columns.per_group * output.columns.stride + output.row;
            group[at] /= divisor;
        }
    }
}

/// A record, the state of its key and the windows that it sees.
struct View<'a> {
    plan: &'a Plan,
    history: &'a History,
    queues: &'a [Queue],
    holdings: &'a [holding::Slot],
    /// Reading one moves the place at which it is read next.
    decayed: &'a mut [Decayed],
    record: &'a Record<'a>,
    around: Around<'a>,
    /// Whether the record is in the windows that end with it.
    current: bool,
    bounds: &'a [u32],
    starts: &'a [usize],
    ends: &'a [u32],
}

impl View<'_> {
    #[inline]
    fn value(&mut self, op: &Op, scratch: &mut holding::Scratch) -> f64 {
        match *op {
            Op::Count { window, count } => self.part(window, count),
            Op::Sum { window, sum } => self.total(window, sum) as f64,
            Op::Mean { window, sum, count } => {
                mean(self.part(window, count), self.total(window, sum))
            }
            Op::Stddev {
                window,
                sum,
                squares,
                count,
            } => stddev(
                self.count(window, count),
                self.sum(window, sum),
                self.squares(window, squares),
            ),
            Op::Ratio {
                window,
                part,
                whole,
                shrink,
            } => {
                let prior = shrink.map(|shrink| (shrink.strength, self.prior(&shrink)));
                let whole = f64::from(self.count(window, whole));
                ratio(self.part(window, part), whole, prior)
            }
            Op::Extreme { window, queue } => self.extreme(window, queue),
            Op::Edge {
                window,
                raw,
                count,
                is_last,
            } => self.edge(window, raw, count, is_last),
            Op::Held { window, slot, read } => self.held(window, slot, read, scratch),
            Op::InterArrival {
                window,
                gaps,
                count,
                is_cv,
            } => {
                let arrivals = self.arrivals(window, gaps, count);
                arrivals.map_or(f64::NAN, |arrivals| arrivals.read(is_cv))
            }
            Op::Since { slot } => self.since(slot),
            Op::Value { number } => self.around.inputs.number(number, self.record.row),
            Op::Memory { slot, read } => self.memory(slot, read),
            Op::Decayed { slot, read } => self.decayed(slot, read),
        }
    }

    #[inline]
    fn in_order(&self) -> bool {
        self.record.course == Course::InOrder
    }

    /// Whether detectors leave the record alone.
    #[inline]
    fn is_late(&self) -> bool {
        self.record.now_ms < self.history.watermark_ms
    }

    #[inline]
    fn has_current(&self, end: End) -> bool {
        end.with_current && self.current
    }

    #[inline]
    fn end(&self, window: Window) -> &[u32] {
        let stride = self.plan.layout.stride;
        &self.ends[window.end * stride..][..stride]
    }

    /// Rows of the window, the record itself aside.
    #[inline]
    fn rows(&self, window: Window) -> Span {
        let end = self.bounds[self.plan.ends[window.end].bound];
        let start = self.bounds[window.start];
        if window.last == 0 {
            return Span { start, end };
        }
        let (history, plan) = (self.history, self.plan);
        let counted = |row| history.counted(plan, row, window.counted);
        let others = counted(end).wrapping_sub(counted(start));
        let wanted = window.last - self.own_count(window, window.counted);
        let start = if others > wanted {
            history.risen(plan, (start, end), window.counted, others - wanted)
        } else {
            start
        };
        Span { start, end }
    }

    /// 1 where the record itself is in the window and counts.
    #[inline]
    fn own_count(&self, window: Window, count: CountSource) -> u32 {
        if !self.has_current(self.plan.ends[window.end]) {
            return 0;
        }
        match count {
            CountSource::Rows => 1,
            CountSource::Word(at) => self.record.delta[at],
        }
    }

    #[inline]
    fn start(&self, window: Window) -> &[u32] {
        if window.last != 0 {
            return self.history.row(self.plan, self.rows(window).start);
        }
        self.history.row_from(self.plan, self.starts[window.start])
    }

    #[inline]
    fn count(&self, window: Window, count: CountSource) -> u32 {
        match count {
            CountSource::Word(at) => self.end(window)[at].wrapping_sub(self.start(window)[at]),
            CountSource::Rows => {
                let rows = self.rows(window);
                rows.end - rows.start + self.own_count(window, count)
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
    fn part(&self, window: Window, part: Part) -> f64 {
        match part {
            Part::Counted(count) => f64::from(self.count(window, count)),
            Part::Labelled(slot) => self.labelled(window, slot) as f64,
        }
    }

    #[inline]
    fn total(&self, window: Window, total: Total) -> i64 {
        match total {
            Total::Word(at) => self.sum(window, at),
            Total::Labelled(slot) => self.labelled(window, slot),
        }
    }

    fn labelled(&self, window: Window, slot: usize) -> i64 {
        let spec = &self.plan.labelled[slot];
        if self.in_order() {
            return self.history.fixed_time(self.plan.labelled_at(slot));
        }
        spec.scan(self.plan, self.history, self.rows(window))
    }

    fn prior(&self, shrink: &crate::plan::Shrink) -> f64 {
        let Some(cohort) = shrink.cohort else {
            return shrink.prior;
        };
        let hash = self.plan.cohorts[cohort].hash;
        let name = self.around.inputs.hash(hash, self.record.row);
        self.around.cohorts[cohort].share(name, shrink.prior)
    }

    #[inline]
    fn extreme(&self, window: Window, queue: usize) -> f64 {
        let (spec, end) = (&self.plan.extremes[queue], self.plan.ends[window.end]);
        let others = if self.in_order() && window.last == 0 {
            let limit = self.plan.bounds[window.start].limit_ms(self.record.now_ms);
            self.queues[queue].highest_after(limit)
        } else {
            let rows = self.rows(window);
            spec.scan(self.plan, self.history, rows.start..rows.end)
        };
        let own = if self.has_current(end) {
            spec.rank_of(self.record.delta)
        } else {
            None
        };
        others.max(own).map_or(f64::NAN, |rank| spec.value(rank))
    }

    fn edge(&self, window: Window, raw: usize, count: CountSource, is_last: bool) -> f64 {
        let (plan, history) = (self.plan, self.history);
        let span = self.rows(window);
        let rows = (span.start, span.end);
        let own = (self.own_count(window, count) > 0).then(|| get64(self.record.delta, raw));
        let kept = |row: Option<u32>| row.map(|row| history.raw(plan, row, raw, false));
        let found = if is_last {
            own.or_else(|| kept(history.last_counted(plan, rows, count)))
        } else {
            kept(history.first_counted(plan, rows, count)).or(own)
        };
        found.map_or(f64::NAN, f64::from_bits)
    }

    fn held(
        &self,
        window: Window,
        slot: usize,
        read: HoldingRead,
        scratch: &mut holding::Scratch,
    ) -> f64 {
        let spec = &self.plan.holdings[slot];
        let value = if self.has_current(self.plan.ends[window.end]) {
            spec.value_of(self.record.delta)
        } else {
            0
        };
        let (inputs, row) = (self.around.inputs, self.record.row);
        let own = match read {
            HoldingRead::Repeats { hash } => Own {
                value,
                hash: inputs.hash(hash, row),
                number: f64::NAN,
            },
            HoldingRead::RobustZ { number, .. } => Own {
                value,
                hash: 0,
                number: inputs.number(number, row),
            },
            _ => Own {
                value,
                hash: 0,
                number: f64::NAN,
            },
        };
        let held = match &self.holdings[slot] {
            Some(held) if self.in_order() && spec.is_kept => Some(held.as_ref()),
            _ => None,
        };
        match held {
            Some(held) => held.read(read, own),
            None => {
                let rows = self.rows(window);
                spec.scan(self.plan, self.history, rows, (read, own), scratch)
            }
        }
    }

    fn arrivals(&self, window: Window, gaps: usize, count: CountSource) -> Option<Arrivals> {
        let (plan, history) = (self.plan, self.history);
        let span = self.rows(window);
        let rows = (span.start, span.end);
        let first = history.first_counted(plan, rows, count)?;
        let last_ms = if self.own_count(window, count) > 0 {
            self.record.now_ms
        } else {
            let last = history.last_counted(plan, rows, count)?;
            history.time(plan, last)
        };
        // The time from before the window to its first record is not in it.
        let before = get128(history.row(plan, first + 1), gaps);
        Some(Arrivals {
            records: self.count(window, count),
            span_ms: last_ms - history.time(plan, first),
            squared_gaps: get128(self.end(window), gaps).wrapping_sub(before),
        })
    }

    #[inline]
    fn since(&self, slot: usize) -> f64 {
        let (plan, now_ms) = (self.plan, self.record.now_ms);
        if self.in_order() {
            return SinceSpec::in_order(plan, slot, self.history, now_ms);
        }
        let spec = &plan.sinces[slot];
        spec.searched(plan, slot, self.history, now_ms, self.bounds[0])
    }

    fn memory(&self, slot: usize, read: MemoryRead) -> f64 {
        let memory = self.plan.memories[slot].memory;
        let words = self
            .history
            .memory(self.plan.memories_at[slot], memory.words());
        let (inputs, row, now_ms) = (self.around.inputs, self.record.row, self.record.now_ms);
        match memory {
            Memory::Ewma { number, .. } => match read {
                MemoryRead::EwmaMean => ewma::mean(words),
                MemoryRead::EwmaStddev => ewma::stddev(words),
                _ => ewma::z(words, inputs.number(number, row)),
            },
            Memory::Profile { spec } => spec.read(words, now_ms),
            // What follows looks at the record's place among the others.
            _ if self.is_late() => f64::NAN,
            Memory::Place { lat, lon } => {
                let travel = place::read(words, now_ms, inputs.place(lat, lon, row));
                match read {
                    MemoryRead::SpeedKmh => travel.speed_kmh,
                    _ => travel.distance_km,
                }
            }
            Memory::Change { hash } => change::read(words, inputs.hash(hash, row)),
            Memory::Sequence { spec, number } => {
                let number = inputs.number(number, row);
                if number.is_nan() {
                    return f64::NAN;
                }
                spec.read(words, number as i64).gap
            }
        }
    }

    fn decayed(&mut self, slot: usize, read: HoldingRead) -> f64 {
        let decayed = &mut self.decayed[slot];
        match read {
            HoldingRead::Quantile { q } => decayed.quantile(q),
            HoldingRead::RobustZ { number, is_log } => {
                let value = self.around.inputs.number(number, self.record.row);
                decayed.robust_z(value, is_log)
            }
            _ => f64::NAN,
        }
    }
}
