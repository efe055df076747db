//! The parts of a block and of a row that are worth instructions of their own, and what they are for any
//! instruction set: whatever the compiler makes of loops over arrays.

use crate::predict::bits::{BYTE_BITS, Each, LeafTables, ROW_BYTES, RowBits};
use crate::predict::nodes::{Codes, Nodes, WALKS};
use crate::predict::number::Number;
use crate::predict::rank::Ranking;

/// Bounds that are compared at once: two cache lines.
pub(super) const GROUP: usize = 16;

/// Ascending bounds, padded with infinity, which nothing lies above.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Group(pub(super) [f64; GROUP]);

/// Rows of which each costs as much as its share of a whole block would if there were more: measured with
/// models of 100 trees of 31 leaves to 500 of 256.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowsMax {
    pub(super) masks: usize,
    pub(super) codes: usize,
    pub(super) values: usize,
}

/// The parts of a block that are worth instructions of their own. What each of them is to do, the
/// portable one says.
pub(super) trait Isa: Copy {
    /// When rows are too few for a block.
    const ROWS_MAX: RowsMax;

    /// Writes the rank of each value; see [`Ranking::rank`].
    fn rank(self, ranking: &Ranking, values: &[f64], ranks: &mut [u32]);

    /// Compares codes with one after the other, into one row after the other.
    fn compare(self, codes: &Each<i8>, with: &[i8], equal: bool, rows: &mut [RowBits]);

    /// Adds to each sum the leaf of `program` that the planes have the number of, a byte at most. There
    /// are [`leaf_slots`](crate::predict::segment::leaf_slots).
    fn add_leaves<S: Number>(
        self,
        planes: &[RowBits; BYTE_BITS],
        bits: usize,
        leaves: LeafTables<'_, S>,
        sums: &mut Each<S>,
    );

    /// How many bounds of `group` `value` lies above.
    fn count_below(self, group: &Group, value: f64) -> u32;

    /// See [`Nodes::walk`]. Codes of `columns` columns count.
    fn walk(
        self,
        nodes: &Nodes,
        group: usize,
        codes: &Codes,
        columns: usize,
        ends: &mut [u32; WALKS],
    );

    /// Where the sum of a row of the batch stands.
    fn place<S: Number>(self, row: usize) -> usize;

    /// The byte of a row of bits, and the bit of it, that belong to a row of the batch.
    fn bit(self, row: usize) -> (usize, usize);
}

/// Whatever the compiler makes of loops over arrays. Bit `j` of byte `i` of a row is row
/// `j × ROW_BYTES + i` of the batch, which is how comparisons of bytes yield it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Isa for Portable {
    const ROWS_MAX: RowsMax = RowsMax {
        masks: 96,
        codes: 48,
        values: 40,
    };

    #[inline(always)]
    fn rank(self, ranking: &Ranking, values: &[f64], ranks: &mut [u32]) {
        ranking.rank(values, ranks);
    }

    #[inline(always)]
    fn compare(self, codes: &Each<i8>, with: &[i8], equal: bool, rows: &mut [RowBits]) {
        if equal {
            compare(codes, with, rows, |code, with| code == with);
        } else {
            compare(codes, with, rows, |code, with| code > with);
        }
    }

    #[inline(always)]
    fn add_leaves<S: Number>(
        self,
        planes: &[RowBits; BYTE_BITS],
        bits: usize,
        leaves: LeafTables<'_, S>,
        sums: &mut Each<S>,
    ) {
        let leaves = leaves.values;
        let numbers = numbers(&planes[..bits]);
        match leaves.len() {
            64 => add::<S, 64>(leaves, &numbers, sums),
            128 => add::<S, 128>(leaves, &numbers, sums),
            _ => add::<S, 256>(leaves, &numbers, sums),
        }
    }

    #[inline(always)]
    fn count_below(self, group: &Group, value: f64) -> u32 {
        let mut count = [0_u64; 8];
        for bounds in group.0.as_chunks::<8>().0 {
            for (count, bound) in count.iter_mut().zip(bounds) {
                *count += u64::from(value > *bound);
            }
        }
        count.iter().sum::<u64>() as u32
    }

    #[inline(always)]
    fn walk(
        self,
        nodes: &Nodes,
        group: usize,
        codes: &Codes,
        _columns: usize,
        ends: &mut [u32; WALKS],
    ) {
        nodes.walk(group, codes, ends);
    }

    #[inline(always)]
    fn place<S: Number>(self, row: usize) -> usize {
        row
    }

    #[inline(always)]
    fn bit(self, row: usize) -> (usize, usize) {
        (row % ROW_BYTES, row / ROW_BYTES)
    }
}

#[inline(always)]
fn compare(codes: &Each<i8>, with: &[i8], rows: &mut [RowBits], test: impl Fn(i8, i8) -> bool) {
    for (with, row) in with.iter().zip(rows) {
        let mut bits = [0; ROW_BYTES];
        for (j, codes) in codes.iter().enumerate() {
            for (bits, code) in bits.iter_mut().zip(codes) {
                *bits |= if test(*code, *with) { 1 << j } else { 0 };
            }
        }
        *row = bits;
    }
}

/// The number that the planes have for each row of the batch, lowest bit first.
#[inline(always)]
fn numbers(planes: &[RowBits]) -> Each<u8> {
    let mut numbers = [[0; ROW_BYTES]; 8];
    for (j, numbers) in numbers.iter_mut().enumerate() {
        for (bit, plane) in planes.iter().enumerate() {
            for (number, plane) in numbers.iter_mut().zip(plane) {
                *number |= if plane & (1 << j) != 0 { 1 << bit } else { 0 };
            }
        }
    }
    numbers
}

/// Adds to each sum the leaf with its number; `leaves` are `LEAVES`.
#[inline(always)]
fn add<S: Number, const LEAVES: usize>(leaves: &[S], numbers: &Each<u8>, sums: &mut Each<S>) {
    // The compiler then knows the length, and that no number is beyond it.
    let leaves = &leaves[..LEAVES];
    for (sum, number) in sums
        .as_flattened_mut()
        .iter_mut()
        .zip(numbers.as_flattened())
    {
        *sum += leaves[*number as usize % LEAVES];
    }
}
