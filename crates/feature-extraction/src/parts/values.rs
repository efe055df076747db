//! The values of a window: its extremes in a queue, or all of them in a structure.

use std::cmp::Reverse;

use super::request::{Cost, Parts, taken};
use crate::catalog::FeatureSpec;
use crate::plan::ids::intern;
use crate::plan::{
    BitId, DecayedSpec, ExtremeSpec, ExtremeValue, Extremes, HoldingSpec, Lasting, Needed,
    RawField, Single, Slot, Window,
};
use crate::structures::decay::HalfLife;
use crate::structures::{Holding, HoldingRead};

/// What a window holds: which structure, of which raw value, and what is asked of it.
#[derive(Debug, Clone, Copy)]
struct Held {
    holding: Holding,
    /// Word of the value of a row.
    raw: usize,
    read: HoldingRead,
}

/// What is asked of values that a window or a memory holds.
pub(crate) struct Asked {
    pub(crate) slot: Slot,
    /// What the values are, in words.
    pub(crate) subject: String,
    pub(crate) cost: Cost,
}

impl Parts {
    /// What is asked of the histogram of a feature's numbers: of its window, or of one whose records age
    /// where the feature has a half-life.
    pub(crate) fn ranked(&mut self, spec: &FeatureSpec, read: HoldingRead) -> Asked {
        let bit = self.counted(spec);
        let number = self.number(spec, 0);
        let is_log = spec.is_log;
        if spec.half_life_ms > 0 {
            let decayed = DecayedSpec {
                bit,
                number,
                is_log,
                half_life: HalfLife::new(spec.half_life_ms),
            };
            let (slot, decayed) = self.decayed(decayed, read);
            return Asked {
                slot,
                subject: self.plan.decayed_subject(decayed),
                cost: Cost::Decayed,
            };
        }
        let raw = self.raw_word(RawField::Bucket {
            bit,
            number,
            is_log,
        });
        let holding = Holding::Histogram;
        self.asked(spec, bit, Held { holding, raw, read })
    }

    /// What is asked of the values of a feature's column or tuple in its window.
    pub(crate) fn values(
        &mut self,
        spec: &FeatureSpec,
        holding: Holding,
        read: HoldingRead,
    ) -> Asked {
        let bit = self.counted(spec);
        let inputs = spec.columns.clone();
        let raw = self.raw_word(RawField::Hash { bit, inputs });
        self.asked(spec, bit, Held { holding, raw, read })
    }

    fn asked(&mut self, spec: &FeatureSpec, bit: BitId, held: Held) -> Asked {
        let newest = self.newest_count(spec, bit);
        let window = self.window(spec, newest);
        Asked {
            slot: self.held(window, held),
            subject: self.plan.raw_subject_at(held.raw),
            cost: Cost::Values(window),
        }
    }

    /// Slot of the smallest or largest value of a window that is at most `reach_ms` long, its delay and
    /// oldest pane included; and the queue that it is taken from.
    pub(crate) fn extreme(
        &mut self,
        window: Window,
        value: ExtremeValue,
        smallest: bool,
        reach_ms: i64,
    ) -> (Slot, usize) {
        let wanted = ExtremeSpec {
            value,
            smallest,
            end_bound: self.plan.ends[window.end].bound,
            reach_ms,
        };
        let queue = queue_of(&mut self.plan.extremes, wanted);
        self.uses.queues.insert(queue);
        self.note_lasting(window, Needed::Extreme { queue });
        if window.last > 0 {
            return (self.single(Single::Extreme { window, queue }), queue);
        }
        let (reads, bounds) = (&mut self.plan.reads, &self.plan.bounds);
        let mut known = reads.extremes.iter();
        let known = known.position(|e| e.queue == queue && e.end == window.end);
        let index = known.unwrap_or_else(|| {
            reads.extremes.push(Extremes {
                queue,
                end: window.end,
                starts: Vec::new(),
            });
            reads.extremes.len() - 1
        });
        let starts = &mut reads.extremes[index].starts;
        let slot = taken(starts, window.start, &mut reads.slots);
        starts.sort_by_key(|(start, _)| Reverse(bounds[*start].before_ms));
        (slot, queue)
    }

    /// Slot of what is asked of the values of a window.
    fn held(&mut self, window: Window, held: Held) -> Slot {
        let Held { holding, raw, read } = held;
        if holding == Holding::Distinct {
            self.note_lasting(window, Needed::Values { raw });
        }
        let spec = HoldingSpec {
            holding,
            raw,
            is_short: holding == Holding::Histogram,
            is_kept: window.last == 0,
            start_bound: window.start,
            end_bound: self.plan.ends[window.end].bound,
        };
        let slot = intern(&mut self.plan.holdings, spec);
        self.uses.holdings.insert(slot);
        self.single(Single::Held { window, slot, read })
    }

    /// Notes what a window needs of rows that are compacted, if it begins among them.
    fn note_lasting(&mut self, window: Window, needed: Needed) {
        let bound = window.start;
        if self.plan.bounds[bound].resolution_ms > 0 {
            intern(&mut self.plan.lasting, Lasting { bound, needed });
        }
    }
}

/// The queue of the same values, which is made to reach as far back as `wanted` does.
fn queue_of(extremes: &mut Vec<ExtremeSpec>, wanted: ExtremeSpec) -> usize {
    let shared = extremes.iter_mut().position(|known| {
        let same = ExtremeSpec {
            reach_ms: wanted.reach_ms,
            ..*known
        } == wanted;
        if same {
            known.reach_ms = known.reach_ms.max(wanted.reach_ms);
        }
        same
    });
    shared.unwrap_or_else(|| {
        extremes.push(wanted);
        extremes.len() - 1
    })
}
