//! The values of a window, looked at one by one or held.
//!
//! A small window is looked at record by record whenever it is asked; a larger one keeps a
//! [`Held`], which records enter and leave. Cost: at most [`SCAN_MAX`] looks per record, or O(1)
//! amortised to keep and what the structure says to ask; for a record that is not in order, a move to
//! its window and back, O(1) per row in which that differs from the newest, or a look at each of its
//! rows. Space: 8 bytes per record for a value's hash, 4 for its bucket, shared by all windows, and
//! that of the structure for a larger window.

use crate::plan::{CountedBy, HoldingSpec, Plan};
use crate::state::{History, Span};
use crate::structures::{Held, HeldSlot, HoldingRead, Own, Values};
use crate::words::get64;

/// Records that are looked at one by one; beyond, the window's values are kept.
pub(crate) const SCAN_MAX: u32 = 48;

/// A record that is not in order has what is held moved to its window where the rows in which the two differ
/// are less than this part of it.
const MOVE_PART: usize = 8;

/// Records below which they are given up again.
pub(crate) const HELD_MIN: u32 = 12;

impl HoldingSpec {
    /// The value of a kept record, 0 where it does not count.
    #[inline]
    fn value(&self, plan: &Plan, history: &History, row: u32) -> u64 {
        history.raw(plan, row, self.raw, self.is_short)
    }

    /// The value of a record that is not kept yet.
    #[inline]
    pub(crate) fn value_of(&self, delta: &[u32]) -> u64 {
        if self.is_short {
            u64::from(delta[self.raw])
        } else {
            get64(delta, self.raw)
        }
    }

    /// What is asked of the window `rows` of a record that is not in order, by moving what is held there
    /// and back; `None` where it is faster to look at each row.
    pub(crate) fn read_at(
        &self,
        plan: &Plan,
        history: &History,
        held: &mut Held,
        rows: Span,
        (read, own): (HoldingRead, Own),
    ) -> Option<f64> {
        let now = Span {
            start: history.cursor(self.start_bound),
            end: history.cursor(self.end_bound),
        };
        if now.apart(rows) > rows.len() as usize / MOVE_PART {
            return None;
        }
        self.shift(plan, history, held, (now, rows));
        let value = held.read(read, own);
        self.shift(plan, history, held, (rows, now));
        Some(value)
    }

    /// Moves what is held of the window `old` to `new`. What comes and goes in one step does neither.
    #[inline]
    fn shift(&self, plan: &Plan, history: &History, held: &mut Held, (old, new): (Span, Span)) {
        for row in new.without(old).into_iter().flatten() {
            let value = self.value(plan, history, row);
            if value != 0 {
                held.enter(value);
            }
        }
        for row in old.without(new).into_iter().flatten() {
            let value = self.value(plan, history, row);
            if value != 0 {
                held.leave(value);
            }
        }
        if let Held::Distinct(distinct) = held
            && distinct.is_thin()
        {
            let values = (new.start..new.end).map(|row| self.value(plan, history, row));
            distinct.rebuild(values.filter(|value| *value != 0));
        }
    }

    /// Moves the window from `old` to `new`, which begins and ends no earlier.
    #[inline]
    pub(crate) fn advance(
        &self,
        plan: &Plan,
        history: &History,
        slot: &mut HeldSlot,
        (old, new): (Span, Span),
    ) {
        let size = new.end - new.start;
        match slot {
            Some(held) if size >= HELD_MIN => {
                self.shift(plan, history, held, (old, new));
            }
            Some(_) => *slot = None,
            None if size > SCAN_MAX => {
                let mut held = Box::new(Held::new(self.holding));
                for row in new.start..new.end {
                    let value = self.value(plan, history, row);
                    if value != 0 {
                        held.enter(value);
                    }
                }
                *slot = Some(held);
            }
            None => {}
        }
    }

    /// Lets the rows before `expired` leave that are not `needed` any more: the window still contains
    /// their records, and knows of them by other rows.
    pub(crate) fn compact(
        &self,
        plan: &Plan,
        history: &History,
        slot: &mut HeldSlot,
        needed: &[u32],
        expired: u32,
    ) {
        let Some(held) = slot else { return };
        let span = history.cursor(self.start_bound)..history.cursor(self.end_bound).min(expired);
        let before = needed.partition_point(|row| *row < span.start);
        let mut needed = needed[before..].iter().peekable();
        for row in span {
            if needed.next_if_eq(&&row).is_some() {
                continue;
            }
            let value = self.value(plan, history, row);
            if value != 0 {
                held.leave(value);
            }
        }
    }

    /// Lets one record enter.
    #[inline]
    pub(crate) fn enter(&self, slot: &mut HeldSlot, value: u64) {
        if let Some(held) = slot
            && value != 0
        {
            held.enter(value);
        }
    }

    /// What is asked of the few newest records of `rows` that `count` counts, by looking at each of them.
    pub(crate) fn scan_newest(
        &self,
        plan: &Plan,
        history: &History,
        (rows, count): (Span, CountedBy),
        (read, own): (HoldingRead, Own),
        scratch: &mut Values,
    ) -> f64 {
        let rows = history.all_counted(plan, rows, count);
        let values = rows.map(|row| self.value(plan, history, row));
        let counted = values.chain([own.value]).filter(|value| *value != 0);
        scratch.read(read, own, counted)
    }

    /// What is asked, by looking at each record of `rows`.
    pub(crate) fn scan(
        &self,
        plan: &Plan,
        history: &History,
        rows: Span,
        (read, own): (HoldingRead, Own),
        scratch: &mut Values,
    ) -> f64 {
        let values = (rows.start..rows.end).map(|row| self.value(plan, history, row));
        let counted = values.chain([own.value]).filter(|value| *value != 0);
        scratch.read(read, own, counted)
    }
}
