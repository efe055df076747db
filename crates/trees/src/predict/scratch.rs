//! Room that predictions work in.

use crate::predict::bits::{BLOCK_ROWS, Bits, Each, ROW_BYTES, ROWS};
use crate::predict::nodes::Codes;
use crate::predict::number::{Number, Values};

/// Alignment of rows of bits: a cache line.
const ALIGNMENT: usize = 64;

/// Room that predictions work in. One for each thread; any predictor can use any of them.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Rows of bits, preceded by what aligns them.
    pub(super) bits: Vec<u8>,
    /// Of each column.
    pub(super) codes: Vec<Each<i8>>,
    /// Values of a feature in a block that is not full.
    pub(super) padded: Vec<f64>,
    pub(super) ranks: Vec<u32>,
    /// Codes of one row.
    pub(super) inputs: Vec<u32>,
    pub(super) row_codes: Codes,
    pub(super) values: Values,
}

impl Scratch {
    /// Makes room for a block of `columns`.
    pub(super) fn reserve(&mut self, columns: usize) {
        // Only rows that are used take room: fresh zeros are not written.
        if self.bits.is_empty() {
            self.bits = vec![0; ROWS * ROW_BYTES + ALIGNMENT];
        }
        let columns = self.codes.len().max(columns);
        self.codes.resize(columns, [[0; ROW_BYTES]; 8]);
        self.padded.resize(BLOCK_ROWS, 0.0);
        self.ranks.resize(BLOCK_ROWS, 0);
    }

    /// Bytes allocated. Of the rows of bits the system gives those alone that were written.
    pub fn bytes(&self) -> usize {
        let Self {
            bits,
            codes,
            padded,
            ranks,
            inputs,
            row_codes: _,
            values,
        } = self;
        let words = size_of::<u32>() * (ranks.capacity() + inputs.capacity());
        bits.capacity()
            + codes.capacity() * size_of::<Each<i8>>()
            + padded.capacity() * size_of::<f64>()
            + words
            + values.bytes()
    }

    /// Codes, bits and what walks look at.
    pub(super) fn parts<T: Number>(&mut self) -> (&[Each<i8>], &mut Bits, &[T]) {
        let start = self.bits.as_ptr().align_offset(ALIGNMENT);
        let rows = self.bits[start..].as_chunks_mut::<ROW_BYTES>().0;
        let Some(bits) = rows.first_chunk_mut::<ROWS>() else {
            unreachable!("room for all rows is reserved")
        };
        (&self.codes, bits, T::buffer(&mut self.values))
    }
}
