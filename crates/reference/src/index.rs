//! From a key to its row.

use std::hash::BuildHasher as _;

use arrow::array::{Array, StringArray, UInt32Array};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// The rows of a table by key.
#[derive(Debug)]
pub(crate) struct Index {
    /// Without nulls or repetition.
    keys: StringArray,
    /// Hash and row; the hash spares most comparisons of texts.
    rows: HashTable<(u32, u32)>,
    hasher: FixedState,
}

impl Index {
    /// An index of `keys`, at most [`u32::MAX`] rows. A row without a key is passed over. `again` is given
    /// the first row of a key and each other one.
    pub(crate) fn new(keys: StringArray, mut again: impl FnMut(usize, usize)) -> Self {
        let hasher = FixedState::default();
        let mut rows: HashTable<(u32, u32)> = HashTable::with_capacity(keys.len());
        for row in 0..keys.len() {
            if keys.is_null(row) {
                continue;
            }
            let key = keys.value(row);
            let hash = hasher.hash_one(key);
            let same = |(short, other): &(u32, u32)| {
                *short == hash as u32 && keys.value(*other as usize) == key
            };
            if let Some((_, first)) = rows.find(hash, same) {
                again(*first as usize, row);
                continue;
            }
            rows.insert_unique(hash, (hash as u32, row as u32), |(_, other)| {
                hasher.hash_one(keys.value(*other as usize))
            });
        }
        Self { keys, rows, hasher }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The row of each key; null where there is none.
    pub(crate) fn find(&self, keys: &StringArray) -> UInt32Array {
        keys.iter()
            .map(|key| {
                let key = key?;
                let hash = self.hasher.hash_one(key);
                let same = |(short, row): &(u32, u32)| {
                    *short == hash as u32 && self.keys.value(*row as usize) == key
                };
                self.rows.find(hash, same).map(|(_, row)| *row)
            })
            .collect()
    }
}
