//! Attribution of all rows of a tile together: rows in the lanes of vectors.
//!
//! Every row takes the operations of [`single`](super::single) in the same order. What is left out there
//! or here changes no bit: factors of 1, sums with 0, and lanes of weight 0.

use super::chunk::{ABOVE_NONE, Chunk, LANES, Pair, Pass, Split};
use super::decide::{Plane, TILE_ROWS};
use super::parts::sum;

/// One number per row.
type Rows = [f64; TILE_ROWS];

/// Adds contributions to `parts`, by feature and part, with the first `Q` quadrature positions of a pass.
#[inline(always)]
pub(super) fn explain<const Q: usize>(
    chunk: &Chunk,
    pass: &Pass,
    planes: &[Plane],
    slots: &mut [f64],
    parts: &mut [[Rows; LANES]],
) {
    let (slots, _) = slots.as_chunks_mut::<TILE_ROWS>();
    let (slots, _) = slots.as_chunks_mut::<Q>();
    let mut weights = [[0.0; TILE_ROWS]; Q];
    for (of_rows, weight) in weights.iter_mut().zip(pass.weights) {
        *of_rows = [weight; TILE_ROWS];
    }
    for root in &chunk.roots {
        slots[*root as usize] = weights;
    }
    let pool = Pool {
        numbers: pass.alpha_gamma.as_slice(),
        lanes: pass.lanes,
    };
    let leaf_slots = chunk.splits.len() + chunk.pairs.len();
    for (at, split) in chunk.splits.iter().enumerate() {
        go_down(at, split, &pool, planes, slots, leaf_slots);
    }
    for (slot, pair) in slots[chunk.splits.len()..].iter_mut().zip(&chunk.pairs) {
        end(pair, &pool, planes, slot, &mut parts[pair.feature as usize]);
    }
    for (at, split) in chunk.splits.iter().enumerate().rev() {
        // What is below comes after.
        let (slot, after) = slots[at..].split_at_mut(1);
        let (Some(slot), [left, right]) = (slot.first_mut(), split.ways[0].up) else {
            return;
        };
        let (left, right) = (left as usize, right as usize);
        let terms = Terms::new(split.above, split.follows, &pool, planes);
        let part = &mut parts[split.feature as usize];
        let plane = &planes[split.right as usize];
        let leaf = |slot: usize| Same(&chunk.leaves[slot - leaf_slots]);
        let each = |slot: usize| Each(&after[slot - at - 1]);
        match (left < leaf_slots, right < leaf_slots) {
            (true, true) => go_up(split, &terms, plane, &each(left), &each(right), slot, part),
            (true, false) => go_up(split, &terms, plane, &each(left), &leaf(right), slot, part),
            (false, _) => go_up(split, &terms, plane, &leaf(left), &each(right), slot, part),
        }
    }
}

/// α and γ of all branches.
struct Pool<'a> {
    numbers: &'a [f64],
    lanes: usize,
}

/// α and γ at a node.
struct Terms<'a, const Q: usize> {
    alpha: &'a [f64; Q],
    gamma: &'a [f64; Q],
    /// Rows that follow the branches above. For the others α is 1 and γ is 0.
    follows: &'a Plane,
    /// Whether there are such branches. If not, γ is 1.
    repeats: bool,
}

impl<'a, const Q: usize> Terms<'a, Q> {
    #[inline(always)]
    fn new(above: u32, follows: u32, pool: &Pool<'a>, planes: &'a [Plane]) -> Self {
        let numbers = &pool.numbers[2 * above as usize * pool.lanes..];
        let at = |from: usize| numbers[from..].first_chunk::<Q>().unwrap_or(&[0.0; Q]);
        Self {
            alpha: at(0),
            gamma: at(pool.lanes),
            follows: &planes[follows as usize],
            repeats: above != ABOVE_NONE,
        }
    }

    #[inline(always)]
    fn alpha(&self, q: usize) -> Rows {
        match self.repeats {
            true => pick(self.follows, self.alpha[q], 1.0),
            false => [self.alpha[q]; TILE_ROWS],
        }
    }

    /// The product of γ and `product`.
    #[inline(always)]
    fn gamma_times(&self, q: usize, product: &Rows) -> Rows {
        let mut out = *product;
        if self.repeats {
            let gamma = pick(self.follows, self.gamma[q], 0.0);
            for row in 0..TILE_ROWS {
                out[row] *= gamma[row];
            }
        }
        out
    }
}

