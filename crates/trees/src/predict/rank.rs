//! How many bounds of a feature a value lies above.
//!
//! Bounds are doubles, and vectors hold twice as many singles. For a double `x` let `up(x)` be the least
//! single not below it and `down(x)` the greatest not above it.
//!
//! *`x ≤ t` and `up(x) ≤ down(t)` say the same, unless `x` and `t` are no singles and
//! `down(x) = down(t)`.* From `up(x) ≤ down(t)` follows `x ≤ up(x) ≤ down(t) ≤ t`. Conversely let
//! `x ≤ t` and `down(t) < up(x)`. Then `down(x) ≤ down(t) < up(x)`, and no single lies strictly between
//! `down(x)` and `up(x)`: so `down(t) = down(x) ≠ up(x)`, and `x` is no single. Were `t` a single, then
//! `t = down(t) = down(x) < x`. ∎
//!
//! So [`Tables`] are searched for `up(x)`; where the greatest bound found below it is `down(x)`, that
//! row is searched among the doubles. (For an `x` that is a single this cannot happen: what is below
//! `up(x)` is below `down(x)` then.) A feature whose bounds lie so dense that it would happen often is
//! searched among the doubles throughout. Where the model rounds values to singles itself, they are
//! singles, and nothing is left to check.

use crate::forest::Precision;

/// The rank of a missing value.
pub(super) const MISSING: u32 = u32::MAX;

/// Rows whose ranks a vector holds.
pub(super) const LANES: usize = 16;

/// Searches in lockstep: each waits for memory, and the others pass meanwhile. What they need fits
/// into registers.
const SEARCHES: usize = 8;

/// Singles per bound between the first and the last bound; with fewer, values share singles with
/// bounds often.
const SINGLES_PER_BOUND_MIN: u64 = 64;

/// The bounds of a feature.
#[derive(Debug)]
pub(super) struct Ranking {
    /// Ascending, distinct, no NaN; padded with infinity, which nothing lies above, to a power of two
    /// and at least one more than there are bounds.
    doubles: Vec<f64>,
    /// `down` of each, where values are rounded to singles; those are searched then.
    singles: Vec<f32>,
    tables: Option<Tables>,
}

/// Bounds in tables of 32, which a pair of registers holds and one instruction looks up.
#[derive(Debug)]
pub(super) struct Tables {
    /// Whether values are rounded to the nearest single; otherwise up.
    pub(super) nearest: bool,
    /// Bounds are in 32 groups of `1 << levels`, the last of each of which is its pivot.
    pub(super) levels: usize,
    /// Pivots: entry `g` is that of group `g - 1`.
    pub(super) pivots: [f32; 32],
    /// The rest of each group, which entry `g` has of group `g`, as a balanced search tree: its root,
    /// the two nodes below, the four below those.
    pub(super) nodes: [[f32; 32]; NODES],
}

/// Search nodes of a group at most.
pub(super) const NODES: usize = 7;

/// Levels of search nodes in a group at most.
const LEVELS_MAX: usize = 3;

impl Ranking {
    /// A ranking by `bounds`, which are ascending and distinct, have no NaN and are singles if `input` is.
    pub(super) fn new(mut bounds: Vec<f64>, input: Precision) -> Self {
        let size = (bounds.len() + 1).next_power_of_two();
        let tables = Tables::new(&bounds, input);
        let mut singles = Vec::new();
        if input == Precision::Single {
            singles.extend(bounds.iter().map(|bound| down(*bound)));
            singles.resize(size, f32::INFINITY);
        }
        bounds.resize(size, f64::INFINITY);
        Self {
            doubles: bounds,
            singles,
            tables,
        }
    }

    /// The bounds as tables, where there are few enough and these are fit to be searched.
    pub(super) fn tables(&self) -> Option<&Tables> {
        self.tables.as_ref()
    }

    /// Writes how many bounds each value lies above, [`MISSING`] for NaN. Both slices are as long, a
    /// multiple of [`SEARCHES`].
    #[inline(always)]
    pub(super) fn rank(&self, values: &[f64], ranks: &mut [u32]) {
        let values = values.as_chunks::<SEARCHES>().0;
        let ranks = ranks.as_chunks_mut::<SEARCHES>().0;
        for (values, ranks) in values.iter().zip(ranks) {
            if self.singles.is_empty() {
                *ranks = search(&self.doubles, values);
            } else {
                let mut singles = [0.0; SEARCHES];
                for (single, value) in singles.iter_mut().zip(values) {
                    *single = *value as f32;
                }
                *ranks = search(&self.singles, &singles);
            }
            for (rank, value) in ranks.iter_mut().zip(values) {
                *rank = if value.is_nan() { MISSING } else { *rank };
            }
        }
    }

    /// How many bounds a value that is not rounded and not NaN lies above.
    pub(super) fn rank_double(&self, value: f64) -> u32 {
        search(&self.doubles, &[value])[0]
    }
}

impl Tables {
    fn new(bounds: &[f64], input: Precision) -> Option<Self> {
        let levels = (0..=LEVELS_MAX).find(|levels| bounds.len() < 32 << levels)?;
        let singles: Vec<f32> = bounds.iter().map(|bound| down(*bound)).collect();
        let nearest = input == Precision::Single;
        if let (false, Some(first), Some(last)) = (nearest, singles.first(), singles.last()) {
            let are_singles = singles.iter().zip(bounds).all(|(s, b)| f64::from(*s) == *b);
            let needed = singles.len() as u64 * SINGLES_PER_BOUND_MIN;
            if !are_singles && order(*last) - order(*first) < needed {
                return None;
            }
        }
        let size = 1 << levels;
        let bound = |index: usize| singles.get(index).copied().unwrap_or(f32::INFINITY);
        let mut tables = Self {
            nearest,
            levels,
            pivots: [f32::INFINITY; 32],
            nodes: [[f32::INFINITY; 32]; NODES],
        };
        for group in 0..32 {
            if group > 0 {
                tables.pivots[group] = bound(group * size - 1);
            }
            for level in 0..levels {
                let step = size >> level;
                for place in 0..1 << level {
                    let node = (1 << level) - 1 + place;
                    tables.nodes[node][group] = bound(group * size + place * step + step / 2 - 1);
                }
            }
        }
        Some(tables)
    }
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
    let mut ranks = [0_usize; N];
    for level in (0..sorted.len().trailing_zeros()).rev() {
        for (rank, value) in ranks.iter_mut().zip(values) {
            // The mask changes nothing, and tells the compiler that the index is in bounds.
            let bound = sorted[(*rank + (1 << level) - 1) & mask];
            // Not a branch: it would follow no pattern.
            *rank += usize::from(*value > bound) << level;
        }
    }
    let mut narrow = [0; N];
    for (narrow, rank) in narrow.iter_mut().zip(ranks) {
        *narrow = rank as u32;
    }
    narrow
}
