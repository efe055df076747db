//! What features need of a key, taken while a record is folded.

use super::record::{Around, Record};
use super::scratch::Scratch;
use super::taken::Taken;
use super::view::View;
use crate::memory::{change, ewma, place};
use crate::plan::{
    CountedBy, Difference, Differences, Labelled, Memory, MemoryRead, Plan, Prior, SinceSpec,
    Single, Slot, Window,
};
use crate::state::{History, KeyParts};
use crate::structures::inter_arrival::Arrivals;
use crate::structures::{HoldingRead, Own, Values};
use crate::words::{get64, get128};

impl Scratch {
    /// Takes everything that features are made of.
    pub(super) fn take(
        &mut self,
        plan: &Plan,
        key: &mut KeyParts<'_>,
        record: &Record<'_>,
        around: Around<'_>,
    ) {
        let current = record.is_current();
        for end in 1..plan.ends.len() {
            self.total_end(plan, key.history, record, end);
        }
        self.find_newest(plan, key.history, record);
        let (rows_at, stride) = (key.history.row_at(plan, 0), key.history.stride());
        for (start, row) in self.starts.iter_mut().zip(&self.bounds) {
            *start = rows_at + *row as usize * stride;
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
            has_tops: self.has_tops,
        };
        let (reads, taken) = (&plan.reads, self.taken.next(record.row));
        let mut fits = true;
        if self.has_tops {
            for differences in &reads.differences {
                fits &= view.subtract_topped(differences, taken);
            }
        } else {
            for differences in &reads.differences {
                fits &= view.subtract(differences, taken, sum_between, squares_between);
            }
        }
        for extremes in &reads.extremes {
            view.extremes(extremes, &self.limits_ms, taken);
        }
        for (labelled, slot) in &reads.labelled {
            let total = view.labelled(*labelled);
            fits &= i64::try_from(total).is_ok();
            taken[*slot] = total as u64;
        }
        for (prior, slot) in &reads.priors {
            taken[*slot] = view.prior(*prior).to_bits();
        }
        for (single, slot) in &reads.singles {
            taken[*slot] = view.value(single, &mut self.values).to_bits();
        }
        if !fits {
            view.note_lost(&mut self.taken);
        }
    }

    /// The running totals at one of the ends of windows, the record included where it is in them.
    #[inline]
    pub(super) fn total_end(
        &mut self,
        plan: &Plan,
        history: &History,
        record: &Record<'_>,
        end: usize,
    ) {
        let (stride, topped) = (plan.layout.places.stride, plan.layout.places.topped_stride);
        if !self.has_tops {
            let totals = &mut self.ends[end * topped..][..stride];
            let end = plan.ends[end];
            totals.copy_from_slice(history.row(plan, self.bounds[end.bound]));
            let is_in = end.with_current && record.is_current();
            if !is_in || plan.layout.add(totals, record.delta) {
                return;
            }
            // Only the first end has the record in it, so the others come later and know of this.
            self.has_tops = true;
        }
        self.total_topped(plan, history, record, end);
    }

    /// As [`Scratch::total_end`], where the totals need tops.
    #[inline(never)]
    fn total_topped(&mut self, plan: &Plan, history: &History, record: &Record<'_>, end: usize) {
        let topped = plan.layout.places.topped_stride;
        let totals = &mut self.ends[end * topped..][..topped];
        let end = plan.ends[end];
        let row = history.row(plan, self.bounds[end.bound]);
        totals[..row.len()].copy_from_slice(row);
        if !history.has_tops(plan) {
            plan.layout.put_tops(totals);
        }
        if end.with_current && record.is_current() {
            plan.layout.add_topped(totals, record.delta);
        }
    }

