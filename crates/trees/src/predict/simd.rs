//! The parts of a block in AVX-512: the only part of this engine with instructions of its own.
//!
//! Bit `i % 8` of byte `i / 8` of a row of bits is row `i` of the batch. Sums stand in the order in which
//! leaves come out of the bytes they are assembled from; see [`Avx512::place`].

#![expect(
    unsafe_code,
    reason = "loads and stores of vectors take pointers, and functions compiled for instructions may \
              only be called where the CPU has them"
)]

use std::arch::x86_64::*;

use crate::predict::kernel::{Each, Isa, LeafTables};
use crate::predict::number::Number;
use crate::predict::program::BYTE_BITS;
use crate::predict::rank::{LANES, MISSING, Ranking, Tables};

/// Proof that this CPU has everything that the functions below are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx512(());

impl Avx512 {
    /// The proof, where it holds.
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vbmi");
        has.then_some(Self(()))
    }
}

impl Isa for Avx512 {
    #[inline(always)]
    fn rank(self, ranking: &Ranking, values: &[f64], ranks: &mut [u32]) {
        match ranking.tables() {
            // SAFETY: `self` proves that the CPU has the instructions.
            Some(tables) => unsafe { rank(ranking, tables, values, ranks) },
            None => ranking.rank(values, ranks),
        }
    }

    #[inline(always)]
    fn compare<const B: usize>(
        self,
        codes: &Each<i8, B>,
        with: &[i8],
        equal: bool,
        rows: &mut [[u8; B]],
    ) {
        // SAFETY: `self` proves that the CPU has the instructions.
        unsafe { compare(codes, with, equal, rows) }
    }

