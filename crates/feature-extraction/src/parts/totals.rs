//! Windows, and the differences of running totals at their two ends.

use super::fields::predicate_id;
use super::request::{Cost, Parts, next, taken};
use crate::catalog::FeatureSpec;
use crate::plan::ids::intern;
use crate::plan::{
    Bound, CountedBy, Difference, Differences, End, Labelled, LabelledSpec, RawField, Slot, Window,
};

/// A number or sum of the records of a window.
pub(crate) struct Total {
    pub(crate) slot: Slot,
    /// What it is the number or the sum of.
    pub(crate) subject: String,
    pub(crate) cost: Cost,
}

impl Parts {
    /// The feature's window, in which `counted` counts what `last` asks for.
    pub(crate) fn window(&mut self, spec: &FeatureSpec, counted: CountedBy) -> Window {
        let start = Bound {
            before_ms: spec.delay_ms + spec.window_ms,
            resolution_ms: spec.resolution_ms,
        };
        let end = Bound {
            before_ms: spec.delay_ms,
            resolution_ms: 0,
        };
        let plan = &mut self.plan;
        let start = intern(&mut plan.bounds, start);
        let end = End {
            bound: intern(&mut plan.bounds, end),
            with_current: spec.delay_ms == 0 && !spec.exclude_current,
        };
        let window = Window {
            start,
            end: intern(&mut plan.ends, end),
            last: spec.last,
            counted,
        };
        self.uses.window = Some(window);
        window
    }

    /// Number of records that `count` counts, of those only that the feature's label speaks of if it has one.
    pub(crate) fn number_of(
        &mut self,
        spec: &FeatureSpec,
        window: Window,
        count: CountedBy,
    ) -> Total {
        match self.label(spec) {
            None => Total {
                slot: self.count_of(window, count),
                subject: self.plan.counted(count),
                cost: Cost::Totals(window),
            },
            Some(label) => self.labelled(window, label, count, None),
        }
    }

    /// Sum at word `at` of a row over the records that `count` counts, of those only that the feature's label
    /// speaks of if it has one.
    pub(crate) fn sum_of(
        &mut self,
        spec: &FeatureSpec,
        window: Window,
        count: CountedBy,
        at: usize,
    ) -> Total {
        match self.label(spec) {
            None => Total {
                slot: self.sum_at(window, at),
                subject: self.plan.sum_words(at),
                cost: Cost::Totals(window),
            },
            Some(label) => self.labelled(window, label, count, Some(at)),
        }
    }

    /// Slot of the number of records of a window that `count` counts.
    pub(crate) fn count_of(&mut self, window: Window, count: CountedBy) -> Slot {
        let index = self.differences(window);
        let reads = &mut self.plan.reads;
        let (differences, slots) = (&mut reads.differences[index], &mut reads.slots);
        match count {
            CountedBy::Rows => *differences.rows.get_or_insert_with(|| next(slots, 1)),
            CountedBy::Word(at) => difference(&mut differences.counts, at, slots, 1),
        }
    }

    /// Slot of the running sum of integers at word `at` of a row, over a window.
    pub(crate) fn sum_at(&mut self, window: Window, at: usize) -> Slot {
        let index = self.differences(window);
        let reads = &mut self.plan.reads;
        let sums = &mut reads.differences[index].sums;
        let slot = difference(sums, at, &mut reads.slots, 1);
        self.uses.totals.insert(slot);
        slot
    }

    /// The first of two slots of the running sum of squares at word `at` of a row, over a window.
    pub(crate) fn squares_at(&mut self, window: Window, at: usize) -> Slot {
        let index = self.differences(window);
        let reads = &mut self.plan.reads;
        let squares = &mut reads.differences[index].squares;
        let slot = difference(squares, at, &mut reads.slots, 2);
        self.uses.totals.insert(slot);
        slot
    }

    /// The first of two slots of the running sum of 128 bits at word `at` of a row, over a window.
    pub(crate) fn wide_at(&mut self, window: Window, at: usize) -> Slot {
        let index = self.differences(window);
        let reads = &mut self.plan.reads;
        let wide = &mut reads.differences[index].wide;
        difference(wide, at, &mut reads.slots, 2)
    }

    /// The window with the place where it begins: that of one of the newest counted rows where it has a
    /// `last`.
    pub(super) fn placed(&mut self, window: Window) -> Window {
        if window.last == 0 {
            return window;
        }
        let bounds = self.plan.bounds.len();
        let start = bounds + intern(&mut self.plan.reads.newest, window);
        Window { start, ..window }
    }

    /// Index of the differences of a window.
    fn differences(&mut self, window: Window) -> usize {
        let Window { start, end, .. } = self.placed(window);
        let known = &mut self.plan.reads.differences;
        let same = known.iter().position(|d| d.start == start && d.end == end);
        same.unwrap_or_else(|| {
            known.push(Differences {
                start,
                end,
                rows: None,
                counts: Vec::new(),
                sums: Vec::new(),
                squares: Vec::new(),
                wide: Vec::new(),
            });
            known.len() - 1
        })
    }

    /// Bit of the feature's label predicate, if it has one.
    fn label(&mut self, spec: &FeatureSpec) -> Option<u32> {
        let predicate = spec.label.as_ref()?;
        self.raw_word(RawField::Id);
        self.raw_word(RawField::Labels);
        let label = predicate_id(&mut self.plan.labels, predicate);
        self.uses.labels.insert(label);
        Some(label as u32)
    }

    fn labelled(
        &mut self,
        window: Window,
        label: u32,
        count: CountedBy,
        sum: Option<usize>,
    ) -> Total {
        let spec = LabelledSpec {
            start_bound: window.start,
            end_bound: self.plan.ends[window.end].bound,
            label,
            count,
            sum,
        };
        let total = intern(&mut self.plan.labelled, spec);
        self.uses.labelled.insert(total);
        let window = self.placed(window);
        let reads = &mut self.plan.reads;
        let labelled = Labelled { window, total };
        let slot = taken(&mut reads.labelled, labelled, &mut reads.slots);
        self.uses.totals.insert(slot);
        Total {
            slot,
            subject: self.plan.labelled_subject(total),
            cost: Cost::Labelled,
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
