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

/// The low 64 bits of the difference of two numbers of 96 bits, and whether that is all of it. The numbers
/// are their low 64 bits and the word above them.
#[inline]
pub(crate) fn difference96(end: (u64, u32), start: (u64, u32)) -> (i64, bool) {
    let (low, borrow) = end.0.overflowing_sub(start.0);
    let high = end.1.wrapping_sub(start.1).wrapping_sub(u32::from(borrow));
    let low = low.cast_signed();
    (low, i64::from(high.cast_signed()) == low >> 63)
}

/// The low 128 bits of the difference of two numbers of 160 bits, and whether that is all of it. The numbers
/// are their low 128 bits and the word above them.
#[inline]
pub(crate) fn difference160(end: (u128, u32), start: (u128, u32)) -> (u128, bool) {
    let (low, borrow) = end.0.overflowing_sub(start.0);
    (low, end.1.wrapping_sub(start.1) == u32::from(borrow))
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
