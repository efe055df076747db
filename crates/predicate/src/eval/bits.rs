//! Words of 64 bits, one per row of a block.

use arrow::buffer::BooleanBuffer;

use super::lanes::LANES;

/// The low `len` bits, 1 to 64.
pub(super) fn low_bits(len: usize) -> u64 {
    debug_assert!((1..=LANES).contains(&len));
    u64::MAX >> (LANES - len)
}

/// The 64 bits from `start`; past the end, anything.
pub(super) fn word(bits: &BooleanBuffer, start: usize) -> u64 {
    let from = bits.offset() + start;
    let bytes = bits.values().get(from / 8..).unwrap_or_default();
    let shift = from % 8;
    if let Some((first, rest)) = bytes.split_first_chunk::<8>() {
        let low = u64::from_le_bytes(*first) >> shift;
        let next = rest.first().copied().unwrap_or_default();
        return match shift {
            0 => low,
            _ => low | u64::from(next) << (LANES - shift),
        };
    }
    let mut first = [0; 8];
    first[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(first) >> shift
}

/// Bit `i` of word `i`.
pub(super) const BITS: [u64; LANES] = {
    let mut bits = [0; LANES];
    let mut lane = 0;
    while lane < LANES {
        bits[lane] = 1 << lane;
        lane += 1;
    }
    bits
};

/// Bit `i` is `test(values[i])`; at most 64 values are looked at. Choosing from a table becomes vector
/// instructions, which shifting by the lane does not.
#[inline(always)]
pub(super) fn bits<T: Copy>(values: &[T], test: impl Fn(T) -> bool) -> u64 {
    let mut word = 0;
    for (value, bit) in values.iter().zip(&BITS) {
        word |= if test(*value) { *bit } else { 0 };
    }
    word
}

/// Calls `each` with every set bit's position.
#[inline(always)]
pub(super) fn each_bit(mut word: u64, mut each: impl FnMut(usize)) {
    while word != 0 {
        each(word.trailing_zeros() as usize);
        word &= word - 1;
    }
}
