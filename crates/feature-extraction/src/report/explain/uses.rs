//! Which parts of a plan a feature reads.

use std::collections::BTreeSet;

use crate::plan::{
    BitId, CountField, CountSource, ExtremeValue, LabelledSpec, Lasting, Layout, Needed, Op, Part,
    Plan, RawField, Single, Total, Window,
};
use crate::structures::Holding;

/// What one feature reads, as indexes into the parts of the plan.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) window: Option<Window>,
    pub(super) bits: BTreeSet<BitId>,
    pub(super) labels: BTreeSet<usize>,
    pub(super) queues: BTreeSet<usize>,
    pub(super) holdings: BTreeSet<usize>,
    pub(super) labelled: BTreeSet<usize>,
    pub(super) sinces: BTreeSet<usize>,
    pub(super) memories: BTreeSet<usize>,
    pub(super) decayed: BTreeSet<usize>,
    pub(super) cohorts: BTreeSet<usize>,
}

impl Uses {
    pub(super) fn of(plan: &Plan, op: &Op) -> Self {
        let mut uses = Self {
            window: window_of(op),
            ..Self::default()
        };
        if let Some(window) = uses.window.filter(|window| window.last > 0) {
            uses.count(plan, window.counted);
        }
        match *op {
            Op::Count { count, .. } => uses.part(plan, count),
            Op::Sum { sum, .. } => uses.total(plan, sum),
            Op::Mean { sum, count, .. } => {
                uses.total(plan, sum);
                uses.part(plan, count);
            }
            Op::Stddev { squares, .. } => {
                let index = (squares - plan.layout.squares_at) / 4;
                uses.bits.insert(plan.layout.squares[index].bit);
            }
            Op::Ratio {
                part,
                whole,
                shrink,
                ..
            } => {
                uses.part(plan, part);
                uses.count(plan, whole);
                if let Some(slot) = shrink.and_then(|shrink| shrink.cohort) {
                    uses.cohorts.insert(slot);
                    let spec = &plan.cohorts[slot];
                    uses.bits.extend([spec.part, spec.base]);
                }
            }
            Op::Single(Single::Extreme { queue, .. }) => {
                uses.queues.insert(queue);
                match plan.extremes[queue].value {
                    ExtremeValue::Integer { sum, .. } => uses.sum(plan, sum),
                    ExtremeValue::Float { raw } => uses.raw(plan, raw),
                }
            }
            Op::Single(Single::Edge { raw, .. }) => uses.raw(plan, raw),
            Op::Single(Single::Held { slot, .. }) => {
                uses.holdings.insert(slot);
                uses.raw(plan, plan.holdings[slot].raw);
            }
            Op::Single(Single::InterArrival { gaps, .. }) => {
                let index = (gaps - plan.layout.gaps_at) / 4;
                uses.since(plan, plan.layout.gaps[index].since);
            }
            Op::Single(Single::Since { slot }) => uses.since(plan, slot),
            Op::Value { .. } => {}
            Op::Single(Single::Memory { slot, .. }) => uses.memory(plan, slot),
            Op::Single(Single::Decayed { slot, .. }) => {
                uses.decayed.insert(slot);
                uses.bits.insert(plan.decayed[slot].bit);
            }
        }
        uses
    }

    /// Whether the feature looks at rows that are left for the sake of `lasting`.
    pub(super) fn look_at(&self, plan: &Plan, lasting: &Lasting) -> bool {
        let begins_there = self.window.is_some_and(|w| w.start == lasting.bound);
        begins_there
            && match lasting.needed {
                Needed::Extreme { queue } => self.queues.contains(&queue),
                Needed::Values { raw } => {
                    let mut holdings = self.holdings.iter().map(|slot| &plan.holdings[*slot]);
                    holdings.any(|spec| spec.raw == raw && spec.holding == Holding::Distinct)
                }
            }
    }

    fn part(&mut self, plan: &Plan, part: Part) {
        match part {
            Part::Counted(source) => self.count(plan, source),
            Part::Labelled(slot) => self.labelled(plan, slot),
        }
    }

    fn total(&mut self, plan: &Plan, total: Total) {
        match total {
            Total::Word(at) => self.sum(plan, at),
            Total::Labelled(slot) => self.labelled(plan, slot),
        }
    }

    fn labelled(&mut self, plan: &Plan, slot: usize) {
        let LabelledSpec {
            label, count, sum, ..
        } = plan.labelled[slot];
        self.labelled.insert(slot);
        self.labels.insert(label as usize);
        self.count(plan, count);
        if let Some(at) = sum {
            self.sum(plan, at);
        }
    }

    fn count(&mut self, plan: &Plan, source: CountSource) {
        match count_field(plan, source) {
            None => {}
            Some(CountField::Bit(bit) | CountField::Known { bit, .. }) => {
                self.bits.insert(bit);
            }
            Some(CountField::Event(event)) => self.memory(plan, plan.events[event].memory),
        }
    }

    fn sum(&mut self, plan: &Plan, at: usize) {
        let index = (at - plan.layout.sums_at) / 2;
        self.bits.insert(plan.layout.sums[index].bit);
    }

    fn raw(&mut self, plan: &Plan, at: usize) {
        match raw_field(plan, at) {
            Some(
                RawField::Hash { bit, .. }
                | RawField::Float { bit, .. }
                | RawField::Bucket { bit, .. },
            ) => {
                self.bits.insert(*bit);
            }
            Some(RawField::Id | RawField::Labels) | None => {}
        }
    }

    fn since(&mut self, plan: &Plan, slot: usize) {
        self.sinces.insert(slot);
        self.bits.insert(plan.sinces[slot].bit);
    }

    fn memory(&mut self, plan: &Plan, slot: usize) {
        self.memories.insert(slot);
        self.bits.insert(plan.memories[slot].bit);
    }
}

/// The window of a feature that has one.
pub(super) fn window_of(op: &Op) -> Option<Window> {
    match *op {
        Op::Count { window, .. }
        | Op::Sum { window, .. }
        | Op::Mean { window, .. }
        | Op::Stddev { window, .. }
        | Op::Ratio { window, .. } => Some(window),
        Op::Value { .. } => None,
        Op::Single(single) => single.window(),
    }
}

/// What a count counts; nothing where it is every row.
pub(super) fn count_field(plan: &Plan, source: CountSource) -> Option<CountField> {
    match source {
        CountSource::Rows => None,
        CountSource::Word(at) => plan.layout.counts.get(at - Layout::COUNTS_AT).copied(),
    }
}

/// The raw value at word `at` of a row.
pub(super) fn raw_field(plan: &Plan, at: usize) -> Option<&RawField> {
    let fields = plan.layout.raws.iter().enumerate();
    let mut found = fields.filter(|(index, _)| plan.layout.raw_at(*index) == at);
    found.next().map(|(_, field)| field)
}
