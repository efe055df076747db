//! How features are read: what is taken from a key while a record meets it, and what is made of that
//! afterwards, column by column for many records at once.
//!
//! Most features are differences of running totals. Differences that several features share are taken
//! once; dispatching on the kind of a feature happens once per column, not once per value.

use std::cmp::Reverse;

use super::compiled::Plan;
use super::ids::{CountSource, NumberId, intern};
use super::spec::{Op, Part, Single, Total, Window};

/// Index of a value among those that are taken of a record.
pub(crate) type Slot = usize;

/// What is taken of a record, and how each feature is made of it.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Windows that begin with one of the newest counted rows. [`Window::start`] of other fields
    /// points behind the plan's bounds where it means one of these.
    pub(crate) newest: Vec<Window>,
    pub(crate) differences: Vec<Differences>,
    /// Totals of labelled records.
    pub(crate) labelled: Vec<(Labelled, Slot)>,
    /// Largest and smallest values, of a queue each.
    pub(crate) extremes: Vec<Extremes>,
    /// Shares of cohorts.
    pub(crate) priors: Vec<(Prior, Slot)>,
    /// What needs more of a key than totals.
    pub(crate) singles: Vec<(Single, Slot)>,
    /// One per feature, in catalog order.
    pub(crate) columns: Vec<ColumnRead>,
    /// Number of slots.
    pub(crate) slots: usize,
}

/// Differences of the running totals at the two ends of a window.
#[derive(Debug)]
pub(crate) struct Differences {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Number of rows, where all of them count.
    pub(crate) rows: Option<Slot>,
    pub(crate) counts: Vec<Difference>,
    pub(crate) sums: Vec<Difference>,
    /// Two slots each, the low half first.
    pub(crate) squares: Vec<Difference>,
}

/// The running total that begins at word `at` of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    pub(crate) at: usize,
    pub(crate) slot: Slot,
}

/// Windows that end at the same place and share a queue.
#[derive(Debug)]
pub(crate) struct Extremes {
    /// Index into [`Plan::extremes`].
    pub(crate) queue: usize,
    pub(crate) end: usize,
    /// Where each window begins, the longest first.
    pub(crate) starts: Vec<(usize, Slot)>,
}

/// An entry of [`Plan::labelled`] in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Labelled {
    pub(crate) window: Window,
    pub(crate) total: usize,
}

/// The share of a cohort; `prior` while nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    /// Index into [`Plan::cohorts`].
    pub(crate) cohort: usize,
    pub(crate) prior: f64,
}

/// A feature of what was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ColumnRead {
    /// An integer.
    Integer(Slot),
    /// The bits of a float.
    Float(Slot),
    Mean {
        sum: Slot,
        count: Slot,
    },
    Stddev {
        count: Slot,
        sum: Slot,
        squares: Slot,
    },
    Ratio {
        part: Slot,
        whole: Slot,
        pull: Option<Pull>,
    },
    /// A number of the record itself.
    Number(NumberId),
}

/// What a ratio is drawn to, and how strongly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pull {
    pub(crate) strength: f64,
    pub(crate) prior: f64,
    /// Where the prior is taken from a cohort.
    pub(crate) slot: Option<Slot>,
}

