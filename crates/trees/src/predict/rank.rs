//! How many bounds of a feature a value lies above.
//!
//! Bounds are doubles, and searching singles costs half. For a double `x` let `up(x)` be the least
//! single not below it and `down(x)` the greatest not above it.
//!
//! *`x ≤ t` and `up(x) ≤ down(t)` say the same, unless `x` and `t` are no singles and
//! `down(x) = down(t)`.* From `up(x) ≤ down(t)` follows `x ≤ up(x) ≤ down(t) ≤ t`. Conversely let
//! `x ≤ t` and `down(t) < up(x)`. Then `down(x) ≤ down(t) < up(x)`, and no single lies strictly between
//! `down(x)` and `up(x)`: so `down(t) = down(x) ≠ up(x)`, and `x` is no single. Were `t` a single, then
//! `t = down(t) = down(x) < x`. ∎
//!
//! So singles are searched for `up(x)`. Where the greatest bound found below it is `down(x)` and `x` is
//! no single, that one row is searched among the doubles. A feature whose bounds lie so dense that this
//! would happen often is searched among the doubles throughout. Where the model rounds values to
//! singles itself, `x` is a single, and nothing is left to check.

use crate::forest::Precision;

/// The rank of a missing value.
pub(super) const MISSING: u32 = u32::MAX;

/// Rows ranked in lockstep: searches wait for memory, and sixteen of them overlap.
pub(super) const LANES: usize = 16;

/// Singles per bound between the first and the last bound; with fewer, values share singles with
/// bounds often.
const SINGLES_PER_BOUND_MIN: u64 = 64;

/// The bounds of a feature.
#[derive(Debug)]
pub(super) struct Ranking {
    /// Ascending, distinct, no NaN; padded with infinity, which nothing lies above, to a power of two
    /// and at least one more than there are bounds.
    doubles: Vec<f64>,
    /// `down` of each.
    singles: Vec<f32>,
    method: Method,
}

/// How bounds are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// Among singles for the nearest single, which the model asks for.
    Nearest,
    /// Among singles for `up(x)`; no bound needs a check.
    Up,
    /// Among singles for `up(x)`, with the check.
    UpChecked,
    /// Among doubles.
    Double,
}

impl Ranking {
    /// A ranking by `bounds`, which are ascending and distinct, have no NaN and are singles if `input` is.
    pub(super) fn new(mut bounds: Vec<f64>, input: Precision) -> Self {
        let size = (bounds.len() + 1).next_power_of_two();
        let singles: Vec<f32> = bounds.iter().map(|bound| down(*bound)).collect();
        let inexact = |(single, double): (&f32, &f64)| f64::from(*single) != *double;
        let method = match (input, singles.first(), singles.last()) {
            (Precision::Single, _, _) => Method::Nearest,
            (_, Some(first), Some(last)) if singles.iter().zip(&bounds).any(inexact) => {
                let needed = singles.len() as u64 * SINGLES_PER_BOUND_MIN;
                if order(*last) - order(*first) < needed {
                    Method::Double
                } else {
                    Method::UpChecked
                }
            }
            _ => Method::Up,
        };
        let mut singles = singles;
        singles.resize(size, f32::INFINITY);
        bounds.resize(size, f64::INFINITY);
        Self {
            doubles: bounds,
            singles,
            method,
        }
    }

    /// Writes how many bounds each value lies above, [`MISSING`] for NaN. Both slices are as long, a
    /// multiple of [`LANES`].
    #[inline(always)]
    pub(super) fn rank(&self, values: &[f64], ranks: &mut [u32]) {
        let values = values.as_chunks::<LANES>().0;
        let ranks = ranks.as_chunks_mut::<LANES>().0;
        for (values, ranks) in values.iter().zip(ranks) {
            match self.method {
                Method::Nearest => {
                    *ranks = search(&self.singles, &each(values, |value| value as f32));
                }
                Method::Up => *ranks = search(&self.singles, &each(values, up)),
                Method::UpChecked => {
                    let ups = each(values, up);
                    *ranks = search(&self.singles, &ups);
                    self.check(values, &ups, ranks);
                }
                Method::Double => *ranks = search(&self.doubles, values),
            }
            for (rank, value) in ranks.iter_mut().zip(values) {
                *rank = if value.is_nan() { MISSING } else { *rank };
            }
        }
    }

    /// Searches again the values that share their place between two singles with a bound.
    #[inline(always)]
    fn check(&self, values: &[f64; LANES], ups: &[f32; LANES], ranks: &mut [u32; LANES]) {
        let mut doubtful = 0_u32;
        for lane in 0..LANES {
            let inexact = f64::from(ups[lane]) > values[lane];
            // Without a bound below, this is the least one, which is not below and so not `down(x)`.
            let below = self.singles[(ranks[lane] as usize).saturating_sub(1)];
            doubtful |= u32::from(inexact & (below == ups[lane].next_down())) << lane;
        }
        self.search_again(values, doubtful, ranks);
    }

    /// Searches the lanes of `doubtful` among the doubles.
    fn search_again(&self, values: &[f64; LANES], mut doubtful: u32, ranks: &mut [u32; LANES]) {
        while doubtful != 0 {
            let lane = doubtful.trailing_zeros() as usize;
            ranks[lane] = search(&self.doubles, &[values[lane]])[0];
            doubtful &= doubtful - 1;
        }
    }
}

/// As `map` of arrays, which is not inlined where it matters.
#[inline(always)]
fn each(values: &[f64; LANES], of: impl Fn(f64) -> f32) -> [f32; LANES] {
    let mut singles = [0.0; LANES];
    for (single, value) in singles.iter_mut().zip(values) {
        *single = of(*value);
    }
    singles
}

/// The greatest single that is not above `value`.
pub(super) fn down(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) > value {
        nearest.next_down()
    } else {
        nearest
    }
}

/// The least single that is not below `value`.
#[inline(always)]
fn up(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) < value {
        nearest.next_up()
    } else {
        nearest
    }
}

/// A number by which singles, infinities among them, are in order and neighbours differ by one.
fn order(value: f32) -> u64 {
    let bits = i64::from(value.to_bits() & 0x7fff_ffff);
    let signed = if value.is_sign_negative() {
        -bits
    } else {
        bits
    };
    (signed + (1 << 32)).cast_unsigned()
}

/// How many of `sorted`, a power of two with infinity at its end, lie below each value.
#[inline(always)]
fn search<T: Copy + PartialOrd, const N: usize>(sorted: &[T], values: &[T; N]) -> [u32; N] {
    let mask = sorted.len().wrapping_sub(1);
    let mut ranks = [0_u32; N];
    let mut half = sorted.len() / 2;
    while half > 0 {
        for lane in 0..N {
            // The mask changes nothing, and tells the compiler that the index is in bounds.
            let bound = sorted[(ranks[lane] as usize + half - 1) & mask];
            ranks[lane] += if values[lane] > bound { half as u32 } else { 0 };
        }
        half /= 2;
    }
    ranks
}
