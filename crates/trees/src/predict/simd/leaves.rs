//! Leaves by number, assembled from their bytes: each byte of 64 leaves is looked up at once.

use std::arch::x86_64::*;

use super::load::load_bytes;
#[cfg(miri)]
use super::miri::{_mm512_mask_permutexvar_epi8, _mm512_permutexvar_epi8};
use crate::predict::bits::RowBits;
use crate::predict::number::Number;

/// As [`Isa::add_leaves`](crate::predict::isa::Isa::add_leaves), from the bytes of
/// [`LeafTables`](crate::predict::bits::LeafTables).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
pub(super) fn add<S: Number>(planes: &[RowBits], bytes: &[u8], sums: &mut [S]) {
    let tables = bytes.as_chunks().0;
    match tables.len() / size_of::<S>() {
        1 => add_of::<1, S>(planes, tables, sums),
        2 => add_of::<2, S>(planes, tables, sums),
        _ => add_of::<4, S>(planes, tables, sums),
    }
}

/// Adds leaves of which each byte is in `TABLES` tables.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn add_of<const TABLES: usize, S: Number>(planes: &[RowBits], tables: &[[u8; 64]], sums: &mut [S]) {
    let tables = tables.as_chunks().0;
    if let Some(sums) = S::as_doubles(sums) {
        let sums = sums.as_chunks_mut().0.as_chunks_mut().0;
        for (chunk, sums) in sums.iter_mut().enumerate() {
            add_doubles(words::<TABLES, 4>(tables, numbers(planes, chunk)), sums);
        }
    } else if let Some(sums) = S::as_singles(sums) {
        let sums = sums.as_chunks_mut().0.as_chunks_mut().0;
        for (chunk, sums) in sums.iter_mut().enumerate() {
            add_singles(words::<TABLES, 2>(tables, numbers(planes, chunk)), sums);
        }
    }
}

/// The numbers of 64 rows from the `chunk`th 64 on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn numbers(planes: &[RowBits], chunk: usize) -> __m512i {
    let mut numbers = _mm512_setzero_si512();
    for (bit, plane) in planes.iter().enumerate() {
        let mask = u64::from_le_bytes(plane.as_chunks::<8>().0[chunk]);
        numbers = _mm512_mask_add_epi8(numbers, mask, numbers, _mm512_set1_epi8(1 << bit));
    }
    numbers
}

/// The leaves of 64 rows in words of two bytes: each pair of vectors has one word of all, which stand in
/// the order in which bytes of two vectors are interleaved.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn words<const TABLES: usize, const WORDS: usize>(
    tables: &[[[u8; 64]; TABLES]],
    numbers: __m512i,
) -> [[__m512i; 2]; WORDS] {
    let in_table = match TABLES {
        1 => [0; 4],
        _ => in_tables(numbers),
    };
    let mut words = [[_mm512_setzero_si512(); 2]; WORDS];
    for (word, [low, high]) in words.iter_mut().zip(tables.as_chunks().0) {
        let low = leaf_bytes(low, numbers, in_table);
        let high = leaf_bytes(high, numbers, in_table);
        *word = [
            _mm512_unpacklo_epi8(low, high),
            _mm512_unpackhi_epi8(low, high),
        ];
    }
    words
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

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn add_doubles([a, b, c, d]: [[__m512i; 2]; 4], sums: &mut [[f64; 8]; 8]) {
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
            let first = half * 4 + quarter * 2;
            add_eight(&mut sums[first], _mm512_unpacklo_epi32(low, high));
            add_eight(&mut sums[first + 1], _mm512_unpackhi_epi32(low, high));
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn add_singles([a, b]: [[__m512i; 2]; 2], sums: &mut [[f32; 16]; 4]) {
    for half in 0..2 {
        let first = half * 2;
        add_sixteen(&mut sums[first], _mm512_unpacklo_epi16(a[half], b[half]));
        add_sixteen(
            &mut sums[first + 1],
            _mm512_unpackhi_epi16(a[half], b[half]),
        );
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_eight(sums: &mut [f64; 8], leaves: __m512i) {
    let place = sums.as_mut_ptr();
    // SAFETY: `place` points to eight doubles, a vector, and neither needs alignment.
    unsafe {
        let sum = _mm512_add_pd(_mm512_loadu_pd(place), _mm512_castsi512_pd(leaves));
        _mm512_storeu_pd(place, sum);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_sixteen(sums: &mut [f32; 16], leaves: __m512i) {
    let place = sums.as_mut_ptr();
    // SAFETY: `place` points to sixteen singles, a vector, and neither needs alignment.
    unsafe {
        let sum = _mm512_add_ps(_mm512_loadu_ps(place), _mm512_castsi512_ps(leaves));
        _mm512_storeu_ps(place, sum);
    }
}
