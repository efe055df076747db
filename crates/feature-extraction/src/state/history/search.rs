//! Where in a history windows begin and end, and where counted records are.

use super::rows::History;
use super::span::Span;
use crate::plan::{CountedBy, Plan};
use crate::times::NEVER_MS;

/// Rows that are looked at one by one, where the wanted one most often is, before it is searched for by
/// halves.
const LOOKS: usize = 8;

impl History {
    /// Finds every bound for a record at `now_ms` without moving a cursor. One that is older than any
    /// record may be sees only what is remembered record by record, kept by chance or not.
    pub(crate) fn search(&self, plan: &Plan, now_ms: i64, bounds: &mut [u32]) {
        let is_older = now_ms < self.watermark_ms.saturating_sub(plan.lateness_ms());
        let oldest = if is_older {
            self.forgotten_ms(plan)
        } else {
            NEVER_MS
        };
        for (place, bound) in bounds.iter_mut().zip(&plan.bounds) {
            *place = self.count_until(plan, bound.limit_ms(now_ms).max(oldest));
        }
    }

    /// Records at or before this time are forgotten, or compacted.
    pub(crate) fn forgotten_ms(&self, plan: &Plan) -> i64 {
        self.watermark_ms.saturating_sub(plan.retention_ms())
    }

    /// Number of rows with time ≤ `limit_ms`.
    pub(crate) fn count_until(&self, plan: &Plan, limit_ms: i64) -> u32 {
        first_row((0, self.rows), |row| self.time(plan, row) > limit_ms)
    }

    /// Number of records before `row` that `count` counts, from an arbitrary start.
    #[inline]
    pub(crate) fn counted(&self, plan: &Plan, row: u32, count: CountedBy) -> u32 {
        match count {
            CountedBy::Rows => row,
            CountedBy::Word(at) => self.row(plan, row)[at],
        }
    }

    /// Whether `count` counts the record of `row`.
    #[inline]
    pub(crate) fn counts(&self, plan: &Plan, row: u32, count: CountedBy) -> bool {
        self.counted(plan, row + 1, count) != self.counted(plan, row, count)
    }

    /// The first row from `from` on by which `count` has risen by at least `rise`; `to` when it has
    /// not before.
    pub(crate) fn risen(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountedBy,
        rise: u32,
    ) -> u32 {
        let first = self.counted(plan, from, count);
        first_row((from, to), |row| {
            self.counted(plan, row, count).wrapping_sub(first) >= rise
        })
    }

    /// A row from `from` on such that `count` counts `wanted` of those from there to `to`; it counts more
    /// of all.
    ///
    /// Near the end most often: looks back from there first. Takes nothing for granted of counts, which
    /// may be any in state that was read back.
    #[inline]
    pub(crate) fn newest_counted(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountedBy,
        wanted: u32,
    ) -> u32 {
        let total = self.counted(plan, to, count);
        let newer = |row| total.wrapping_sub(self.counted(plan, row, count));
        // No row counts twice, so it lies as far back as counts are missing, or farther.
        let mut row = to.saturating_sub(wanted);
        for _ in 0..LOOKS {
            let missing = wanted.saturating_sub(newer(row));
            if missing == 0 && row >= from {
                return row;
            }
            row = row.saturating_sub(missing);
            if row <= from {
                break;
            }
        }
        let rise = newer(from).wrapping_sub(wanted);
        self.risen(plan, (from, to), count, rise)
    }

    /// The last row in `from..to` that `count` counts. Looks twice as far back each time, so that it
    /// costs the logarithm of how far back that row lies.
    #[inline]
    pub(crate) fn last_counted(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountedBy,
    ) -> Option<u32> {
        let total = self.counted(plan, to, count);
        let (mut back, mut end) = (1, to);
        while end > from {
            let start = to.saturating_sub(back).max(from);
            let rise = total.wrapping_sub(self.counted(plan, start, count));
            if rise > 0 {
                // The smallest row before which all of them lie is the one after the last.
                return Some(self.risen(plan, (start, end), count, rise) - 1);
            }
            end = start;
            back = back.saturating_mul(2);
        }
        None
    }

    /// The rows in `rows` that `count` counts, the newest first. Costs the logarithm of the rows
    /// between two of them, and one look where there is none.
    pub(crate) fn all_counted<'a>(
        &'a self,
        plan: &'a Plan,
        rows: Span,
        count: CountedBy,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let mut to = rows.end;
        std::iter::from_fn(move || {
            to = self.last_counted(plan, (rows.start, to), count)?;
            Some(to)
        })
    }

    /// The first row in `from..to` that `count` counts.
    pub(crate) fn first_counted(
        &self,
        plan: &Plan,
        (from, to): (u32, u32),
        count: CountedBy,
    ) -> Option<u32> {
        let mut near = (from..to).take(LOOKS);
        if let Some(row) = near.find(|row| self.counts(plan, *row, count)) {
            return Some(row);
        }
        let first = self.counted(plan, from, count);
        let total = self.counted(plan, to, count).wrapping_sub(first);
        (total > 0).then(|| self.risen(plan, (from, to), count, 1) - 1)
    }
}

/// The first row of `from..to` from which on all satisfy `is_so`; `to` where none does. Rows that do not lie
/// before those that do.
#[inline]
pub(crate) fn first_row((from, to): (u32, u32), is_so: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_so(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
