//! Room for rows: what has expired goes, old panes are thinned out, the rest moves up.

use super::{History, ROWS_AT_START};
use crate::feature::holding;
use crate::plan::Plan;

/// Most words that there is room for beside `length` that are used: what is dropped leaves room behind,
/// and most of it is given back.
pub(super) fn most_capacity(plan: &Plan, length: usize) -> usize {
    4 * length + ROWS_AT_START * plan.layout.stride
}

impl History {
    /// Makes room for one more row: by dropping what has expired when that is a sixth of the rows,
    /// so that moving the rest is paid for by records already gone, else by growing by a quarter: more
    /// at a time would leave a third of the memory unused.
    #[inline]
    pub(super) fn make_room(&mut self, plan: &Plan, holdings: &mut [holding::Slot]) {
        if self.words.capacity() - self.words.len() < plan.layout.stride {
            self.compact_or_grow(plan, holdings);
        }
    }

    #[cold]
    #[inline(never)]
    fn compact_or_grow(&mut self, plan: &Plan, holdings: &mut [holding::Slot]) {
        let expired = self.count_until(plan, self.forgotten_ms(plan));
        let needed = self.needed(plan, expired);
        let dropped = expired - needed.len() as u32;
        if dropped == 0 || dropped * 6 < self.rows {
            let rows = self.rows as usize + 1;
            self.words
                .reserve_exact((rows / 4).max(2) * plan.layout.stride);
            return;
        }
        for (slot, since) in plan.sinces.iter().enumerate() {
            let fresh = (self.thinned, expired);
            if let Some(row) = self.last_counted(plan, fresh, since.count) {
                let time = self.time(plan, row);
                self.set_fixed_time(plan.since_at(slot) + 2, time);
            }
        }
        for (spec, slot) in plan.holdings.iter().zip(holdings) {
            spec.thin(plan, self, slot, &needed, expired);
        }
        self.drop_expired(plan, expired, &needed);
        if plan.label_words.is_some() {
            let at = plan.label_hint_at();
            self.set_fixed(at, self.fixed(at).saturating_sub(dropped));
        }
    }

    /// Drops the rows before `expired` but those needed, and sets the cursors again.
    fn drop_expired(&mut self, plan: &Plan, expired: u32, needed: &[u32]) {
        let stride = plan.layout.stride;
        let mut kept = 0;
        for row in needed {
            let (from, to) = (self.row_at(plan, *row), self.row_at(plan, kept));
            self.words.copy_within(from..from + stride, to);
            kept += 1;
        }
        let (from, to) = (self.row_at(plan, expired), self.row_at(plan, kept));
        self.words.copy_within(from.., to);
        let dropped = expired - kept;
        self.words
            .truncate(self.words.len() - dropped as usize * stride);
        self.rows -= dropped;
        self.thinned = kept;
        self.give_back(plan);
        for (index, bound) in plan.bounds.iter().enumerate().skip(1) {
            let limit = bound.limit_ms(self.watermark_ms);
            let cursor = self.count_until(plan, limit);
            self.set_fixed(Plan::cursor_at(index), cursor);
        }
    }

    /// Gives back what is not used, where it is most of it.
    pub(super) fn give_back(&mut self, plan: &Plan) {
        let least = self.base() + plan.fixed_words + ROWS_AT_START * plan.layout.stride;
        if self.words.capacity() > most_capacity(plan, self.words.len()) {
            self.words.shrink_to(least.max(self.words.len() * 2));
        }
    }
}
