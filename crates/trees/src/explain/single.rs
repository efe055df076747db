//! Attribution of one row: quadrature positions in the lanes of vectors.

use super::chunk::{Chunk, LANES, Pass, pool_position};
use super::decide::Plane;
use super::parts::sum;

/// Adds contributions of `row` of the tile to `parts`, by feature.
#[inline(always)]
pub(super) fn explain<const N: usize>(
    chunk: &Chunk,
    pass: &Pass,
    planes: &[Plane],
    row: usize,
    slots: &mut [f64],
    parts: &mut [[f64; LANES]],
) {
    let (slots, _) = slots.as_chunks_mut::<N>();
    let (pool, _) = pass.alpha_gamma.as_slice().as_chunks::<N>();
    let mut weights = [0.0; N];
    weights.copy_from_slice(&pass.weights[..N]);
    for root in &chunk.roots {
        slots[*root as usize] = weights;
    }
    go_down(chunk, pool, planes, row, slots);
    let leaves = &mut slots[chunk.splits.len() + chunk.pairs.len()..];
    for (slot, leaf) in leaves.iter_mut().zip(&chunk.leaves) {
        slot.copy_from_slice(&leaf[..N]);
    }
    end(chunk, pool, planes, row, slots, parts);
    go_up(chunk, pool, planes, row, slots, parts);
}

/// Whether the row is in the plane, 0 or 1.
#[inline(always)]
fn bit(planes: &[Plane], plane: u32, row: usize) -> usize {
    (planes[plane as usize][row] & 1) as usize
}

/// Multiplies factors along all ways, from the roots.
#[inline(always)]
fn go_down<const N: usize>(
    chunk: &Chunk,
    pool: &[[f64; N]],
    planes: &[Plane],
    row: usize,
    slots: &mut [[f64; N]],
) {
    for (at, split) in chunk.splits.iter().enumerate() {
        let way = &split.ways[bit(planes, split.right, row)];
        let alpha = &pool[pool_position(split.above, bit(planes, split.follows, row))];
        let (rest, ratio) = (way.rest, way.ratio);
        let product = slots[at];
        let (mut to_hot, mut to_cold) = ([0.0; N], [0.0; N]);
        for q in 0..N {
            let part = product[q] * alpha[q];
            to_hot[q] = product[q] - part * rest;
            to_cold[q] = part * ratio;
        }
        slots[way.down[0] as usize] = to_hot;
        slots[way.down[1] as usize] = to_cold;
    }
}

/// What splits with two leaves say and contribute.
#[inline(always)]
fn end<const N: usize>(
    chunk: &Chunk,
    pool: &[[f64; N]],
    planes: &[Plane],
    row: usize,
    slots: &mut [[f64; N]],
    parts: &mut [[f64; LANES]],
) {
    for (slot, pair) in slots[chunk.splits.len()..].iter_mut().zip(&chunk.pairs) {
        let hot = bit(planes, pair.right, row);
        let above = pool_position(pair.above, bit(planes, pair.follows, row));
        let (alpha, gamma) = (&pool[above], &pool[above + 1]);
        let (value, step) = (pair.value[hot], pair.step[hot]);
        let part = &mut parts[pair.feature as usize];
        let mut sums = [0.0; N];
        for q in 0..N {
            sums[q] = part[q] + slot[q] * gamma[q] * step;
        }
        part[..N].copy_from_slice(&sums);
        for q in 0..N {
            slot[q] = value - alpha[q] * step;
        }
    }
}

/// Adds leaves up along all ways, to the roots.
#[inline(always)]
fn go_up<const N: usize>(
    chunk: &Chunk,
    pool: &[[f64; N]],
    planes: &[Plane],
    row: usize,
    slots: &mut [[f64; N]],
    parts: &mut [[f64; LANES]],
) {
    for (at, split) in chunk.splits.iter().enumerate().rev() {
        let way = &split.ways[bit(planes, split.right, row)];
        let above = pool_position(split.above, bit(planes, split.follows, row));
        let (alpha, gamma) = (&pool[above], &pool[above + 1]);
        let (rest, ratio) = (way.rest, way.ratio);
        let of_hot = slots[way.up[0] as usize];
        let of_cold = slots[way.up[1] as usize];
        let product = slots[at];
        let part = &mut parts[split.feature as usize];
        let (mut value, mut sums) = ([0.0; N], [0.0; N]);
        for q in 0..N {
            let step = rest * of_hot[q] - ratio * of_cold[q];
            value[q] = of_hot[q] - alpha[q] * step;
            sums[q] = part[q] + product[q] * gamma[q] * step;
        }
        part[..N].copy_from_slice(&sums);
        slots[at] = value;
    }
}

/// Adds up parts, which are by row and feature like `out`.
#[inline(always)]
pub(super) fn total(parts: &[f64], out: &mut [f64]) {
    let (parts, _) = parts.as_chunks::<LANES>();
    for (out, parts) in out.iter_mut().zip(parts) {
        *out = sum(*parts);
    }
}
