//! Comparisons of lanes.

use std::cmp::Ordering;

use super::bits::{BITS, bits, each_bit};
use super::block::{Block, Evaluate};
use super::lanes::{LANES, Logic, empty_lanes};
use crate::node::Comparison;

/// Bit `i` is `values[i] op constant`.
pub(super) fn compare_constant<T: PartialOrd + Copy>(
    op: Comparison,
    values: &[T],
    constant: T,
) -> u64 {
    match op {
        Comparison::Equal => bits(values, |v| v == constant),
        Comparison::NotEqual => bits(values, |v| v != constant),
        Comparison::Less => bits(values, |v| v < constant),
        Comparison::LessEqual => bits(values, |v| v <= constant),
        Comparison::Greater => bits(values, |v| v > constant),
        Comparison::GreaterEqual => bits(values, |v| v >= constant),
    }
}

/// Bit `i` is `l[i] op r[i]`.
pub(super) fn compare_lanes<T: PartialOrd + Copy>(op: Comparison, l: &[T], r: &[T]) -> u64 {
    #[inline(always)]
    fn pairs<T: Copy>(l: &[T], r: &[T], test: impl Fn(&T, &T) -> bool) -> u64 {
        let mut word = 0;
        for ((l, r), bit) in l.iter().zip(r).zip(&BITS) {
            word |= if test(l, r) { *bit } else { 0 };
        }
        word
    }
    match op {
        Comparison::Equal => pairs(l, r, T::eq),
        Comparison::NotEqual => pairs(l, r, T::ne),
        Comparison::Less => pairs(l, r, T::lt),
        Comparison::LessEqual => pairs(l, r, T::le),
        Comparison::Greater => pairs(l, r, T::gt),
        Comparison::GreaterEqual => pairs(l, r, T::ge),
    }
}

/// Bit `i` is `l[i] op r[i]`, by an order of pairs.
fn compare_pairs<L: Copy, R: Copy>(
    op: Comparison,
    known: u64,
    l: &[L; LANES],
    r: &[R; LANES],
    order: impl Fn(L, R) -> Option<Ordering>,
) -> u64 {
    let mut truth = 0;
    each_bit(known, |lane| {
        let order = order(l[lane], r[lane]);
        let holds = match op {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::NotEqual => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessEqual => order.is_some_and(Ordering::is_le),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::GreaterEqual => order.is_some_and(Ordering::is_ge),
        };
        truth |= u64::from(holds) << lane;
    });
    truth
}

pub(super) fn compare_nodes<'a, L: Evaluate, R: Evaluate>(
    op: Comparison,
    (l, r): (&'a L, &'a R),
    block: &Block<'a>,
    order: impl Fn(L::Item<'a>, R::Item<'a>) -> Option<Ordering>,
) -> Logic {
    let (mut left, mut right) = (empty_lanes(), empty_lanes());
    let mut known = l.evaluate(block, &mut left);
    if known != 0 {
        known &= r.evaluate(block, &mut right);
    }
    Logic {
        truth: compare_pairs(op, known, &left, &right, order),
        known,
    }
}

/// An integer against a double that is not NaN, by exact value.
pub(crate) fn compare_exact(int: i64, float: f64) -> Ordering {
    // Both bounds are powers of two, hence exact doubles.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if float >= END {
        return Ordering::Less;
    }
    if float < -END {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    int.cmp(&(whole as i64))
        .then_with(|| 0.0_f64.total_cmp(&(float - whole + 0.0)))
}