    #[inline(always)]
    fn add_leaves<S: Number, const B: usize>(
        self,
        planes: &[[u8; B]; BYTE_BITS],
        bits: usize,
        leaves: LeafTables<'_, S>,
        sums: &mut Each<S, B>,
    ) {
        let sums = sums.as_flattened_mut();
        let tables = leaves.bytes.as_chunks::<64>().0;
        // SAFETY: `self` proves that the CPU has the instructions.
        unsafe {
            if let Some(sums) = S::as_doubles(sums) {
                add_doubles(planes, bits, tables, sums);
            } else if let Some(sums) = S::as_singles(sums) {
                add_singles(planes, bits, tables, sums);
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
    fn bit(self, row: usize, _bytes: usize) -> (usize, usize) {
        (row / 8, row % 8)
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn rank(ranking: &Ranking, tables: &Tables, values: &[f64], ranks: &mut [u32]) {
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn compare<const B: usize>(codes: &Each<i8, B>, with: &[i8], equal: bool, rows: &mut [[u8; B]]) {
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

/// The numbers of 64 rows from the `chunk`th 64 on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn numbers<const B: usize>(planes: &[[u8; B]], chunk: usize) -> __m512i {
    let mut numbers = _mm512_setzero_si512();
    for (bit, plane) in planes.iter().enumerate() {
        let mask = u64::from_le_bytes(plane.as_chunks::<8>().0[chunk]);
        numbers = _mm512_mask_add_epi8(numbers, mask, numbers, _mm512_set1_epi8(1 << bit));
    }
    numbers
}

/// Looks up one byte of 64 leaves: of 64, 128 or 256 leaves, in one, two or four tables.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn leaf_bytes<const TABLES: usize>(
    tables: &[[u8; 64]; TABLES],
    numbers: __m512i,
    in_table: [__mmask64; 4],
) -> __m512i {
    let mut bytes = _mm512_permutexvar_epi8(numbers, load_bytes(&tables[0]));
    for table in 1..TABLES {
        let entries = load_bytes(&tables[table]);
        bytes = _mm512_mask_permutexvar_epi8(bytes, in_table[table], numbers, entries);
    }
    bytes
}

/// Which numbers are in which table of 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn in_tables(numbers: __m512i) -> [__mmask64; 4] {
    let table = _mm512_and_si512(numbers, _mm512_set1_epi8(0xc0_u8.cast_signed()));
    [0x00_u8, 0x40, 0x80, 0xc0]
        .map(|which| _mm512_cmpeq_epi8_mask(table, _mm512_set1_epi8(which.cast_signed())))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn add_doubles<const B: usize>(
    planes: &[[u8; B]; BYTE_BITS],
    bits: usize,
    tables: &[[u8; 64]],
    sums: &mut [f64],
) {
    match tables.len() {
        8 => add_doubles_of::<1, B>(&planes[..bits], tables, sums),
        16 => add_doubles_of::<2, B>(&planes[..bits], tables, sums),
        _ => add_doubles_of::<4, B>(&planes[..bits], tables, sums),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn add_doubles_of<const TABLES: usize, const B: usize>(
    planes: &[[u8; B]],
    tables: &[[u8; 64]],
    sums: &mut [f64],
) {
    let Some(tables) = tables.as_chunks::<TABLES>().0.first_chunk::<8>() else {
        debug_assert!(false, "a double has eight bytes");
        return;
    };
    for (chunk, sums) in sums.as_chunks_mut::<64>().0.iter_mut().enumerate() {
        let numbers = numbers(planes, chunk);
        let in_table = match TABLES {
            1 => [0; 4],
            _ => in_tables(numbers),
        };
        let mut pairs = [[_mm512_setzero_si512(); 2]; 4];
        for (pair, tables) in pairs.iter_mut().zip(tables.as_chunks::<2>().0) {
            let low = leaf_bytes(&tables[0], numbers, in_table);
            let high = leaf_bytes(&tables[1], numbers, in_table);
            *pair = [
                _mm512_unpacklo_epi8(low, high),
                _mm512_unpackhi_epi8(low, high),
            ];
        }
        let [a, b, c, d] = pairs;
        for half in 0..2 {
            let lows = [
                _mm512_unpacklo_epi16(a[half], b[half]),
                _mm512_unpackhi_epi16(a[half], b[half]),
            ];
            let highs = [
                _mm512_unpacklo_epi16(c[half], d[half]),
                _mm512_unpackhi_epi16(c[half], d[half]),
            ];
            for quarter in 0..2 {
                let (low, high) = (lows[quarter], highs[quarter]);
                let first = half * 32 + quarter * 16;
                add_eight(sums, first, _mm512_unpacklo_epi32(low, high));
                add_eight(sums, first + 8, _mm512_unpackhi_epi32(low, high));
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn add_singles<const B: usize>(
    planes: &[[u8; B]; BYTE_BITS],
    bits: usize,
    tables: &[[u8; 64]],
    sums: &mut [f32],
) {
    match tables.len() {
        4 => add_singles_of::<1, B>(&planes[..bits], tables, sums),
        8 => add_singles_of::<2, B>(&planes[..bits], tables, sums),
        _ => add_singles_of::<4, B>(&planes[..bits], tables, sums),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn add_singles_of<const TABLES: usize, const B: usize>(
    planes: &[[u8; B]],
    tables: &[[u8; 64]],
    sums: &mut [f32],
) {
    let Some(tables) = tables.as_chunks::<TABLES>().0.first_chunk::<4>() else {
        debug_assert!(false, "a single has four bytes");
        return;
    };
    for (chunk, sums) in sums.as_chunks_mut::<64>().0.iter_mut().enumerate() {
        let numbers = numbers(planes, chunk);
        let in_table = match TABLES {
            1 => [0; 4],
            _ => in_tables(numbers),
        };
        let mut pairs = [[_mm512_setzero_si512(); 2]; 2];
        for (pair, tables) in pairs.iter_mut().zip(tables.as_chunks::<2>().0) {
            let low = leaf_bytes(&tables[0], numbers, in_table);
            let high = leaf_bytes(&tables[1], numbers, in_table);
            *pair = [
                _mm512_unpacklo_epi8(low, high),
                _mm512_unpackhi_epi8(low, high),
            ];
        }
        let [low, high] = pairs;
        for half in 0..2 {
            let first = half * 32;
            add_sixteen(sums, first, _mm512_unpacklo_epi16(low[half], high[half]));
            add_sixteen(
                sums,
                first + 16,
                _mm512_unpackhi_epi16(low[half], high[half]),
            );
        }
    }
}

/// Adds eight doubles to the sums from `first` on, which is at most 56.
#[inline]
#[target_feature(enable = "avx512f")]
fn add_eight(sums: &mut [f64; 64], first: usize, leaves: __m512i) {
    let Some(sums) = sums[first..].first_chunk_mut::<8>() else {
        debug_assert!(false, "there are eight sums");
        return;
    };
    let place = sums.as_mut_ptr();
    // SAFETY: `place` points to eight doubles, a vector, and neither needs alignment.
    unsafe {
        let sum = _mm512_add_pd(_mm512_loadu_pd(place), _mm512_castsi512_pd(leaves));
        _mm512_storeu_pd(place, sum);
    }
}

/// Adds sixteen singles to the sums from `first` on, which is at most 48.
#[inline]
#[target_feature(enable = "avx512f")]
fn add_sixteen(sums: &mut [f32; 64], first: usize, leaves: __m512i) {
    let Some(sums) = sums[first..].first_chunk_mut::<16>() else {
        debug_assert!(false, "there are sixteen sums");
        return;
    };
    let place = sums.as_mut_ptr();
    // SAFETY: `place` points to sixteen singles, a vector, and neither needs alignment.
    unsafe {
        let sum = _mm512_add_ps(_mm512_loadu_ps(place), _mm512_castsi512_ps(leaves));
        _mm512_storeu_ps(place, sum);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(codes: &[i8; 64]) -> __m512i {
    // SAFETY: 64 bytes are a vector, and this load needs no alignment.
    unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_bytes(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes are a vector, and this load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
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
