//! Numbers as 32-bit words: state is kept in them, and written as it is kept.

/// The number whose halves are these words, the low half first.
#[inline]
pub(crate) fn whole([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// The halves of a number, the low half first.
#[inline]
pub(crate) fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

#[inline]
pub(crate) fn get64(words: &[u32], at: usize) -> u64 {
    let pair = &words[at..at + 2];
    u64::from(pair[0]) | (u64::from(pair[1]) << 32)
}

#[inline]
pub(crate) fn set64(words: &mut [u32], at: usize, value: u64) {
    let pair = &mut words[at..at + 2];
    pair[0] = value as u32;
    pair[1] = (value >> 32) as u32;
}

#[inline]
pub(crate) fn get_float(words: &[u32], at: usize) -> f64 {
    f64::from_bits(get64(words, at))
}

#[inline]
pub(crate) fn set_float(words: &mut [u32], at: usize, value: f64) {
    set64(words, at, value.to_bits());
}

#[inline]
pub(crate) fn get128(words: &[u32], at: usize) -> u128 {
    u128::from(get64(words, at)) | (u128::from(get64(words, at + 2)) << 64)
}

#[inline]
pub(crate) fn set128(words: &mut [u32], at: usize, value: u128) {
    set64(words, at, value as u64);
    set64(words, at + 2, (value >> 64) as u64);
}

/// Adds a number of 96 bits, wrapping: 64 bits and the word above them.
#[inline]
pub(crate) fn add96(total: &mut [u32; 3], own: &[u32; 3]) {
    let [low, middle, high] = *own;
    let (sum, carry) = whole([total[0], total[1]]).overflowing_add(whole([low, middle]));
    [total[0], total[1]] = halves(sum);
    total[2] = total[2].wrapping_add(high).wrapping_add(u32::from(carry));
}

/// The low 64 bits of the difference of two numbers of 96 bits at word `at`, and whether that is all of it.
#[inline]
pub(crate) fn difference96(end: &[u32], start: &[u32], at: usize) -> (i64, bool) {
    let (low, borrow) = get64(end, at).overflowing_sub(get64(start, at));
    let high = end[at + 2].wrapping_sub(start[at + 2]);
    let low = low.cast_signed();
    let high = high.wrapping_sub(u32::from(borrow)).cast_signed();
    (low, i64::from(high) == low >> 63)
}

/// Adds a number of 160 bits, wrapping: 128 bits and the word above them.
#[inline]
pub(crate) fn add160(total: &mut [u32; 5], own: &[u32; 5]) {
    let (sum, carry) = get128(total, 0).overflowing_add(get128(own, 0));
    set128(total, 0, sum);
    total[4] = total[4].wrapping_add(own[4]).wrapping_add(u32::from(carry));
}

/// The low 128 bits of the difference of two numbers of 160 bits at word `at`, and whether that is all of it.
#[inline]
pub(crate) fn difference160(end: &[u32], start: &[u32], at: usize) -> (u128, bool) {
    let (low, borrow) = get128(end, at).overflowing_sub(get128(start, at));
    let high = end[at + 4].wrapping_sub(start[at + 4]);
    (low, high == u32::from(borrow))
}

/// Adds, wrapping.
#[inline]
pub(crate) fn add128(words: &mut [u32], at: usize, value: u128) {
    set128(words, at, get128(words, at).wrapping_add(value));
}

#[inline]
pub(crate) fn get_time(words: &[u32], at: usize) -> i64 {
    get64(words, at).cast_signed()
}

/// Appends a number of two words.
#[inline]
pub(crate) fn push64(out: &mut Vec<u32>, value: u64) {
    out.extend(halves(value));
}

/// Takes a word from the front of `words`.
#[inline]
pub(crate) fn take(words: &mut &[u32]) -> Option<u32> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    Some(*first)
}

/// Takes a number of two words from the front of `words`.
#[inline]
pub(crate) fn take64(words: &mut &[u32]) -> Option<u64> {
    let low = take(words)?;
    let high = take(words)?;
    Some(whole([low, high]))
}

/// Takes `length` words from the front of `words`.
#[inline]
pub(crate) fn take_run<'a>(words: &mut &'a [u32], length: usize) -> Option<&'a [u32]> {
    let (run, rest) = words.split_at_checked(length)?;
    *words = rest;
    Some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words96(value: i128) -> [u32; 3] {
        [value as u32, (value >> 32) as u32, (value >> 64) as u32]
    }

    #[test]
    fn sums_of_integers_are_told_from_those_that_wrapped() {
        let values = [
            i64::MIN,
            i64::MIN + 1,
            -1,
            0,
            1,
            1 << 40,
            i64::MAX - 1,
            i64::MAX,
        ];
        for before in values.map(i128::from) {
            let start = words96(before * 12_345);
            for (a, b) in values
                .iter()
                .flat_map(|a| values.map(|b| (i128::from(*a), i128::from(b))))
            {
                let mut end = start;
                add96(&mut end, &words96(a));
                add96(&mut end, &words96(b));
                let (low, fits) = difference96(&end, &start, 0);
                assert_eq!(fits, i64::try_from(a + b).is_ok(), "{a} + {b}");
                assert_eq!(low, (a + b) as i64);
            }
        }
    }

    #[test]
    fn sums_of_squares_are_told_from_those_that_wrapped() {
        let largest = (1_u128 << 126).to_le_bytes();
        let square: Vec<u32> = largest
            .as_chunks()
            .0
            .iter()
            .map(|bytes| u32::from_le_bytes(*bytes))
            .chain([0])
            .collect();
        let square: [u32; 5] = square.try_into().unwrap();
        let start = [7, u32::MAX, u32::MAX, u32::MAX, u32::MAX];
        let mut end = start;
        for count in 1..9_u128 {
            add160(&mut end, &square);
            let (low, fits) = difference160(&end, &start, 0);
            assert_eq!(fits, count < 4, "{count}");
            assert_eq!(low, (1_u128 << 126).wrapping_mul(count));
        }
    }
}
