//! What was taken of the records of a chunk, and the features that are made of it.

use crate::inputs::Inputs;
use crate::output::Columns;
use crate::plan::{Chunk, Plan};

/// Records whose state is fetched together, and whose features are written together. Enough that
/// many cache misses overlap, few enough that what was fetched is still there when it is used.
pub(crate) const CHUNK_RECORDS: usize = 64;

/// Values of at most [`CHUNK_RECORDS`] records.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Record after record, one value per slot.
    values: Vec<u64>,
    slots: usize,
    /// Row of the batch of each record.
    rows: Vec<usize>,
}

impl Taken {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            values: vec![0; plan.reads.slots * CHUNK_RECORDS],
            slots: plan.reads.slots,
            rows: Vec::with_capacity(CHUNK_RECORDS),
        }
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

    /// Writes the features of all records from row `first` of `columns` on, and forgets them.
    pub(crate) fn finish(
        &mut self,
        plan: &Plan,
        inputs: &Inputs<'_>,
        columns: &mut Columns,
        first: usize,
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
        for (feature, divisor) in &plan.divisors {
            let run = columns.run(*feature, rows.clone());
            run.iter_mut().for_each(|value| *value /= divisor);
        }
        self.rows.clear();
    }
}
