//! Shannon entropy of a window's values, in bits.
//!
//! With c records of a value and n in all, entropy = −Σ (c/n)·log2(c/n) = log2 n − (Σ c·log2 c)/n.
//! The sum is kept in whole units of 2^−24, so that what enters and leaves cancels exactly and the
//! result depends on the window alone. Error: half a unit per distinct value over n, below 3·10⁻⁸.
//! Cost: O(1). Space: that of a [`Table`] of all distinct values.

use std::sync::LazyLock;

use super::counts::Table;

/// Units of the sum in one bit.
const UNITS: f64 = (1u64 << 24) as f64;

/// Counts whose terms are looked up.
const LOOKED_UP: usize = 256;

static TERMS: LazyLock<[u64; LOOKED_UP]> = LazyLock::new(|| std::array::from_fn(rounded_term));

/// How often each hash of a window occurs, and the sum of their terms.
#[derive(Debug, Default)]
pub(crate) struct Entropy {
    table: Table,
    /// Σ c·log2 c, each term rounded to units.
    sum: u64,
    /// Hashes counted, repeated ones included.
    len: u64,
}

impl Entropy {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Forgets all hashes and gives the space back.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Counts a hash; 0 is none.
    #[inline]
    pub(crate) fn enter(&mut self, hash: u64) {
        let count = self.table.enter(hash);
        if count != 0 {
            self.sum += term(count) - term(count - 1);
            self.len += 1;
        }
    }

    /// Takes back a hash that was counted.
    #[inline]
    pub(crate) fn leave(&mut self, hash: u64) {
        if let Some(count) = self.table.take(hash) {
            self.sum -= term(count + 1) - term(count);
            self.len -= 1;
        }
    }

    /// Entropy in bits, NaN without hashes; `own` is one more, that is counted without being added.
    #[inline]
    pub(crate) fn read(&self, own: Option<u64>) -> f64 {
        let Some(own) = own.filter(|&own| own != 0) else {
            return bits(self.sum, self.len, self.table.len());
        };
        let count = self.table.get(own);
        let sum = self.sum + term(count + 1) - term(count);
        bits(
            sum,
            self.len + 1,
            self.table.len() + usize::from(count == 0),
        )
    }

    /// Appends the state as words: those of its table.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            table,
            // Both are sums over the table.
            sum: _,
            len: _,
        } = self;
        table.write(out);
    }

    /// Takes a written state from the front of `words`; `None` when it is not one.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let mut rest = *words;
        let table = Table::read_from(&mut rest)?;
        let len: u64 = table.iter().map(|(_, count)| u64::from(count)).sum();
        // More records than that no window holds, and their terms would not fit.
        u32::try_from(len).ok()?;
        let sum = table.iter().map(|(_, count)| term(count)).sum();
        *words = rest;
        Some(Self { table, sum, len })
    }

    /// Asserts what holds between any two calls.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        self.table.validate();
        let sum: u64 = self.table.iter().map(|(_, count)| term(count)).sum();
        let len: u64 = self.table.iter().map(|(_, count)| u64::from(count)).sum();
        assert_eq!((sum, len), (self.sum, self.len));
    }
}

/// [`Entropy::read`] of these hashes, which are sorted on the way; 0 is none.
pub(crate) fn entropy_of(hashes: &mut [u64]) -> f64 {
    hashes.sort_unstable();
    let hashes = &hashes[hashes.partition_point(|&hash| hash == 0)..];
    let (mut sum, mut distinct) = (0, 0);
    for equal in hashes.chunk_by(|a, b| a == b) {
        sum += term(equal.len() as u32);
        distinct += 1;
    }
    bits(sum, hashes.len() as u64, distinct)
}

/// Exactly 0 for one value, whatever the rounding of its term.
#[inline]
fn bits(sum: u64, len: u64, distinct: usize) -> f64 {
    match distinct {
        0 => f64::NAN,
        1 => 0.0,
        _ => (libm::log2(len as f64) - sum as f64 / (len as f64 * UNITS)).max(0.0),
    }
}

/// c·log2 c in units.
#[inline]
fn term(count: u32) -> u64 {
    let count = count as usize;
    if count < LOOKED_UP {
        TERMS[count]
    } else {
        rounded_term(count)
    }
}

fn rounded_term(count: usize) -> u64 {
    if count == 0 {
        return 0;
    }
    let count = count as f64;
    (count * libm::log2(count) * UNITS).round() as u64
}