impl Reads {
    /// How `plan`, whose operations are known, is read.
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut reads = Self::default();
        for op in &plan.ops {
            let column = reads.column(plan, op);
            reads.columns.push(column);
        }
        reads
    }

    fn column(&mut self, plan: &Plan, op: &Op) -> ColumnRead {
        match *op {
            Op::Count { window, count } => ColumnRead::Integer(self.part(plan, window, count)),
            Op::Sum { window, sum } => ColumnRead::Integer(self.total(plan, window, sum)),
            Op::Mean { window, sum, count } => ColumnRead::Mean {
                sum: self.total(plan, window, sum),
                count: self.part(plan, window, count),
            },
            Op::Stddev {
                window,
                sum,
                squares,
                count,
            } => ColumnRead::Stddev {
                count: self.count(plan, window, count),
                sum: self.sum(plan, window, sum),
                squares: self.squares(plan, window, squares),
            },
            Op::Ratio {
                window,
                part,
                whole,
                shrink,
            } => ColumnRead::Ratio {
                part: self.part(plan, window, part),
                whole: self.count(plan, window, whole),
                pull: shrink.map(|shrink| Pull {
                    strength: shrink.strength,
                    prior: shrink.prior,
                    slot: shrink.cohort.map(|cohort| {
                        let prior = shrink.prior;
                        let slots = &mut self.slots;
                        taken(&mut self.priors, Prior { cohort, prior }, slots)
                    }),
                }),
            },
            Op::Value { number } => ColumnRead::Number(number),
            Op::Single(Single::Extreme { window, queue }) if window.last == 0 => {
                ColumnRead::Float(self.extreme(plan, window, queue))
            }
            Op::Single(single) => {
                let single = single.in_window(|window| self.window(plan, window));
                ColumnRead::Float(taken(&mut self.singles, single, &mut self.slots))
            }
        }
    }

    /// The window with the place where it begins.
    fn window(&mut self, plan: &Plan, window: Window) -> Window {
        if window.last == 0 {
            return window;
        }
        let start = plan.bounds.len() + intern(&mut self.newest, window);
        Window { start, ..window }
    }

    fn part(&mut self, plan: &Plan, window: Window, part: Part) -> Slot {
        match part {
            Part::Counted(count) => self.count(plan, window, count),
            Part::Labelled(total) => self.labelled(plan, window, total),
        }
    }

    fn total(&mut self, plan: &Plan, window: Window, total: Total) -> Slot {
        match total {
            Total::Word(at) => self.sum(plan, window, at),
            Total::Labelled(total) => self.labelled(plan, window, total),
        }
    }

    fn labelled(&mut self, plan: &Plan, window: Window, total: usize) -> Slot {
        let window = self.window(plan, window);
        taken(
            &mut self.labelled,
            Labelled { window, total },
            &mut self.slots,
        )
    }

    fn count(&mut self, plan: &Plan, window: Window, count: CountSource) -> Slot {
        let index = self.differences(plan, window);
        let (differences, slots) = (&mut self.differences[index], &mut self.slots);
        match count {
            CountSource::Rows => *differences.rows.get_or_insert_with(|| next(slots, 1)),
            CountSource::Word(at) => difference(&mut differences.counts, at, slots, 1),
        }
    }

    fn sum(&mut self, plan: &Plan, window: Window, at: usize) -> Slot {
        let index = self.differences(plan, window);
        difference(&mut self.differences[index].sums, at, &mut self.slots, 1)
    }

    fn squares(&mut self, plan: &Plan, window: Window, at: usize) -> Slot {
        let index = self.differences(plan, window);
        difference(&mut self.differences[index].squares, at, &mut self.slots, 2)
    }

    fn extreme(&mut self, plan: &Plan, window: Window, queue: usize) -> Slot {
        let known = self
            .extremes
            .iter()
            .position(|e| e.queue == queue && e.end == window.end);
        let index = known.unwrap_or_else(|| {
            self.extremes.push(Extremes {
                queue,
                end: window.end,
                starts: Vec::new(),
            });
            self.extremes.len() - 1
        });
        let starts = &mut self.extremes[index].starts;
        let slot = taken(starts, window.start, &mut self.slots);
        starts.sort_by_key(|(start, _)| Reverse(plan.bounds[*start].before_ms));
        slot
    }

    /// Index of the differences of a window.
    fn differences(&mut self, plan: &Plan, window: Window) -> usize {
        let Window { start, end, .. } = self.window(plan, window);
        let known = &self.differences;
        let same = known.iter().position(|d| d.start == start && d.end == end);
        same.unwrap_or_else(|| {
            self.differences.push(Differences {
                start,
                end,
                rows: None,
                counts: Vec::new(),
                sums: Vec::new(),
                squares: Vec::new(),
            });
            self.differences.len() - 1
        })
    }
}

fn next(slots: &mut usize, count: usize) -> Slot {
    *slots += count;
    *slots - count
}

/// The slot of `item` in `list`, where it is put if it is not there.
fn taken<T: PartialEq>(list: &mut Vec<(T, Slot)>, item: T, slots: &mut usize) -> Slot {
    match list.iter().find(|(known, _)| *known == item) {
        Some((_, slot)) => *slot,
        None => {
            let slot = next(slots, 1);
            list.push((item, slot));
            slot
        }
    }
}

fn difference(list: &mut Vec<Difference>, at: usize, slots: &mut usize, words: usize) -> Slot {
    match list.iter().find(|known| known.at == at) {
        Some(known) => known.slot,
        None => {
            let slot = next(slots, words);
            list.push(Difference { at, slot });
            slot
        }
    }
}
