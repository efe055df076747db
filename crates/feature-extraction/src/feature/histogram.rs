//! Buckets of numbers: 64 per power of two.

/// Bits of a float below its bucket: sign, 11 bits of exponent and 6 of mantissa stay.
const SHIFT: u32 = 46;

/// Bucket of positive infinity; of negative infinity it is the complement.
const INFINITE: i32 = 0x7FF0 << 2;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of every exponent and of both signs: the bounds of each bucket, and within.
    fn all_buckets() -> impl Iterator<Item = f64> {
        let magnitudes = (0..INFINITE as u64).flat_map(|bucket| {
            let low = bucket << SHIFT;
            let width = 1 << SHIFT;
            [
                low,
                low + 1,
                low + width / 3,
                low + width / 2,
                low + width - 1,
            ]
        });
        magnitudes.flat_map(|bits| [f64::from_bits(bits), -f64::from_bits(bits)])
    }

    #[test]
    fn a_bucket_stands_for_its_numbers() {
        for number in all_buckets() {
            let bucket = bucket_of(number);
            let error = (value_of(bucket) - number).abs();
            let size = number.abs();
            if size >= f64::MIN_POSITIVE {
                assert!(error * 128.0 <= size, "{number:e}: off by {error:e}");
            } else {
                assert!(error <= f64::from_bits(1 << SHIFT), "{number:e}");
            }
            assert_eq!(bucket_of(value_of(bucket)), bucket, "{number:e}");
            assert_eq!(
                value_of(bucket_of(-number)),
                -value_of(bucket),
                "{number:e}"
            );
        }
    }

    #[test]
    fn buckets_are_in_the_order_of_numbers() {
        let mut numbers: Vec<f64> = all_buckets().collect();
        numbers.extend([f64::INFINITY, f64::NEG_INFINITY]);
        numbers.sort_unstable_by(f64::total_cmp);
        let buckets: Vec<i32> = numbers.iter().map(|&number| bucket_of(number)).collect();
        assert!(buckets.is_sorted());
        assert!(!buckets.contains(&-1));
        let values: Vec<f64> = buckets.iter().map(|&bucket| value_of(bucket)).collect();
        assert!(values.is_sorted());
    }

    #[test]
    fn zeros_and_infinities_are_exact() {
        for zero in [0.0, -0.0] {
            assert_eq!(bucket_of(zero), 0);
        }
        assert_eq!(value_of(0).to_bits(), 0);
        assert_eq!(value_of(-1).to_bits(), 0);
        for infinity in [f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(value_of(bucket_of(infinity)), infinity);
        }
        assert!(value_of(bucket_of(f64::MAX)).is_finite());
        assert_eq!(bucket_of(1.0), 1023 << 6);
        assert_eq!(value_of(bucket_of(1.0)), 1.0 + 1.0 / 128.0);
    }
}
