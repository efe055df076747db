//! The first and last counted row of a window, and the times between its rows.

use super::request::{Parts, taken};
use crate::plan::ids::{FieldId, intern};
use crate::plan::{BitId, CountedBy, GapField, SinceSpec, Single, Slot, Window};

impl Parts {
    /// Slot of the raw value at word `raw` of the first or last row that `count` counts.
    pub(crate) fn edge(
        &mut self,
        window: Window,
        raw: usize,
        count: CountedBy,
        is_last: bool,
    ) -> Slot {
        self.single(Single::Edge {
            window,
            raw,
            count,
            is_last,
        })
    }

    /// Slot of the mean, or the coefficient of variation, of the times between the records that have `bit`.
    pub(crate) fn inter_arrival(
        &mut self,
        window: Window,
        bit: BitId,
        count: CountedBy,
        is_cv: bool,
    ) -> Slot {
        let since = self.since_spec(bit);
        let layout = &mut self.plan.layout;
        let index = intern(&mut layout.gaps, GapField { count, since });
        self.uses.fields.insert(FieldId::Gap(index));
        let gaps = layout.places.gaps_at + 4 * index;
        self.single(Single::InterArrival {
            window,
            gaps,
            count,
            is_cv,
        })
    }

    /// Slot of the time since the newest other record that has `bit`.
    pub(crate) fn since(&mut self, bit: BitId) -> Slot {
        let slot = self.since_spec(bit);
        self.single(Single::Since { slot })
    }

    fn since_spec(&mut self, bit: BitId) -> usize {
        let count = self.count(bit);
        let since = intern(&mut self.plan.sinces, SinceSpec { bit, count });
        self.uses.sinces.insert(since);
        since
    }

    /// Slot of what needs more of a key than totals.
    pub(super) fn single(&mut self, single: Single) -> Slot {
        let single = single.in_window(|window| self.placed(window));
        let reads = &mut self.plan.reads;
        taken(&mut reads.singles, single, &mut reads.slots)
    }
}
