//! Number of distinct values.
//!
//! A counter per key and window says how many there are; a record that enters or leaves changes it
//! if no other record of the window has its value. In a small window that is found out by looking
//! at its records, in a larger one by a table of values. Cost: O(1) amortised, at most
//! [`SCAN_MAX`] looks per record. Space: 4 bytes per key and window, 8 per record for the hash
//! of the value (64 bits, so two values are taken for one about once in 10¹⁹/n² windows), and about
//! 20 per value of a larger window.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::history::History;
use crate::layout::get64;
use crate::plan::{DistinctSpec, Plan};

/// Records that are looked at one by one; beyond, a table is kept.
const SCAN_MAX: u32 = 48;

/// Records below which the table is given up again.
const TABLE_MIN: u32 = 12;

/// How often each value occurs in a window.
#[derive(Debug, Default)]
pub(crate) struct Counts(HashTable<(u64, u32)>);

/// A table where the window is large, `None` where looking is cheaper.
pub(crate) type Table = Option<Box<Counts>>;

/// Rows of the window, from the start bound to the end bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Counts {
    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.0.allocation_size() + size_of::<Self>()
    }

    fn get(&self, value: u64) -> u32 {
        let found = self.0.find(value, |(known, _)| *known == value);
        found.map_or(0, |(_, count)| *count)
    }

    /// Whether the value is new.
    fn enter(&mut self, value: u64) -> bool {
        match self.0.entry(value, |(v, _)| *v == value, |(v, _)| *v) {
            Entry::Occupied(mut known) => {
                known.get_mut().1 += 1;
                false
            }
            Entry::Vacant(free) => {
                free.insert((value, 1));
                true
            }
        }
    }

    /// Whether the value is gone.
    fn leave(&mut self, value: u64) -> bool {
        if let Ok(mut known) = self.0.find_entry(value, |(v, _)| *v == value) {
            known.get_mut().1 -= 1;
            if known.get().1 == 0 {
                known.remove();
                return true;
            }
        }
        false
    }
}

impl DistinctSpec {
    #[inline]
    fn value(&self, plan: &Plan, history: &History, row: u32) -> u64 {
        get64(history.row(plan, row), self.raw)
    }

    fn any(&self, plan: &Plan, history: &History, rows: Span, value: u64) -> bool {
        (rows.start..rows.end).any(|row| self.value(plan, history, row) == value)
    }

    /// Whether the window holds `value`.
    #[inline]
    pub(crate) fn holds(
        &self,
        plan: &Plan,
        history: &History,
        table: &Table,
        rows: Span,
        value: u64,
    ) -> bool {
        match table {
            Some(counts) => counts.get(value) != 0,
            None => self.any(plan, history, rows, value),
        }
    }

    /// Moves the window; gives the number of distinct values after it from that before.
    #[inline]
    pub(crate) fn advance(
        &self,
        plan: &Plan,
        history: &History,
        table: &mut Table,
        count: u32,
        (old, new): (Span, Span),
    ) -> u32 {
        if old.start == new.start && old.end == new.end {
            return count;
        }
        self.advance_rows(plan, history, table, count, (old, new))
    }

    fn advance_rows(
        &self,
        plan: &Plan,
        history: &History,
        table: &mut Table,
        mut count: u32,
        (mut old, new): (Span, Span),
    ) -> u32 {
        if new.start >= old.end {
            (*table, count) = (None, 0);
            old = Span {
                start: new.start,
                end: new.start,
            };
        }
        self.resize(plan, history, table, old, new.end - old.start);
        for row in old.end..new.end {
            let value = self.value(plan, history, row);
            let before = Span {
                start: old.start,
                end: row,
            };
            let fresh = value != 0
                && match table {
                    Some(counts) => counts.enter(value),
                    None => !self.any(plan, history, before, value),
                };
            count += u32::from(fresh);
        }
        for row in old.start..new.start {
            let value = self.value(plan, history, row);
            let after = Span {
                start: row + 1,
                end: new.end,
            };
            let gone = value != 0
                && match table {
                    Some(counts) => counts.leave(value),
                    None => !self.any(plan, history, after, value),
                };
            count -= u32::from(gone);
        }
        count
    }

    /// Adds a record whose value is `value` to a window of `rows` other records, which `held` it or
    /// not; gives the number of distinct values.
    #[inline]
    pub(crate) fn enter(
        &self,
        plan: &Plan,
        history: &History,
        table: &mut Table,
        count: u32,
        (rows, value, held): (Span, u64, bool),
    ) -> u32 {
        self.resize(plan, history, table, rows, rows.end - rows.start + 1);
        if value != 0
            && let Some(counts) = table
        {
            counts.enter(value);
        }
        count + u32::from(value != 0 && !held)
    }

    /// Distinct values of the rows, by looking at each; `own` is one more value, or 0.
    pub(crate) fn scan(
        &self,
        plan: &Plan,
        history: &History,
        rows: Span,
        own: u64,
        scratch: &mut Vec<u64>,
    ) -> u32 {
        scratch.clear();
        scratch.extend((rows.start..rows.end).map(|row| self.value(plan, history, row)));
        scratch.push(own);
        scratch.sort_unstable();
        scratch.dedup();
        let absent = usize::from(scratch.first() == Some(&0));
        (scratch.len() - absent) as u32
    }

    /// Makes or drops the table of `rows` for a window that is to hold `size` records.
    #[inline]
    fn resize(&self, plan: &Plan, history: &History, table: &mut Table, rows: Span, size: u32) {
        if table.is_none() && size > SCAN_MAX {
            let mut counts = Box::<Counts>::default();
            for row in rows.start..rows.end {
                let value = self.value(plan, history, row);
                if value != 0 {
                    counts.enter(value);
                }
            }
            *table = Some(counts);
        } else if table.is_some() && size < TABLE_MIN {
            *table = None;
        }
    }
}
