//! Attribution of rows by the chunks of a forest.

use super::aligned::Aligned;
use super::chunk::{Chunk, LANES, LANES_FEW, Pass};
use super::decide::{TILE_ROWS, Tile};
use super::{ExplainScratch, Explainer};
use crate::forest::Precision;
use crate::simd::Kernel;

/// Contributions of `rows` rows.
pub(super) struct Contributions<'a> {
    pub explainer: &'a Explainer,
    pub columns: &'a [&'a [f64]],
    pub rows: usize,
    pub out: &'a mut [f64],
    pub scratch: &'a mut ExplainScratch,
}

/// Intermediate results.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub tile: Tile,
    pub planes: Vec<u8>,
    pub codes: Vec<[u8; TILE_ROWS]>,
    /// Per slot, the product of the factors above it.
    pub products: Aligned,
    /// Per slot, what it says; see the method in the parent's documentation.
    pub values: Aligned,
    /// Per row of the tile and feature, the contribution in [`LANES`] parts.
    pub parts: Aligned,
}

impl Kernel for Contributions<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let features = self.explainer.features;
        let buffers = &mut self.scratch.0;
        buffers.tile.resize(features);
        let mut first = 0;
        while first < self.rows {
            let count = (self.rows - first).min(TILE_ROWS);
            match self.explainer.input {
                Precision::Single => {
                    let round = |value| Precision::Single.round(value);
                    buffers.tile.load(self.columns, first, count, round);
                }
                Precision::Double => {
                    buffers.tile.load(self.columns, first, count, |value| value);
                }
            }
            buffers.parts.resize(TILE_ROWS * features * LANES);
            buffers.parts.as_mut_slice()[..count * features * LANES].fill(0.0);
            for chunk in &self.explainer.chunks {
                explain_tile(chunk, count, features, buffers);
            }
            let (parts, _) = buffers.parts.as_slice().as_chunks::<LANES>();
            let out = &mut self.out[first * features..][..count * features];
            for (out, parts) in out.iter_mut().zip(parts) {
                *out = total(parts) / self.explainer.divisor;
            }
            first += count;
        }
    }
}

/// Adds what the trees of `chunk` contribute for the first `count` rows of the tile.
#[inline(always)]
fn explain_tile(chunk: &Chunk, count: usize, features: usize, buffers: &mut Buffers) {
    let decisions = &chunk.decisions;
    buffers.planes.resize(decisions.planes(), 0);
    buffers.codes.resize(decisions.codes(), [0; TILE_ROWS]);
    let codes = &mut buffers.codes[..];
    match count {
        1 => decisions.decide::<1>(&buffers.tile, &mut buffers.planes, codes),
        _ => decisions.decide::<TILE_ROWS>(&buffers.tile, &mut buffers.planes, codes),
    }
    let slots = codes.len() + chunk.leaves.len();
    buffers.products.resize(slots * LANES);
    buffers.values.resize(slots * LANES);
    for pass in &chunk.passes {
        match pass.lanes {
            LANES_FEW => explain_pass::<LANES_FEW>(chunk, pass, count, features, buffers),
            _ => explain_pass::<LANES>(chunk, pass, count, features, buffers),
        }
    }
}

#[inline(always)]
fn explain_pass<const N: usize>(
    chunk: &Chunk,
    pass: &Pass,
    count: usize,
    features: usize,
    buffers: &mut Buffers,
) {
    let (products, _) = buffers.products.as_mut_slice().as_chunks_mut::<N>();
    let (values, _) = buffers.values.as_mut_slice().as_chunks_mut::<N>();
    let (parts, _) = buffers.parts.as_mut_slice().as_chunks_mut::<LANES>();
    let ops = chunk.decisions.codes();
    for (value, leaf) in values[ops..].iter_mut().zip(&chunk.leaves) {
        *value = [*leaf; N];
    }
    let mut weights = [0.0; N];
    weights.copy_from_slice(&pass.weights[..N]);
    for row in 0..count {
        for root in &chunk.roots {
            products[*root as usize] = weights;
        }
        let codes = &buffers.codes[..ops];
        let parts = &mut parts[row * features..][..features];
        go_down(chunk, pass, codes, row, products);
        look_up(chunk, pass, codes, row, products, values, parts);
        go_up(chunk, pass, codes, row, products, values, parts);
    }
}

