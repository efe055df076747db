//! A count per hash.

use super::pod_map::PodMap;

/// Largest count that is read back, so that it can still grow; no window holds as many records.
const COUNT_MAX: u32 = u32::MAX / 2;

/// A count per hash, never 0.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(super) PodMap<u32>);

impl Table {
    /// Bytes allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Number of distinct hashes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all hashes and gives the space back.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// How often the hash was counted.
    #[inline]
    pub(crate) fn get(&self, hash: u64) -> u32 {
        if hash == 0 {
            return 0;
        }
        self.0.get(hash).unwrap_or(0)
    }

    /// Counts a hash; gives its count from then on.
    #[inline]
    pub(crate) fn enter(&mut self, hash: u64) -> u32 {
        if hash == 0 {
            return 0;
        }
        match self.0.find(hash) {
            Ok(slot) => {
                let count = self.0.value_at(slot) + 1;
                self.0.set(slot, count);
                count
            }
            Err(slot) => {
                self.0.insert_at(slot, hash, 1);
                1
            }
        }
    }

    /// Takes back a hash that was counted; gives its count from then on.
    #[inline]
    pub(crate) fn leave(&mut self, hash: u64) -> u32 {
        self.take(hash).unwrap_or(0)
    }

    /// [`Table::leave`], but `None` for no hash, and for one that is not counted: state that is read back
    /// is not compared with its window's records, that would take longer than all the rest.
    #[inline]
    pub(super) fn take(&mut self, hash: u64) -> Option<u32> {
        if hash == 0 {
            return None;
        }
        let slot = self.0.find(hash).ok()?;
        let count = self.0.value_at(slot) - 1;
        if count == 0 {
            self.0.remove_at(slot);
        } else {
            self.0.set(slot, count);
        }
        Some(count)
    }

    /// Keeps the hashes that `keep` wants, with their counts.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        self.0.retain(|hash, _| keep(hash));
    }

    /// Hashes and counts, in an order that depends on the content and the capacity only.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.0.iter()
    }

    /// Appends the table as words, its slots as they are.
    pub(crate) fn write(&self, out: &mut Vec<u32>) {
        let Self(table) = self;
        table.write(out);
    }

    /// Takes a written table from the front of `words`; `None` when it is not one.
    pub(crate) fn read_from(words: &mut &[u32]) -> Option<Self> {
        PodMap::read_if(words, |count| (1..=COUNT_MAX).contains(&count)).map(Self)
    }

    /// Asserts what holds between any two calls.
    #[cfg(test)]
    pub(crate) fn validate(&self) {
        self.0.validate();
        assert!(self.iter().all(|(_, count)| count != 0));
    }
}
