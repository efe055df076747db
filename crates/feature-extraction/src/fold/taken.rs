//! What was taken of the records of a chunk, and the features that are made of it.

use tillwatch_records::Flags;

use crate::inputs::Inputs;
use crate::output::Columns;
use crate::plan::{Chunk, Plan, Slot, is_overflown};

/// Records whose state is fetched together, and whose features are written together. Enough that
/// many cache misses overlap, few enough that what was fetched is still there when it is used.
pub(crate) const CHUNK_RECORDS: usize = 64;

/// Values of at most [`CHUNK_RECORDS`] records.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Record after record, one value per slot.
    values: Vec<u64>,
    slots: usize,
    /// Row of the batch of each record.
    rows: Vec<usize>,
    /// Sums that do not fit their slot: at most one per record and slot.
    lost: Vec<Lost>,
}

/// A sum of a record that does not fit its slot.
#[derive(Debug, Clone, Copy)]
struct Lost {
    /// Number of the record in the chunk.
    record: usize,
    slot: Slot,
}

impl Taken {
    /// Makes room for a chunk's records of `plan`.
    pub(super) fn fit(&mut self, plan: &Plan) {
        self.slots = plan.reads.slots;
        self.values.resize(self.slots * CHUNK_RECORDS, 0);
        self.rows.reserve(CHUNK_RECORDS);
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        size_of::<u64>() * (self.values.capacity() + self.rows.capacity())
            + size_of::<Lost>() * self.lost.capacity()
    }

    /// The values of the next record, which is `row` of the batch.
    #[inline]
    pub(super) fn next(&mut self, row: usize) -> &mut [u64] {
        debug_assert!(self.rows.len() < CHUNK_RECORDS);
        let start = self.rows.len() * self.slots;
        self.rows.push(row);
        &mut self.values[start..start + self.slots]
    }

    /// Takes nothing of the next record, which is `row` of the batch.
    pub(crate) fn skip(&mut self, row: usize) {
        self.next(row).fill(0);
    }

    /// Notes that a sum of the newest record does not fit its slot.
    #[cold]
    pub(super) fn lose(&mut self, slot: Slot) {
        let record = self.rows.len().saturating_sub(1);
        self.lost.push(Lost { record, slot });
    }

    /// Writes the features of all records from row `first` of `columns` on, marks in `flags`, which are those
    /// of these records, the ones with a value that does not fit, and forgets the records.
    pub(crate) fn finish(
        &mut self,
        plan: &Plan,
        inputs: &Inputs<'_>,
        (columns, first): (&mut Columns, usize),
        flags: &mut [Flags],
    ) {
        let rows = first..first + self.rows.len();
        let chunk = Chunk {
            values: &self.values,
            slots: self.slots,
            rows: &self.rows,
            times_ms: &inputs.times_ms,
            numbers: inputs.numbers(),
        };
        for (feature, made) in plan.made.iter().enumerate() {
            made.column.fill(&chunk, columns.run(feature, rows.clone()));
        }
        for feature in &plan.products {
            let run = columns.run(*feature, rows.clone());
            for (value, flags) in run.iter_mut().zip(&mut *flags) {
                if is_overflown(*value) {
                    (*value, *flags) = (f64::NAN, *flags | Flags::OVERFLOW);
                }
            }
        }
        if !self.lost.is_empty() {
            self.give_up(plan, (columns, first), flags);
        }
        for (feature, divisor) in &plan.divisors {
            let run = columns.run(*feature, rows.clone());
            run.iter_mut().for_each(|value| *value /= divisor);
        }
        self.rows.clear();
    }

    /// Takes back the values that are made of sums that do not fit.
    #[cold]
    fn give_up(
        &mut self,
        plan: &Plan,
        (columns, first): (&mut Columns, usize),
        flags: &mut [Flags],
    ) {
        for Lost { record, slot } in self.lost.drain(..) {
            let row = first + record;
            for (feature, made) in plan.made.iter().enumerate() {
                if made.uses.totals.contains(&slot) {
                    columns.run(feature, row..row + 1).fill(f64::NAN);
                    flags[record] |= Flags::OVERFLOW;
                }
            }
        }
    }
}
