//! How often the most frequent of a window's values occurs.
//!
//! Beside the count of each value, the number of values of each count: the largest count falls by one at
//! most when a value leaves. Cost: O(1). Space: that of a [`Table`] of all distinct values, and 4 to 16
//! bytes per record of the most frequent one.

use super::counts::Table;
use crate::words::take;

/// Counts that there is always room for.
const LEVELS_KEPT: usize = 16;

/// How often each hash of a window occurs, and how many occur how often.
#[derive(Debug, Default)]
pub(crate) struct Frequent {
    table: Table,
    /// Number of hashes that occur once, twice, …; the last is not 0.
    levels: Vec<u32>,
    /// Hashes counted, repeated ones included.
    len: u64,
}

impl Frequent {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.levels.capacity() * size_of::<u32>()
    }

    /// Counts a hash; 0 is none.
    #[inline]
    pub(crate) fn enter(&mut self, hash: u64) {
        let count = self.table.enter(hash) as usize;
        if count == 0 {
            return;
        }
        self.len += 1;
        if count > self.levels.len() {
            self.levels.push(0);
        }
        self.levels[count - 1] += 1;
        if count > 1 {
            self.levels[count - 2] -= 1;
        }
    }

    /// Takes back a hash that was counted.
    #[inline]
    pub(crate) fn leave(&mut self, hash: u64) {
        let Some(left) = self.table.take(hash) else {
            return;
        };
        let left = left as usize;
        self.len -= 1;
        self.levels[left] -= 1;
        if left > 0 {
            self.levels[left - 1] += 1;
        }
        while self.levels.last() == Some(&0) {
            self.levels.pop();
        }
        if self.levels.capacity() > most_capacity(self.levels.len()) {
            let room = (2 * self.levels.len()).max(LEVELS_KEPT);
            self.levels.shrink_to(room);
        }
    }

    /// Share of the most frequent hash, NaN without hashes; `own` is one more, that is counted without
    /// being added.
    #[inline]
    pub(crate) fn top_share(&self, own: Option<u64>) -> f64 {
        let own = own.filter(|&own| own != 0);
        let of_own = own.map_or(0, |own| self.table.get(own) as usize + 1);
        let most = self.levels.len().max(of_own);
        share(most as u64, self.len + u64::from(own.is_some()))
    }

    /// Appends the state as words: the room for counts, and the table.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self {
            table,
            // Counted again, in as much room.
            levels,
            len: _,
        } = self;
        out.push(levels.capacity() as u32);
        table.write(out);
    }

    /// Takes a written state from the front of `words`; `None` when it is not one.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        let mut rest = *words;
        let capacity = take(&mut rest)? as usize;
        let table = Table::read_from(&mut rest)?;
        let len: u64 = table.iter().map(|(_, count)| u64::from(count)).sum();
        let most = table.iter().map(|(_, count)| count as usize).max();
        let most = most.unwrap_or(0);
        // More records than that no window holds; and a key's rows, which are written too, are as many.
        u32::try_from(len).ok()?;
        if capacity < most || capacity > most_capacity(most) || most > COUNT_MAX {
            return None;
        }
        let mut levels = Vec::new();
        levels.reserve_exact(capacity);
        levels.resize(most, 0);
        for (_, count) in table.iter() {
            levels[count as usize - 1] += 1;
        }
        *words = rest;
        Some(Self { table, levels, len })
    }

    /// Asserts what holds between any two calls.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        self.table.validate();
        let mut levels = vec![0; self.levels.len()];
        for (_, count) in self.table.iter() {
            levels[count as usize - 1] += 1;
        }
        assert_eq!(levels, self.levels);
        assert_ne!(self.levels.last(), Some(&0));
        let len: u64 = self.table.iter().map(|(_, count)| u64::from(count)).sum();
        assert_eq!(len, self.len);
        assert!(self.levels.capacity() <= most_capacity(self.levels.len()));
    }
}

/// Largest count that is read back: what is made of it is 64 MiB. No key has as many records in a window.
const COUNT_MAX: usize = 1 << 24;

/// Most counts that there is room for where the most frequent hash occurs so often.
fn most_capacity(most: usize) -> usize {
    (4 * most).max(LEVELS_KEPT)
}

/// [`Frequent::top_share`] of these hashes, which are sorted on the way; 0 is none.
pub(crate) fn top_share_of(hashes: &mut [u64]) -> f64 {
    hashes.sort_unstable();
    let counted = &hashes[hashes.partition_point(|hash| *hash == 0)..];
    let most = counted.chunk_by(|a, b| a == b).map(<[u64]>::len).max();
    share(most.unwrap_or(0) as u64, counted.len() as u64)
}

/// 0 / 0 is NaN: no value.
#[inline]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
