//! A record that comes late: the rows after it make room, and their totals count it.

use super::rows::{History, own_words};
use crate::plan::Plan;
use crate::times::squared;
use crate::words::{add128, get128};

impl History {
    /// Puts a late record at its place, which it gives back.
    pub(crate) fn insert(&mut self, plan: &Plan, time_ms: i64, delta: &[u32]) -> u32 {
        let place = self.count_until(plan, time_ms);
        let mut later = place..=self.rows;
        if !(self.has_tops(plan) || later.all(|row| plan.layout.fits(self.row(plan, row), delta))) {
            self.add_tops(plan);
        }
        let (stride, has_tops) = (self.stride(), self.has_tops(plan));
        let start = self.row_at(plan, place);
        let end = self.words.len();
        self.words.resize(end + stride, 0);
        self.words.copy_within(start..end, start + stride);
        let (record, later) = self.words[start..].split_at_mut(stride);
        own_words(plan, record, delta);
        for row in later.chunks_exact_mut(stride) {
            if has_tops {
                plan.layout.add_topped(row, delta);
            } else {
                plan.layout.add(row, delta);
            }
        }
        self.rows += 1;
        for (index, bound) in plan.bounds.iter().enumerate().skip(1) {
            if time_ms <= bound.limit_ms(self.watermark_ms) {
                let at = Plan::cursor_at(index);
                self.set_fixed(at, self.fixed(at) + 1);
            }
        }
        self.widen_gaps(plan, place);
        place
    }

    /// Puts the times from the neighbours of the row at `place`, just inserted, in the place of the
    /// time from neighbour to neighbour.
    fn widen_gaps(&mut self, plan: &Plan, place: u32) {
        for (index, gap) in plan.layout.gaps.iter().enumerate() {
            if !self.counts(plan, place, gap.count) {
                continue;
            }
            let at = plan.layout.places.gaps_at + 4 * index;
            let time = self.time(plan, place);
            let own = self
                .last_counted(plan, (self.compacted.min(place), place), gap.count)
                .map_or(0, |row| squared(time - self.time(plan, row)));
            let next = self.first_counted(plan, (place + 1, self.rows), gap.count);
            let mut change = own;
            for row in place + 1..=self.rows {
                add128(self.row_mut(plan, row), at, change);
                if next == Some(row) {
                    let after = get128(self.row(plan, row + 1), at).wrapping_add(own);
                    let old = after.wrapping_sub(get128(self.row(plan, row), at));
                    let new = squared(self.time(plan, row) - time);
                    change = own.wrapping_add(new).wrapping_sub(old);
                }
            }
        }
    }
}
