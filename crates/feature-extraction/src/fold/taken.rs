//! What was taken of the records of a chunk, and the features that are made of it: one column after the
//! other, in loops that do the same to every record.

use crate::inputs::Inputs;
use crate::output::Columns;
use crate::plan::{ColumnRead, Plan, Slot};
use crate::structures::moments::{mean, ratio, stddev};

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

    #[inline]
    fn slot(&self, slot: Slot) -> impl Iterator<Item = u64> + '_ {
        // Without a slot there are no features to be made of one.
        let records = self.values.chunks_exact(self.slots.max(1));
        records.map(move |values| values[slot])
    }

    #[inline]
    fn floats(&self, slot: Slot) -> impl Iterator<Item = f64> + '_ {
        self.slot(slot).map(f64::from_bits)
    }

    #[inline]
    fn integers(&self, slot: Slot) -> impl Iterator<Item = i64> + '_ {
        self.slot(slot).map(u64::cast_signed)
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
        for (feature, read) in plan.reads.columns.iter().enumerate() {
            self.column(read, inputs, columns.run(feature, rows.clone()));
        }
        for (feature, divisor) in &plan.divisors {
            let run = columns.run(*feature, rows.clone());
            run.iter_mut().for_each(|value| *value /= divisor);
        }
        self.rows.clear();
    }

    fn column(&self, read: &ColumnRead, inputs: &Inputs<'_>, run: &mut [f64]) {
        match *read {
            ColumnRead::Integer(slot) => fill(run, self.integers(slot).map(|value| value as f64)),
            ColumnRead::Float(slot) => fill(run, self.floats(slot)),
            ColumnRead::Mean { sum, count } => {
                let pairs = self.integers(count).zip(self.integers(sum));
                fill(run, pairs.map(|(count, sum)| mean(count as f64, sum)));
            }
            ColumnRead::Stddev {
                count,
                sum,
                squares,
            } => {
                let halves = self.slot(squares).zip(self.slot(squares + 1));
                let squares = halves.map(|(low, high)| u128::from(low) | u128::from(high) << 64);
                let counts = self.slot(count).map(|count| count as u32);
                let all = counts.zip(self.integers(sum)).zip(squares);
                fill(
                    run,
                    all.map(|((count, sum), squares)| stddev(count, sum, squares)),
                );
            }
            ColumnRead::Ratio { part, whole, pull } => {
                let parts = self.integers(part).map(|part| part as f64);
                let pairs = parts.zip(self.integers(whole).map(|whole| whole as f64));
                let Some(pull) = pull else {
                    return fill(run, pairs.map(|(part, whole)| ratio(part, whole, None)));
                };
                let pulled = |part, whole, prior| ratio(part, whole, Some((pull.strength, prior)));
                match pull.slot {
                    None => fill(run, pairs.map(|(p, w)| pulled(p, w, pull.prior))),
                    Some(slot) => {
                        let priors = pairs.zip(self.floats(slot));
                        fill(run, priors.map(|((p, w), prior)| pulled(p, w, prior)));
                    }
                }
            }
            ColumnRead::Number(number) => {
                fill(run, self.rows.iter().map(|row| inputs.number(number, *row)));
            }
        }
    }
}

#[inline]
fn fill(run: &mut [f64], values: impl Iterator<Item = f64>) {
    for (place, value) in run.iter_mut().zip(values) {
        *place = value;
    }
}