/// Multiplies factors along all ways, from the roots.
#[inline(always)]
fn go_down<const N: usize>(
    chunk: &Chunk,
    pass: &Pass,
    codes: &[[u8; TILE_ROWS]],
    row: usize,
    products: &mut [[f64; N]],
) {
    let (pool, _) = pass.alpha_gamma.as_slice().as_chunks::<N>();
    for (slot, (split, code)) in chunk.splits.iter().zip(codes).enumerate() {
        let code = usize::from(code[row]);
        let (hot, cold) = (code & 1, code & 1 ^ 1);
        let alpha = &pool[2 * split.above as usize * (code >> 1 & 1)];
        let (rest, ratio) = (split.rest[hot], split.ratio[cold]);
        let product = products[slot];
        let (mut to_hot, mut to_cold) = ([0.0; N], [0.0; N]);
        for q in 0..N {
            let part = product[q] * alpha[q];
            to_hot[q] = product[q] - part * rest;
            to_cold[q] = part * ratio;
        }
        products[split.children[hot] as usize] = to_hot;
        products[split.children[cold] as usize] = to_cold;
    }
}

/// Reads what fringes say and contribute.
#[inline(always)]
fn look_up<const N: usize>(
    chunk: &Chunk,
    pass: &Pass,
    codes: &[[u8; TILE_ROWS]],
    row: usize,
    products: &[[f64; N]],
    values: &mut [[f64; N]],
    parts: &mut [[f64; LANES]],
) {
    let splits = chunk.splits.len();
    let [one, two, three] = chunk.fringe_ends;
    let mut tables = Tables {
        chunk,
        table: pass.table.as_slice().as_chunks::<N>().0,
        codes: &codes[splits..],
        row,
        products: &products[splits..],
        values: &mut values[splits..],
        parts,
    };
    tables.look_up::<1, 2>(0, one);
    tables.look_up::<2, 3>(one, two);
    tables.look_up::<3, 4>(two, three);
}

struct Tables<'a, const N: usize> {
    chunk: &'a Chunk,
    table: &'a [[f64; N]],
    codes: &'a [[u8; TILE_ROWS]],
    row: usize,
    products: &'a [[f64; N]],
    values: &'a mut [[f64; N]],
    parts: &'a mut [[f64; LANES]],
}

impl<const N: usize> Tables<'_, N> {
    /// Looks up fringes `from` to `to`, which have `FEATURES` features, one less than an entry has
    /// groups of lanes.
    #[inline(always)]
    fn look_up<const FEATURES: usize, const GROUPS: usize>(&mut self, from: usize, to: usize) {
        let fringes = &self.chunk.fringes[from..to];
        let slots = self.codes[from..to].iter().zip(&self.products[from..to]);
        let values = &mut self.values[from..to];
        for ((fringe, (code, product)), value) in fringes.iter().zip(slots).zip(values) {
            let code = usize::from(code[self.row]);
            let at = fringe.first as usize + code * GROUPS;
            let Some(entry) = self.table[at..].first_chunk::<GROUPS>() else {
                debug_assert!(false, "a fringe without its entry");
                return;
            };
            *value = entry[0];
            for i in 0..FEATURES {
                let part = &mut self.parts[fringe.features[i] as usize];
                for q in 0..N {
                    part[q] += product[q] * entry[1 + i][q];
                }
            }
        }
    }
}

/// Adds leaves up along all ways, to the roots.
#[inline(always)]
fn go_up<const N: usize>(
    chunk: &Chunk,
    pass: &Pass,
    codes: &[[u8; TILE_ROWS]],
    row: usize,
    products: &[[f64; N]],
    values: &mut [[f64; N]],
    parts: &mut [[f64; LANES]],
) {
    let (pool, _) = pass.alpha_gamma.as_slice().as_chunks::<N>();
    for (slot, (split, code)) in chunk.splits.iter().zip(codes).enumerate().rev() {
        let code = usize::from(code[row]);
        let (hot, cold) = (code & 1, code & 1 ^ 1);
        let above = 2 * split.above as usize * (code >> 1 & 1);
        let (alpha, gamma) = (&pool[above], &pool[above + 1]);
        let (rest, ratio) = (split.rest[hot], split.ratio[cold]);
        let of_hot = values[split.children[hot] as usize];
        let of_cold = values[split.children[cold] as usize];
        let product = &products[slot];
        let part = &mut parts[split.feature as usize];
        let mut value = [0.0; N];
        for q in 0..N {
            let step = rest * of_hot[q] - ratio * of_cold[q];
            value[q] = of_hot[q] - alpha[q] * step;
            part[q] += product[q] * gamma[q] * step;
        }
        values[slot] = value;
    }
}

/// The sum of all parts.
#[inline(always)]
fn total(parts: &[f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = parts;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
