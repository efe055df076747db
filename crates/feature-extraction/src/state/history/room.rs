//! Room for rows, and what is dropped to make it.

use super::rows::{History, ROWS_AT_START};
use crate::plan::Plan;

/// Most words that there is room for beside `length` that are used: what is dropped leaves room behind,
/// and most of it is given back.
pub(super) fn most_capacity(plan: &Plan, length: usize) -> usize {
    4 * length + ROWS_AT_START * plan.layout.places.stride
}

impl History {
    /// Whether there is no room for one more row.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.words.capacity() - self.words.len() < self.stride()
    }

    /// Makes room for a quarter more rows: more at a time would leave a third of the room unused.
    pub(crate) fn grow(&mut self) {
        let rows = self.rows as usize + 1;
        self.words.reserve_exact((rows / 4).max(2) * self.stride());
    }

    /// Drops the rows before `expired` but those needed, and sets the cursors again.
    pub(crate) fn drop_expired(&mut self, plan: &Plan, expired: u32, needed: &[u32]) {
        let stride = self.stride();
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
        // More than expired where the catalog before kept records less long.
        self.compacted = kept.max(self.compacted.saturating_sub(dropped));
        self.give_back(plan);
        for (index, bound) in plan.bounds.iter().enumerate().skip(1) {
            let limit = bound.limit_ms(self.watermark_ms);
            let cursor = self.count_until(plan, limit);
            self.set_fixed(Plan::cursor_at(index), cursor);
        }
    }

    /// Gives back what is not used, where it is most of it.
    pub(super) fn give_back(&mut self, plan: &Plan) {
        let least = self.base() + plan.fixed_words + ROWS_AT_START * self.stride();
        if self.words.capacity() > most_capacity(plan, self.words.len()) {
            self.words.shrink_to(least.max(self.words.len() * 2));
        }
    }
}
