//! Whether a value differs from that of the record before.
//!
//! Cost: one comparison. Space: 8 bytes per key, the hash of the value (64 bits, so that a change goes
//! unseen once in 10¹⁹).

use crate::words::{get64, set64};

/// Words per key: the hash of the last counted record's value, or 0.
pub(crate) const WORDS: usize = 2;

/// 1 where the value of hash `value` is not the previous counted record's, 0 where it is; NaN for the
/// first, and where the record does not count: its hash is 0.
#[inline]
pub(crate) fn read(memory: &[u32], value: u64) -> f64 {
    let previous = get64(memory, 0);
    if value == 0 || previous == 0 {
        return f64::NAN;
    }
    f64::from(u8::from(value != previous))
}

/// Takes in a record in order.
#[inline]
pub(crate) fn update(memory: &mut [u32], value: u64) {
    if value != 0 {
        set64(memory, 0, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::samples;

    #[test]
    fn tells_changes() {
        let mut memory = [0; WORDS];
        let mut seen = Vec::new();
        for value in [0, 7, 7, 0, 7, 9, 0, 7] {
            seen.push(read(&memory, value));
            update(&mut memory, value);
        }
        let null = [0, 1, 3, 6];
        for (n, found) in seen.iter().enumerate() {
            let expected = [2.0, 2.0, 0.0, 2.0, 0.0, 1.0, 2.0, 1.0][n];
            assert_eq!(found.is_nan(), null.contains(&n));
            assert!(found.is_nan() || *found == expected, "record {n}: {found}");
        }
    }

    #[test]
    fn compares_with_the_last_that_counted() {
        let values: Vec<u64> = samples(1, 500).iter().map(|s| s.kind % 4).collect();
        let mut memory = [0; WORDS];
        for (n, &value) in values.iter().enumerate() {
            let before = values[..n].iter().rev().find(|&&before| before != 0);
            let expected = before.filter(|_| value != 0).map(|&b| b != value);
            let found = read(&memory, value);
            assert_eq!((!found.is_nan()).then_some(found == 1.0), expected);
            update(&mut memory, value);
        }
    }
}
