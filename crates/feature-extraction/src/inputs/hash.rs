//! Hashes of values.

use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};
use foldhash::quality::FixedState;

/// Seed of the hash of values; part of the state's meaning, so it never changes.
pub(super) const VALUE_SEED: u64 = 0x7469_6c6c_7761_7463;

/// Stands for null inside a tuple of values.
const NULL_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hashes of a tuple of columns.
#[derive(Debug)]
pub(super) struct Hashes {
    /// One per row, in which null is a value; never 0, which stands for "does not count".
    values: Vec<u64>,
    /// Rows in which every column has a value; all when there is none.
    nulls: Option<NullBuffer>,
}

impl Hashes {
    /// Of the first `rows` rows of `arrays`. A value's hash is the seed of the next column's.
    pub(super) fn new(arrays: &[ArrayRef], rows: usize) -> Self {
        let mut values = vec![VALUE_SEED; rows];
        for array in arrays {
            hash_column(array, &mut values);
        }
        values.iter_mut().for_each(|hash| *hash = (*hash).max(1));
        let nulls = arrays.iter().map(Array::nulls);
        Self {
            values,
            nulls: nulls.fold(None, |all, nulls| NullBuffer::union(all.as_ref(), nulls)),
        }
    }

    /// One per row.
    #[inline]
    pub(super) fn values(&self) -> &[u64] {
        &self.values
    }

    /// That of `row`; 0 where a column is null.
    #[inline]
    pub(super) fn known(&self, row: usize) -> u64 {
        match &self.nulls {
            Some(nulls) if nulls.is_null(row) => 0,
            _ => self.values[row],
        }
    }
}

/// Replaces each row's seed by the hash of its value.
fn hash_column(array: &ArrayRef, hashes: &mut [u64]) {
    debug_assert!(array.len() >= hashes.len());
    let nulls = array.nulls();
    if let Some(texts) = array.as_string_opt::<i32>() {
        let data = texts.value_data();
        let texts = texts
            .value_offsets()
            .windows(2)
            .map(|ends| data.get(ends[0] as usize..ends[1] as usize));
        hash_values(texts.map(Option::unwrap_or_default), nulls, hashes);
    } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        hash_values(numbers.values().iter(), nulls, hashes);
    } else if let Some(times) = array.as_primitive_opt::<TimestampMillisecondType>() {
        hash_values(times.values().iter(), nulls, hashes);
    } else if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        // Adding zero makes one value of the two zeros.
        let bits = floats.values().iter().map(|value| (value + 0.0).to_bits());
        hash_values(bits, nulls, hashes);
    } else if let Some(truths) = array.as_boolean_opt() {
        hash_values(truths.values().iter(), nulls, hashes);
    } else {
        debug_assert!(
            array.null_count() == array.len(),
            "a column of a type that no catalog may name"
        );
        hashes.fill(NULL_HASH);
    }
}

fn hash_values<T: std::hash::Hash>(
    values: impl Iterator<Item = T>,
    nulls: Option<&NullBuffer>,
    hashes: &mut [u64],
) {
    let hash = |seed: u64, value: T| FixedState::with_seed(seed).hash_one(value);
    match nulls.filter(|nulls| nulls.null_count() > 0) {
        None => {
            for (seed, value) in hashes.iter_mut().zip(values) {
                *seed = hash(*seed, value);
            }
        }
        Some(nulls) => {
            for ((seed, value), is_valid) in hashes.iter_mut().zip(values).zip(nulls) {
                *seed = if is_valid {
                    hash(*seed, value)
                } else {
                    NULL_HASH
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::TimestampMillisecondArray;
    use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray};

    use super::*;

    /// The hash of one row, value by value.
    fn naive(arrays: &[ArrayRef], row: usize) -> u64 {
        let mut seed = VALUE_SEED;
        for array in arrays {
            let state = FixedState::with_seed(seed);
            seed = if array.is_null(row) {
                NULL_HASH
            } else if let Some(texts) = array.as_string_opt::<i32>() {
                state.hash_one(texts.value(row).as_bytes())
            } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
                state.hash_one(numbers.value(row))
            } else if let Some(times) = array.as_primitive_opt::<TimestampMillisecondType>() {
                state.hash_one(times.value(row))
            } else if let Some(truths) = array.as_boolean_opt() {
                state.hash_one(truths.value(row))
            } else {
                let floats = array.as_primitive::<Float64Type>();
                state.hash_one((floats.value(row) + 0.0).to_bits())
            };
        }
        seed.max(1)
    }

    #[test]
    fn columns_hash_as_rows_do() {
        let texts = StringArray::from(vec![Some("a"), None, Some(""), Some("a longer é"), None]);
        let numbers = Int64Array::from(vec![Some(1), Some(-1), None, Some(i64::MAX), None]);
        let floats = Float64Array::from(vec![0.0, -0.0, 1.5, f64::INFINITY, 2.0]);
        let times = TimestampMillisecondArray::from(vec![0, 1, 2, 3, 4]);
        let truths = BooleanArray::from(vec![Some(true), Some(false), None, Some(true), None]);
        let arrays: [ArrayRef; 5] = [
            Arc::new(texts),
            Arc::new(numbers),
            Arc::new(floats),
            Arc::new(times),
            Arc::new(truths),
        ];
        for mask in 0_usize..32 {
            for start in 0..3 {
                let chosen = arrays
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| mask >> i & 1 == 1);
                let tuple: Vec<ArrayRef> = chosen.map(|(_, a)| a.slice(start, 5 - start)).collect();
                let hashes = Hashes::new(&tuple, 5 - start);
                for row in 0..5 - start {
                    assert_eq!(hashes.values()[row], naive(&tuple, row));
                    let is_known = tuple.iter().all(|array| array.is_valid(row));
                    let wanted = if is_known { naive(&tuple, row) } else { 0 };
                    assert_eq!(hashes.known(row), wanted);
                }
            }
        }
    }

    #[test]
    fn hashes_are_part_of_what_is_kept() {
        let array: ArrayRef = Arc::new(StringArray::from(vec![Some("4711"), None]));
        let hashes = Hashes::new(&[Arc::clone(&array), array], 2);
        assert_eq!(hashes.values(), [18_255_974_045_168_382_754, NULL_HASH]);
    }
}