/// Multiplies factors from a split to those below.
#[inline(always)]
fn go_down<const Q: usize>(
    at: usize,
    split: &Split,
    pool: &Pool,
    planes: &[Plane],
    slots: &mut [[Rows; Q]],
    leaf_slots: usize,
) {
    let terms = Terms::<Q>::new(split.above, split.follows, pool, planes);
    let right = &planes[split.right as usize];
    let [to_left, to_right] = &split.ways;
    let product = slots[at];
    // Where a row takes a branch, the product less α times the rest; where it does not, 0 plus α times
    // the ratio.
    if (split.ways[0].up[0] as usize) < leaf_slots {
        let factor = pick(right, -to_right.ratio, to_left.rest);
        let to = &mut slots[to_left.down[0] as usize];
        for q in 0..Q {
            let alpha = terms.alpha(q);
            let mut out = [0.0; TILE_ROWS];
            for row in 0..TILE_ROWS {
                let taken = f64::from_bits(product[q][row].to_bits() & !right[row]);
                out[row] = taken - product[q][row] * alpha[row] * factor[row];
            }
            to[q] = out;
        }
    }
    if (split.ways[0].up[1] as usize) < leaf_slots {
        let factor = pick(right, to_right.rest, -to_left.ratio);
        let to = &mut slots[to_left.down[1] as usize];
        for q in 0..Q {
            let alpha = terms.alpha(q);
            let mut out = [0.0; TILE_ROWS];
            for row in 0..TILE_ROWS {
                let taken = f64::from_bits(product[q][row].to_bits() & right[row]);
                out[row] = taken - product[q][row] * alpha[row] * factor[row];
            }
            to[q] = out;
        }
    }
}

/// What a split with two leaves says and contributes.
#[inline(always)]
fn end<const Q: usize>(
    pair: &Pair,
    pool: &Pool,
    planes: &[Plane],
    slot: &mut [Rows; Q],
    parts: &mut [Rows; LANES],
) {
    let terms = Terms::<Q>::new(pair.above, pair.follows, pool, planes);
    let right = &planes[pair.right as usize];
    let value = pick(right, pair.value[1], pair.value[0]);
    let step = pick(right, pair.step[1], pair.step[0]);
    for q in 0..Q {
        let alpha = terms.alpha(q);
        let product = terms.gamma_times(q, &slot[q]);
        let (mut sums, mut values) = ([0.0; TILE_ROWS], [0.0; TILE_ROWS]);
        for row in 0..TILE_ROWS {
            sums[row] = parts[q][row] + product[row] * step[row];
            values[row] = value[row] - alpha[row] * step[row];
        }
        parts[q] = sums;
        slot[q] = values;
    }
}

/// What is below a branch, by quadrature position.
trait Values {
    fn at(&self, q: usize) -> &Rows;
}

/// A split.
struct Each<'a, const Q: usize>(&'a [Rows; Q]);

/// A leaf.
struct Same<'a>(&'a Rows);

impl<const Q: usize> Values for Each<'_, Q> {
    #[inline(always)]
    fn at(&self, q: usize) -> &Rows {
        &self.0[q]
    }
}

impl Values for Same<'_> {
    #[inline(always)]
    fn at(&self, _: usize) -> &Rows {
        self.0
    }
}

/// Adds what is below a split.
#[inline(always)]
fn go_up<const Q: usize>(
    split: &Split,
    terms: &Terms<Q>,
    right: &Plane,
    left_values: &impl Values,
    right_values: &impl Values,
    slot: &mut [Rows; Q],
    parts: &mut [Rows; LANES],
) {
    // T of the method is the sum of these times the values left and right.
    let [to_left, to_right] = &split.ways;
    let of_left = pick(right, -to_right.ratio, to_left.rest);
    let of_right = pick(right, to_right.rest, -to_left.ratio);
    for q in 0..Q {
        let (l, r) = (left_values.at(q), right_values.at(q));
        let alpha = terms.alpha(q);
        let product = terms.gamma_times(q, &slot[q]);
        let (mut sums, mut values) = ([0.0; TILE_ROWS], [0.0; TILE_ROWS]);
        for row in 0..TILE_ROWS {
            let step = of_left[row] * l[row] + of_right[row] * r[row];
            let hot = select(right[row], r[row], l[row]);
            values[row] = hot - alpha[row] * step;
            sums[row] = parts[q][row] + product[row] * step;
        }
        parts[q] = sums;
        slot[q] = values;
    }
}

/// `yes` if all bits of `mask` are set, `no` if none is.
#[inline(always)]
fn select(mask: u64, yes: f64, no: f64) -> f64 {
    f64::from_bits((yes.to_bits() & mask) | (no.to_bits() & !mask))
}

#[inline(always)]
fn pick(mask: &Plane, yes: f64, no: f64) -> Rows {
    let mut picked = [0.0; TILE_ROWS];
    for row in 0..TILE_ROWS {
        picked[row] = select(mask[row], yes, no);
    }
    picked
}

/// Adds up parts, which are by feature, part and row, to numbers by row and feature.
#[inline(always)]
pub(super) fn total(parts: &[f64], features: usize, out: &mut [f64]) {
    let (parts, _) = parts.as_chunks::<TILE_ROWS>();
    for (feature, parts) in parts.chunks_exact(LANES).take(features).enumerate() {
        for (row, out) in out.chunks_exact_mut(features).enumerate() {
            let mut of_row = [0.0; LANES];
            for (of_row, part) in of_row.iter_mut().zip(parts) {
                *of_row = part[row];
            }
            out[feature] = sum(of_row);
        }
    }
}
