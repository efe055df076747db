//! Buckets of numbers: 64 per power of two.

/// Bits of a float below its bucket: sign, 11 bits of exponent and 6 of mantissa stay.
pub(super) const SHIFT: u32 = 46;

/// Bucket of positive infinity; of negative infinity it is the complement.
pub(super) const INFINITE: i32 = 0x7FF0 << 2;

/// Bucket of a number that is not NaN: the bits of the float in total order without the lowest 46.
///
/// Buckets compare as their numbers do. Both zeros share bucket 0, and so does what lies nearer to
/// them than 2^−1028; bucket −1 is never given.
#[inline]
pub(crate) fn bucket_of(value: f64) -> i32 {
    debug_assert!(
        !value.is_nan(),
        "a value that is not a number has no bucket"
    );
    let magnitude = (value.abs().to_bits() >> SHIFT) as i32;
    if value < 0.0 && magnitude != 0 {
        !magnitude
    } else {
        magnitude
    }
}

/// The number that stands for a bucket: the middle of its bounds, 0 for bucket 0, infinities as
/// they are.
///
/// It is at most 1/128 of any number of the bucket away, below the smallest normal number
/// (2^−1022) at most 2^−1028.
#[inline]
pub(crate) fn value_of(bucket: i32) -> f64 {
    let magnitude = bucket.max(!bucket);
    let value = if magnitude == 0 {
        return 0.0;
    } else if magnitude >= INFINITE {
        f64::INFINITY
    } else {
        f64::from_bits((magnitude as u64) << SHIFT | 1 << (SHIFT - 1))
    };
    if bucket < 0 { -value } else { value }
}

/// What is added to a bucket so that 0 is free to stand for "does not count": buckets lie between
/// ±2¹⁸.
const BIAS: i32 = 1 << 20;

/// The bucket of a number that is not NaN as a word of a row, never 0.
#[inline]
pub(crate) fn bucket_word(value: f64) -> u32 {
    (bucket_of(value) + BIAS).cast_unsigned()
}

/// The bucket that a word of a row stands for; any bucket for a word that stands for none.
#[inline]
pub(crate) fn bucket_of_word(word: u32) -> i32 {
    word.cast_signed().wrapping_sub(BIAS)
}