    /// Where windows begin that hold so many of the newest records.
    #[inline]
    fn find_newest(&mut self, plan: &Plan, history: &History, record: &Record<'_>) {
        let (bounds, newest) = self.bounds.split_at_mut(plan.bounds.len());
        for (place, window) in newest.iter_mut().zip(&plan.reads.newest) {
            let end = plan.ends[window.end];
            let (from, to) = (bounds[window.start], bounds[end.bound]);
            let counted = |row| history.counted(plan, row, window.counted);
            let others = counted(to).wrapping_sub(counted(from));
            let own = record.own_count(end, window.counted);
            let wanted = window.last - own;
            *place = if others > wanted {
                history.newest_counted(plan, (from, to), window.counted, wanted)
            } else {
                from
            };
        }
    }
}

impl View<'_> {
    /// The running totals at the end and the start of a window.
    #[inline]
    fn totals(&self, differences: &Differences) -> (&[u32], &[u32]) {
        let stride = self.plan.layout.places.topped_stride;
        let start = self.starts[differences.start];
        let start = self.history.row_from(start);
        (&self.ends[differences.end * stride..][..stride], start)
    }

    /// Differences of the running totals of a window; gives whether each fits what it is taken into. `sum`
    /// and `squares` give those at a word of the rows of an end and a start, and whether that is all of it.
    #[inline]
    fn subtract(
        &self,
        differences: &Differences,
        taken: &mut [u64],
        sum: impl Fn(&[u32], &[u32], usize) -> (i64, bool),
        squares: impl Fn(&[u32], &[u32], usize) -> (u128, bool),
    ) -> bool {
        let (end, start) = self.totals(differences);
        let mut all_fit = true;
        if let Some(slot) = differences.rows {
            let bound = self.plan.ends[differences.end].bound;
            let others = self.bounds[bound] - self.bounds[differences.start];
            let own = self.own_count(differences.end, CountedBy::Rows);
            taken[slot] = u64::from(others + own);
        }
        for &Difference { at, slot } in &differences.counts {
            taken[slot] = u64::from(end[at].wrapping_sub(start[at]));
        }
        for &Difference { at, slot } in &differences.sums {
            let (sum, fits) = sum(end, start, at);
            all_fit &= fits;
            taken[slot] = sum.cast_unsigned();
        }
        for &Difference { at, slot } in &differences.squares {
            let (sum, fits) = squares(end, start, at);
            all_fit &= fits;
            put128(taken, slot, sum);
        }
        for &Difference { at, slot } in &differences.wide {
            let sum = get128(end, at).wrapping_sub(get128(start, at));
            put128(taken, slot, sum);
        }
        all_fit
    }

    /// As [`View::subtract`], of totals that have tops at the end.
    #[inline(never)]
    fn subtract_topped(&self, differences: &Differences, taken: &mut [u64]) -> bool {
        let layout = &self.plan.layout;
        let sum = |end: &[u32], start: &[u32], at| layout.sum_between(end, start, at);
        let squares = |end: &[u32], start: &[u32], at| layout.squares_between(end, start, at);
        self.subtract(differences, taken, sum, squares)
    }

    /// Notes the slots of the record whose sums do not fit.
    #[cold]
    #[inline(never)]
    fn note_lost(&self, taken: &mut Taken) {
        let (reads, layout) = (&self.plan.reads, &self.plan.layout);
        for differences in &reads.differences {
            let (end, start) = self.totals(differences);
            let fits_sum = |sum: &&Difference| match self.has_tops {
                true => layout.sum_between(end, start, sum.at).1,
                false => sum_between(end, start, sum.at).1,
            };
            let fits_squares =
                |sum: &&Difference| !self.has_tops || layout.squares_between(end, start, sum.at).1;
            let sums = differences.sums.iter().filter(|sum| !fits_sum(sum));
            let squares = differences.squares.iter();
            let squares = squares.filter(|sum| !fits_squares(sum));
            sums.chain(squares).for_each(|lost| taken.lose(lost.slot));
        }
        for (labelled, slot) in &reads.labelled {
            if i64::try_from(self.labelled(*labelled)).is_err() {
                taken.lose(*slot);
            }
        }
    }

    #[inline]
    fn value(&mut self, single: &Single, scratch: &mut Values) -> f64 {
        match *single {
            Single::Extreme { window, queue } => self.extreme(window, queue),
            Single::Edge {
                window,
                raw,
                count,
                is_last,
            } => self.edge(window, raw, count, is_last),
            Single::Held { window, slot, read } => self.held(window, slot, read, scratch),
            Single::InterArrival {
                window,
                gaps,
                count,
                is_cv,
            } => {
                let arrivals = self.arrivals(window, gaps, count);
                arrivals.map_or(f64::NAN, |arrivals| arrivals.read(is_cv))
            }
            Single::Since { slot } => self.since(slot),
            Single::Memory { slot, read } => self.memory(slot, read),
            Single::Decayed { slot, read } => self.decayed(slot, read),
        }
    }

    fn labelled(&self, labelled: Labelled) -> i128 {
        let Labelled { window, total } = labelled;
        if self.in_order() {
            return self.history.fixed_total(self.plan.labelled_at(total));
        }
        self.plan.labelled[total].read_at(self.plan, self.history, total, self.rows(window))
    }

    fn prior(&self, Prior { cohort, prior }: Prior) -> f64 {
        let hash = self.plan.cohorts[cohort].hash;
        let name = self.around.inputs.hash(hash, self.record.row);
        self.around.cohorts[cohort].share(name, prior)
    }

    fn edge(&self, window: Window, raw: usize, count: CountedBy, is_last: bool) -> f64 {
        let (plan, history) = (self.plan, self.history);
        let span = self.rows(window);
        let rows = (span.start, span.end);
        let own = (self.own_count(window.end, count) > 0).then(|| get64(self.record.delta, raw));
        let kept = |row: Option<u32>| row.map(|row| history.raw(plan, row, raw, false));
        let found = if is_last {
            own.or_else(|| kept(history.last_counted(plan, rows, count)))
        } else {
            kept(history.first_counted(plan, rows, count)).or(own)
        };
        found.map_or(f64::NAN, f64::from_bits)
    }

    fn held(
        &mut self,
        window: Window,
        slot: usize,
        read: HoldingRead,
        scratch: &mut Values,
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
        let (in_order, rows) = (self.in_order(), self.rows(window));
        let (plan, history) = (self.plan, self.history);
        let held = self.holdings[slot].as_mut().filter(|_| spec.is_kept);
        let value = held.and_then(|held| match in_order {
            true => Some(held.read(read, own)),
            false => spec.read_at(plan, history, held, rows, (read, own)),
        });
        value.unwrap_or_else(|| {
            if window.is_sparse(rows.len()) {
                let newest = (rows, window.counted);
                return spec.scan_newest(plan, history, newest, (read, own), scratch);
            }
            spec.scan(plan, history, rows, (read, own), scratch)
        })
    }

    fn arrivals(&self, window: Window, gaps: usize, count: CountedBy) -> Option<Arrivals> {
        let (plan, history) = (self.plan, self.history);
        let span = self.rows(window);
        let rows = (span.start, span.end);
        let first = history.first_counted(plan, rows, count)?;
        let last_ms = if self.own_count(window.end, count) > 0 {
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
            Memory::Profile { spec } => spec.read(words, now_ms, self.history.watermark_ms),
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

/// The sum of integers at word `at` between two rows none of whose totals needs a top, and whether that is
/// all of it.
#[inline]
fn sum_between(end: &[u32], start: &[u32], at: usize) -> (i64, bool) {
    let (end, start) = (get64(end, at).cast_signed(), get64(start, at).cast_signed());
    let (sum, is_over) = end.overflowing_sub(start);
    (sum, !is_over)
}

/// As [`sum_between`], of a sum of squares, which always fits.
#[inline]
fn squares_between(end: &[u32], start: &[u32], at: usize) -> (u128, bool) {
    (get128(end, at).wrapping_sub(get128(start, at)), true)
}

/// Puts a number of two slots, the low half first.
#[inline]
fn put128(taken: &mut [u64], slot: Slot, value: u128) {
    let halves = &mut taken[slot..slot + 2];
    halves[0] = value as u64;
    halves[1] = (value >> 64) as u64;
}
