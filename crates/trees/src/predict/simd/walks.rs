//! Walks down trees, a vector of them at once.

use std::arch::x86_64::*;

use super::load::load_bytes;
#[cfg(miri)]
use super::miri::{
    _mm512_i32gather_epi32, _mm512_maskz_permutex2var_epi8, _mm512_maskz_permutexvar_epi8,
};
use crate::predict::nodes::{Codes, Nodes, WALKS};

/// Walks of a vector.
const LANES: usize = 16;

/// The highest byte of every lane: where slots have their column.
const HIGHEST: __mmask64 = 0x8888_8888_8888_8888;

/// As [`Nodes::walk`], with the codes of 64 columns, or of 128 if `WIDE`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
pub(super) fn walk<const WIDE: bool>(
    nodes: &Nodes,
    group: usize,
    codes: &Codes,
    ends: &mut [u32; WALKS],
) {
    let codes = codes.0.as_chunks::<64>().0;
    let (low, high) = (load_bytes(&codes[0]), load_bytes(&codes[1]));
    let mut roots = [_mm512_setzero_si512(); WALKS / LANES];
    for (vector, roots) in roots.iter_mut().zip(nodes.roots()[group].as_chunks().0) {
        *vector = load_lanes(roots);
    }
    let mut at = roots;
    loop {
        let mut moved = 0;
        for (at, root) in at.iter_mut().zip(&roots) {
            // SAFETY: these are roots, or what is reached from them by one step after the other, all of
            // which are slots by the invariant of `Nodes`; and as indices they are not negative.
            let slot = unsafe { _mm512_i32gather_epi32::<4>(*at, nodes.slots().as_ptr().cast()) };
            let code = match WIDE {
                true => _mm512_maskz_permutex2var_epi8(HIGHEST, low, slot, high),
                false => _mm512_maskz_permutexvar_epi8(HIGHEST, slot, low),
            };
            // Codes differ in the highest byte, or they are the same, and what is below it is not greater.
            let right = _mm512_cmpgt_epu32_mask(code, _mm512_slli_epi32::<8>(slot));
            let left = _mm512_and_si512(slot, _mm512_set1_epi32(0xffff));
            let next = _mm512_add_epi32(*root, left);
            let next = _mm512_mask_add_epi32(next, right, next, _mm512_set1_epi32(1));
            moved |= _mm512_cmpneq_epi32_mask(next, *at);
            *at = next;
        }
        if moved == 0 {
            break;
        }
    }
    for (at, ends) in at.iter().zip(ends.as_chunks_mut().0) {
        store_lanes(ends, *at);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_lanes(lanes: &[u32; LANES]) -> __m512i {
    // SAFETY: 16 lanes are a vector, and this load needs no alignment.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_lanes(lanes: &mut [u32; LANES], vector: __m512i) {
    // SAFETY: 16 lanes are a vector, and this store needs no alignment.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), vector) }
}
