//! How many bounds values lie above.

use std::arch::x86_64::*;

#[cfg(miri)]
use super::miri::{
    _mm512_cmp_pd_mask, _mm512_cmp_ps_mask, _mm512_cvt_roundpd_ps, _mm512_cvtpd_ps,
    _mm512_permutex2var_ps,
};
use crate::predict::isa::Group;
use crate::predict::rank::{LANES, MISSING, Ranking, Tables};

/// As [`Isa::count_below`](crate::predict::isa::Isa::count_below).
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
pub(super) fn count_below(group: &Group, value: f64) -> u32 {
    let value = _mm512_set1_pd(value);
    let masks = group.0.as_chunks::<8>().0.iter().map(|bounds| {
        // SAFETY: eight doubles are a vector, and this load needs no alignment.
        let bounds = unsafe { _mm512_loadu_pd(bounds.as_ptr()) };
        _mm512_cmp_pd_mask::<_CMP_GT_OQ>(value, bounds)
    });
    masks.map(u8::count_ones).sum()
}

/// As [`Ranking::rank`], by `tables`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
pub(super) fn rank(ranking: &Ranking, tables: &Tables, values: &[f64], ranks: &mut [u32]) {
    match tables.levels {
        0 => rank_in::<0>(ranking, tables, values, ranks),
        1 => rank_in::<1>(ranking, tables, values, ranks),
        2 => rank_in::<2>(ranking, tables, values, ranks),
        _ => rank_in::<3>(ranking, tables, values, ranks),
    }
}

/// Ranks by groups of `1 << LEVELS` bounds.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn rank_in<const LEVELS: usize>(
    ranking: &Ranking,
    tables: &Tables,
    values: &[f64],
    ranks: &mut [u32],
) {
    let pivots = pair(&tables.pivots);
    let nodes = tables.nodes.each_ref().map(|table| pair(table));
    let values = values.as_chunks::<LANES>().0;
    let ranks = ranks.as_chunks_mut::<LANES>().0;
    for (values, ranks) in values.iter().zip(ranks) {
        let [low, high] = [load_doubles(values, 0), load_doubles(values, 1)];
        let x = match tables.nearest {
            true => join(_mm512_cvtpd_ps(low), _mm512_cvtpd_ps(high)),
            false => join(
                round::<{ _MM_FROUND_TO_POS_INF }>(low),
                round::<{ _MM_FROUND_TO_POS_INF }>(high),
            ),
        };
        // The greatest bound below; none yet, and NaN is equal to nothing.
        let mut below = _mm512_set1_ps(f32::NAN);
        let mut group = _mm512_setzero_si512();
        for half in [16, 8, 4, 2, 1] {
            let next = _mm512_add_epi32(group, _mm512_set1_epi32(half));
            let bound = look_up(pivots, next);
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, bound);
            group = _mm512_mask_mov_epi32(group, above, next);
            below = _mm512_mask_mov_ps(below, above, bound);
        }
        let mut rank = group;
        let mut path: [__mmask16; 3] = [0; 3];
        for level in 0..LEVELS {
            let bound = match level {
                0 => look_up(nodes[0], group),
                1 => choose(path[0], nodes[1], nodes[2], group),
                _ => _mm512_mask_blend_ps(
                    path[0],
                    choose(path[1], nodes[3], nodes[4], group),
                    choose(path[1], nodes[5], nodes[6], group),
                ),
            };
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, bound);
            below = _mm512_mask_mov_ps(below, above, bound);
            path[level] = above;
            rank = _mm512_add_epi32(rank, rank);
            rank = _mm512_mask_add_epi32(rank, above, rank, _mm512_set1_epi32(1));
        }
        let nan = [low, high].map(|values| _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(values, values));
        let nan = u16::from(nan[0]) | u16::from(nan[1]) << 8;
        rank = _mm512_mask_mov_epi32(rank, nan, _mm512_set1_epi32(MISSING.cast_signed()));
        // SAFETY: a vector is as long as an array of 16 `u32`, and this store needs no alignment.
        unsafe { _mm512_storeu_si512(std::ptr::from_mut(ranks).cast(), rank) };
        if !tables.nearest {
            let down = join(
                round::<{ _MM_FROUND_TO_NEG_INF }>(low),
                round::<{ _MM_FROUND_TO_NEG_INF }>(high),
            );
            let mut doubtful = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(below, down);
            while doubtful != 0 {
                let lane = doubtful.trailing_zeros() as usize;
                ranks[lane] = ranking.rank_double(values[lane]);
                doubtful &= doubtful - 1;
            }
        }
    }
}

/// The first or second eight values.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_doubles(values: &[f64; LANES], half: usize) -> __m512d {
    let values: &[f64; 8] = &values.as_chunks().0[half];
    // SAFETY: eight doubles are a vector, and this load needs no alignment.
    unsafe { _mm512_loadu_pd(values.as_ptr()) }
}

/// A table in two registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn pair(table: &[f32; 32]) -> [__m512; 2] {
    let [low, high]: &[[f32; 16]; 2] = match table.as_chunks::<16>().0.first_chunk() {
        Some(halves) => halves,
        None => return [_mm512_set1_ps(f32::INFINITY); 2],
    };
    // SAFETY: sixteen singles are a vector, and these loads need no alignment.
    unsafe {
        [
            _mm512_loadu_ps(low.as_ptr()),
            _mm512_loadu_ps(high.as_ptr()),
        ]
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn look_up(table: [__m512; 2], indices: __m512i) -> __m512 {
    _mm512_permutex2var_ps(table[0], indices, table[1])
}

/// From the second table where `second` is set, else from the first.
#[inline]
#[target_feature(enable = "avx512f")]
fn choose(second: __mmask16, a: [__m512; 2], b: [__m512; 2], indices: __m512i) -> __m512 {
    _mm512_mask_blend_ps(second, look_up(a, indices), look_up(b, indices))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn round<const MODE: i32>(values: __m512d) -> __m256 {
    match MODE {
        _MM_FROUND_TO_POS_INF => {
            _mm512_cvt_roundpd_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(values)
        }
        _ => _mm512_cvt_roundpd_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(values),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn join(low: __m256, high: __m256) -> __m512 {
    _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high)
}
