//! Counts and sums of the records that a label speaks of.
//!
//! A label arrives long after its transaction and changes what its row says, so totals before each
//! row would all have to be changed. Instead a total is kept per key and window, changed as rows
//! enter, leave or are labelled. Cost: O(1) amortised per record; a label that says when its transaction
//! happened costs one look when such labels arrive in the order of their transactions, else O(log n); one
//! that does not costs a look at each of the key's records since. Space: 12 bytes per record, 16 per key
//! and window.

use std::ops::Range;

use crate::inputs::{Label, NAMELESS_ID};
use crate::plan::{LabelledSpec, Plan};
use crate::state::{History, Span};
use crate::words::get64;

impl LabelledSpec {
    /// What a row with these label bits contributes.
    fn contribution(&self, plan: &Plan, history: &History, row: u32, labels: u32) -> i128 {
        if labels >> self.label & 1 == 0 || !history.counts(plan, row, self.count) {
            return 0;
        }
        let Some(at) = self.sum else { return 1 };
        let next = get64(history.row(plan, row + 1), at);
        let own = next.wrapping_sub(get64(history.row(plan, row), at));
        i128::from(own.cast_signed())
    }

    /// The total of the window `rows` of a record that is not in order: that of the newest window, changed by
    /// the rows in which the two differ.
    pub(crate) fn read_at(&self, plan: &Plan, history: &History, slot: usize, rows: Span) -> i128 {
        let now = Span {
            start: history.cursor(self.start_bound),
            end: history.cursor(self.end_bound),
        };
        if now.apart(rows) > rows.len() as usize {
            return self.scan(plan, history, rows);
        }
        let total = |rows: [Range<u32>; 2]| {
            let spans = rows.map(|Range { start, end }| Span { start, end });
            let totals = spans.map(|span| self.scan(plan, history, span));
            totals[0].wrapping_add(totals[1])
        };
        let known = history.fixed_total(plan.labelled_at(slot));
        let more = known.wrapping_add(total(rows.without(now)));
        more.wrapping_sub(total(now.without(rows)))
    }

    /// The total of `rows`, by looking at each.
    pub(crate) fn scan(&self, plan: &Plan, history: &History, rows: Span) -> i128 {
        let Some((_, labels_at)) = plan.label_words else {
            return 0;
        };
        (rows.start..rows.end)
            .map(|row| {
                let labels = history.row(plan, row)[labels_at];
                self.contribution(plan, history, row, labels)
            })
            .sum()
    }

    /// Moves the window from `old` to `new`, which begins and ends no earlier.
    #[inline]
    pub(crate) fn advance(
        &self,
        plan: &Plan,
        history: &mut History,
        slot: usize,
        (old, new): (Span, Span),
    ) {
        let entered = Span {
            start: old.end.max(new.start),
            end: new.end,
        };
        let left = Span {
            start: old.start,
            end: new.start.min(old.end),
        };
        let left = self.scan(plan, history, left);
        let change = self.scan(plan, history, entered).wrapping_sub(left);
        if change != 0 {
            add(plan, history, slot, change);
        }
    }
}

/// Changes the total of the [`LabelledSpec`] at `slot`.
#[inline]
fn add(plan: &Plan, history: &mut History, slot: usize, change: i128) {
    let at = plan.labelled_at(slot);
    // State that was read back may hold any total.
    history.set_fixed_total(at, history.fixed_total(at).wrapping_add(change));
}

/// Puts `label` on the row of its transaction; gives whether there is one.
pub(crate) fn relabel(plan: &Plan, history: &mut History, label: Label) -> bool {
    let Some((id_at, labels_at)) = plan.label_words else {
        return false;
    };
    let Some(row) = find(plan, history, label, id_at) else {
        return false;
    };
    history.set_fixed(plan.label_hint_at(), row + 1);
    let before = history.row(plan, row)[labels_at];
    history.row_mut(plan, row)[labels_at] = label.bits;
    for (slot, spec) in plan.labelled.iter().enumerate() {
        let lies_in =
            (history.cursor(spec.start_bound)..history.cursor(spec.end_bound)).contains(&row);
        if lies_in {
            let before = spec.contribution(plan, history, row, before);
            let after = spec.contribution(plan, history, row, label.bits);
            add(plan, history, slot, after.wrapping_sub(before));
        }
    }
    true
}

/// The row of the transaction that `label` speaks of, among those remembered one by one.
fn find(plan: &Plan, history: &History, label: Label, id_at: usize) -> Option<u32> {
    let id_of = |row: u32| get64(history.row(plan, row), id_at);
    let forgotten_ms = history.forgotten_ms(plan);
    let first = history.count_until(plan, forgotten_ms);
    let rows = first..history.rows();
    if label.id == NAMELESS_ID {
        let time_ms = label.occurred_ms?;
        let after = history.count_until(plan, time_ms);
        let same_time = |row: &u32| history.time(plan, *row) == time_ms;
        let at_that_time = rows.start..after.max(rows.start);
        return at_that_time
            .rev()
            .take_while(same_time)
            .find(|row| id_of(*row) != 0);
    }
    let is_meant = |row: &u32| id_of(*row) == label.id;
    let by_time = label.occurred_ms.and_then(|time_ms| {
        // Labels mostly come in the order of their transactions. Another one of the same id and time
        // would come after it.
        let hint = history.fixed(plan.label_hint_at());
        let is_at = |row: u32| history.time(plan, row) == time_ms;
        if rows.contains(&hint) && is_meant(&hint) && is_at(hint) && !is_at(hint + 1) {
            return Some(hint);
        }
        let after = history.count_until(plan, time_ms).max(rows.start);
        let mut same_time = (rows.start..after).rev().take_while(|row| is_at(*row));
        same_time.find(is_meant)
    });
    by_time.or_else(|| rows.rev().find(is_meant))
}
