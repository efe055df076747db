//! Attribution of rows by the chunks of a forest.

use super::aligned::Aligned;
use super::chunk::{Chunk, LANES, LANES_FEW};
use super::decide::{Plane, TILE_ROWS, Tile};
use super::{row_lanes, single};
use crate::forest::Precision;
use crate::instructions::Kernel;

/// Fewer rows than this are explained one by one, with quadrature positions in the lanes of vectors;
/// more of them together, with rows in the lanes. Both give the same bits.
const ROWS_TOGETHER: usize = 3;

/// Contributions of `rows` rows.
pub(super) struct Contributions<'a> {
    pub chunks: &'a [Chunk],
    pub features: usize,
    pub input: Precision,
    pub divisor: f64,
    pub columns: &'a [&'a [f64]],
    pub rows: usize,
    pub out: &'a mut [f64],
    pub buffers: &'a mut Buffers,
}

/// Intermediate results.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub tile: Tile,
    pub planes: Vec<Plane>,
    /// Per slot, first the product of the factors above it (P of the method), then what it says (A).
    pub slots: Aligned,
    /// Contributions in [`LANES`] parts, which are added up in the end: per feature, part and row if
    /// rows are explained together, else per row, feature and part.
    pub parts: Aligned,
}

impl Buffers {
    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let planes = self.planes.capacity() * size_of::<Plane>();
        self.tile.bytes() + planes + self.slots.bytes() + self.parts.bytes()
    }
}

impl Kernel for Contributions<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (features, buffers) = (self.features, self.buffers);
        buffers.tile.resize(features);
        buffers.parts.resize(TILE_ROWS * features * LANES);
        let mut first = 0;
        while first < self.rows {
            let count = (self.rows - first).min(TILE_ROWS);
            match self.input {
                Precision::Single => {
                    let round = |value| Precision::Single.round(value);
                    buffers.tile.load(self.columns, first, count, round);
                }
                Precision::Double => {
                    buffers.tile.load(self.columns, first, count, |value| value);
                }
            }
            let together = count >= ROWS_TOGETHER;
            let used = if together { TILE_ROWS } else { count };
            buffers.parts.as_mut_slice()[..used * features * LANES].fill(0.0);
            for chunk in self.chunks {
                explain_tile(chunk, count, together, features, buffers);
            }
            let out = &mut self.out[first * features..][..count * features];
            let parts = buffers.parts.as_slice();
            if together {
                row_lanes::total(parts, features, out);
            } else {
                single::total(parts, out);
            }
            if self.divisor != 1.0 {
                out.iter_mut().for_each(|of| *of /= self.divisor);
            }
            first += count;
        }
    }
}

/// Adds what the trees of `chunk` contribute for the first `count` rows of the tile.
#[inline(always)]
fn explain_tile(
    chunk: &Chunk,
    count: usize,
    together: bool,
    features: usize,
    buffers: &mut Buffers,
) {
    let decisions = &chunk.decisions;
    if buffers.planes.len() < decisions.planes() {
        buffers.planes.resize(decisions.planes(), [0; TILE_ROWS]);
    }
    match count {
        1 => decisions.decide::<1>(&buffers.tile, &mut buffers.planes),
        _ => decisions.decide::<TILE_ROWS>(&buffers.tile, &mut buffers.planes),
    }
    let slots = chunk.splits.len() + chunk.pairs.len() + chunk.leaves.len() + 1;
    let rows = if together { TILE_ROWS } else { 1 };
    buffers.slots.resize(slots * LANES * rows);
    let planes = &buffers.planes[..];
    let slots = buffers.slots.as_mut_slice();
    for pass in &chunk.passes {
        if together {
            let (parts, _) = buffers.parts.as_mut_slice().as_chunks_mut();
            let (parts, _) = parts.as_chunks_mut();
            match pass.points {
                ..=2 => row_lanes::explain::<2>(chunk, pass, planes, slots, parts),
                3 => row_lanes::explain::<3>(chunk, pass, planes, slots, parts),
                4 => row_lanes::explain::<4>(chunk, pass, planes, slots, parts),
                5 => row_lanes::explain::<5>(chunk, pass, planes, slots, parts),
                6 => row_lanes::explain::<6>(chunk, pass, planes, slots, parts),
                _ => row_lanes::explain::<8>(chunk, pass, planes, slots, parts),
            }
            continue;
        }
        for row in 0..count {
            let parts = &mut buffers.parts.as_mut_slice()[row * features * LANES..];
            let (parts, _) = parts[..features * LANES].as_chunks_mut();
            match pass.lanes {
                LANES_FEW => {
                    single::explain::<LANES_FEW>(chunk, pass, planes, row, slots, parts);
                }
                _ => single::explain::<LANES>(chunk, pass, planes, row, slots, parts),
            }
        }
    }
}
