//! What Miri does not know of AVX-512, said lane by lane, so that Miri can watch every load, store and gather
//! of the modules beside this one. It is in no build but Miri's; what the instructions themselves do is
//! tested on a CPU that has them.

use std::arch::x86_64::{
    __m256, __m512, __m512d, __m512i, __mmask8, __mmask16, __mmask64, _CMP_EQ_OQ, _CMP_GT_OQ,
    _MM_FROUND_NO_EXC, _MM_FROUND_TO_POS_INF,
};
use std::mem::transmute;

/// One of the three comparisons that there is a use for.
fn compares<const HOW: i32>(a: f64, b: f64) -> bool {
    match HOW {
        _CMP_GT_OQ => a > b,
        _CMP_EQ_OQ => a == b,
        _ => a.is_nan() || b.is_nan(),
    }
}

pub(super) fn _mm512_cmp_ps_mask<const HOW: i32>(a: __m512, b: __m512) -> __mmask16 {
    // SAFETY: the same bits.
    let [a, b]: [[f32; 16]; 2] = unsafe { [transmute(a), transmute(b)] };
    (0..16).fold(0, |mask, i| {
        mask | u16::from(compares::<HOW>(f64::from(a[i]), f64::from(b[i]))) << i
    })
}

pub(super) fn _mm512_cmp_pd_mask<const HOW: i32>(a: __m512d, b: __m512d) -> __mmask8 {
    // SAFETY: the same bits.
    let [a, b]: [[f64; 8]; 2] = unsafe { [transmute(a), transmute(b)] };
    (0..8).fold(0, |mask, i| {
        mask | u8::from(compares::<HOW>(a[i], b[i])) << i
    })
}

pub(super) fn _mm512_cvtpd_ps(values: __m512d) -> __m256 {
    // SAFETY: the same bits.
    let values: [f64; 8] = unsafe { transmute(values) };
    // SAFETY: the same bits.
    unsafe { transmute(values.map(|value| value as f32)) }
}

pub(super) fn _mm512_cvt_roundpd_ps<const MODE: i32>(values: __m512d) -> __m256 {
    // SAFETY: the same bits.
    let values: [f64; 8] = unsafe { transmute(values) };
    let up = MODE == _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC;
    let rounded = values.map(|value| {
        let nearest = value as f32;
        match f64::from(nearest).total_cmp(&value) {
            std::cmp::Ordering::Less if up => nearest.next_up(),
            std::cmp::Ordering::Greater if !up => nearest.next_down(),
            _ => nearest,
        }
    });
    // SAFETY: the same bits.
    unsafe { transmute(rounded) }
}

/// # Safety
/// Every index, times `SCALE` bytes, is that of an `i32` which may be read.
pub(super) unsafe fn _mm512_i32gather_epi32<const SCALE: i32>(
    indices: __m512i,
    base: *const i32,
) -> __m512i {
    // SAFETY: the same bits.
    let indices: [i32; 16] = unsafe { transmute(indices) };
    // SAFETY: by the caller, and it need not be aligned.
    let at = |index: i32| unsafe {
        base.byte_offset(index as isize * SCALE as isize)
            .read_unaligned()
    };
    // SAFETY: the same bits.
    unsafe { transmute(indices.map(at)) }
}

pub(super) fn _mm512_permutex2var_ps(low: __m512, indices: __m512i, high: __m512) -> __m512 {
    // SAFETY: the same bits.
    let tables: [[f32; 16]; 2] = unsafe { [transmute(low), transmute(high)] };
    // SAFETY: the same bits.
    let indices: [u32; 16] = unsafe { transmute(indices) };
    let found = indices.map(|index| tables.as_flattened()[index as usize % 32]);
    // SAFETY: the same bits.
    unsafe { transmute(found) }
}

pub(super) fn _mm512_permutexvar_epi8(indices: __m512i, table: __m512i) -> __m512i {
    // SAFETY: the same bits.
    let [indices, table]: [[u8; 64]; 2] = unsafe { [transmute(indices), transmute(table)] };
    // SAFETY: the same bits.
    unsafe { transmute(indices.map(|index| table[usize::from(index) % 64])) }
}

pub(super) fn _mm512_mask_permutexvar_epi8(
    otherwise: __m512i,
    mask: __mmask64,
    indices: __m512i,
    table: __m512i,
) -> __m512i {
    choose(mask, _mm512_permutexvar_epi8(indices, table), otherwise)
}

pub(super) fn _mm512_maskz_permutexvar_epi8(
    mask: __mmask64,
    indices: __m512i,
    table: __m512i,
) -> __m512i {
    choose(mask, _mm512_permutexvar_epi8(indices, table), zeros())
}

pub(super) fn _mm512_maskz_permutex2var_epi8(
    mask: __mmask64,
    low: __m512i,
    indices: __m512i,
    high: __m512i,
) -> __m512i {
    // SAFETY: the same bits.
    let [low, indices, high]: [[u8; 64]; 3] =
        unsafe { [transmute(low), transmute(indices), transmute(high)] };
    let tables = [low, high];
    let found = indices.map(|index| tables.as_flattened()[usize::from(index) % 128]);
    // SAFETY: the same bits.
    choose(mask, unsafe { transmute(found) }, zeros())
}

fn zeros() -> __m512i {
    // SAFETY: the same bits.
    unsafe { transmute([0_u8; 64]) }
}

/// The bytes of `found` where `mask` is set, of `otherwise` elsewhere.
fn choose(mask: __mmask64, found: __m512i, otherwise: __m512i) -> __m512i {
    // SAFETY: the same bits.
    let [mut found, otherwise]: [[u8; 64]; 2] = unsafe { [transmute(found), transmute(otherwise)] };
    for (i, (found, otherwise)) in found.iter_mut().zip(otherwise).enumerate() {
        if mask >> i & 1 == 0 {
            *found = otherwise;
        }
    }
    // SAFETY: the same bits.
    unsafe { transmute(found) }
}
