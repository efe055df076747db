//! Which routine does what for [`Avx512`].

use std::arch::x86_64::*;

use super::load::load;
use super::{leaves, ranks, walks};
use crate::instructions::Avx512;
use crate::predict::bits::{BYTE_BITS, Each, LeafTables, RowBits};
use crate::predict::isa::{Group, Isa, RowsMax};
use crate::predict::nodes::{Codes, Nodes, WALKS};
use crate::predict::number::Number;
use crate::predict::rank::Ranking;

impl Isa for Avx512 {
    const ROWS_MAX: RowsMax = RowsMax {
        masks: 48,
        codes: 56,
        values: 20,
    };

    #[inline(always)]
    fn rank(self, ranking: &Ranking, values: &[f64], ranks: &mut [u32]) {
        match ranking.tables() {
            // SAFETY: `self` proves that the CPU has the instructions.
            Some(tables) => unsafe { ranks::rank(ranking, tables, values, ranks) },
            None => ranking.rank(values, ranks),
        }
    }

    #[inline(always)]
    fn compare(self, codes: &Each<i8>, with: &[i8], equal: bool, rows: &mut [RowBits]) {
        // SAFETY: `self` proves that the CPU has the instructions.
        unsafe { compare(codes, with, equal, rows) }
    }

    #[inline(always)]
    fn add_leaves<S: Number>(
        self,
        planes: &[RowBits; BYTE_BITS],
        bits: usize,
        leaves: LeafTables<'_, S>,
        sums: &mut Each<S>,
    ) {
        // SAFETY: `self` proves that the CPU has the instructions.
        unsafe { leaves::add(&planes[..bits], leaves.bytes, sums.as_flattened_mut()) }
    }

    #[inline(always)]
    fn count_below(self, group: &Group, value: f64) -> u32 {
        // SAFETY: `self` proves that the CPU has the instructions.
        unsafe { ranks::count_below(group, value) }
    }

    #[inline(always)]
    fn walk(
        self,
        nodes: &Nodes,
        group: usize,
        codes: &Codes,
        columns: usize,
        ends: &mut [u32; WALKS],
    ) {
        // SAFETY: `self` proves that the CPU has the instructions.
        unsafe {
            match columns {
                0..=64 => walks::walk::<false>(nodes, group, codes, ends),
                65..=128 => walks::walk::<true>(nodes, group, codes, ends),
                _ => nodes.walk(group, codes, ends),
            }
        }
    }

    #[inline(always)]
    fn place<S: Number>(self, row: usize) -> usize {
        // Of 16 rows in a quarter of a vector, two doubles or four singles end up in each vector.
        let (quarter, within) = (row % 64 / 16, row % 16);
        let each = if S::IS_SINGLE { 4 } else { 2 };
        row / 64 * 64 + within / each * 4 * each + quarter * each + within % each
    }

    #[inline(always)]
    fn bit(self, row: usize) -> (usize, usize) {
        (row / 8, row % 8)
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn compare(codes: &Each<i8>, with: &[i8], equal: bool, rows: &mut [RowBits]) {
    let codes = codes.as_flattened().as_chunks::<64>().0;
    // A block has at most four vectors of codes; those that it does not have are not stored.
    let mut vectors = [_mm512_setzero_si512(); 4];
    for (vector, codes) in vectors.iter_mut().zip(codes) {
        *vector = load(codes);
    }
    for (with, row) in with.iter().zip(rows) {
        let with = _mm512_set1_epi8(*with);
        for (vector, bytes) in vectors.iter().zip(row.as_chunks_mut::<8>().0) {
            let mask = match equal {
                true => _mm512_cmpeq_epi8_mask(*vector, with),
                false => _mm512_cmpgt_epi8_mask(*vector, with),
            };
            *bytes = mask.to_le_bytes();
        }
    }
}
