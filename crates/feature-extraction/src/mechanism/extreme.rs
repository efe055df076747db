//! The smallest and largest value of a window.
//!
//! A [`Queue`](crate::structures::Queue) answers for a record in order; for one that is not, a look at each
//! of its rows, where the answer of the queue is newer than its window. Space, shared by all windows of the
//! same values and delay: that of the queue, none per record.

use crate::plan::{ExtremeSpec, ExtremeValue, Plan};
use crate::state::History;
use crate::words::get64;

impl ExtremeSpec {
    /// Rank of what a record contributes by itself, if it counts.
    #[inline]
    pub(crate) fn rank_of(&self, delta: &[u32]) -> Option<i64> {
        match self.value {
            ExtremeValue::Integer { sum, count } => {
                (delta[count] != 0).then(|| self.rank(get64(delta, sum).cast_signed()))
            }
            ExtremeValue::Float { raw } => self.rank_of_float(f64::from_bits(get64(delta, raw))),
        }
    }

    /// Rank of a kept record, if it counts.
    pub(crate) fn rank_at(&self, plan: &Plan, history: &History, row: u32) -> Option<i64> {
        let this = history.row(plan, row);
        match self.value {
            ExtremeValue::Integer { sum, count } => {
                let next = history.row(plan, row + 1);
                let value = get64(next, sum).wrapping_sub(get64(this, sum));
                (next[count] != this[count]).then(|| self.rank(value.cast_signed()))
            }
            ExtremeValue::Float { raw } => self.rank_of_float(f64::from_bits(get64(this, raw))),
        }
    }

    /// Highest rank of the rows, by looking at each.
    pub(crate) fn scan(
        &self,
        plan: &Plan,
        history: &History,
        rows: std::ops::Range<u32>,
    ) -> Option<i64> {
        rows.filter_map(|row| self.rank_at(plan, history, row))
            .max()
    }

    /// The value that has `rank`.
    #[inline]
    pub(crate) fn value(&self, rank: i64) -> f64 {
        let ordered = if self.smallest { !rank } else { rank };
        match self.value {
            ExtremeValue::Integer { .. } => ordered as f64,
            ExtremeValue::Float { .. } => f64::from_bits(total_order(ordered).cast_unsigned()),
        }
    }

    fn rank_of_float(&self, value: f64) -> Option<i64> {
        (!value.is_nan()).then(|| self.rank(total_order(value.to_bits().cast_signed())))
    }

    /// Complement turns the order round without overflow.
    #[inline]
    fn rank(&self, ordered: i64) -> i64 {
        if self.smallest { !ordered } else { ordered }
    }
}

/// Makes the bits of floats compare as integers, as `f64::total_cmp` does; its own inverse.
fn total_order(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_keep_their_order() {
        let ranks: Vec<i64> = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 2.0, f64::INFINITY]
            .iter()
            .map(|value| total_order(value.to_bits().cast_signed()))
            .collect();
        assert!(ranks.is_sorted());
        assert_eq!(total_order(ranks[1]), (-1.5f64).to_bits().cast_signed());
    }
}
