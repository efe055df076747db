//! What an expression gives, block after block.

use arrow::array::Float64Array;
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};

use crate::eval::{Block, Evaluate, LANES};
use crate::node::FloatNode;

/// The column of an expression, as far as it has been evaluated.
pub(crate) struct Values {
    values: Vec<f64>,
    known: Vec<u64>,
    /// Whether some row has no value.
    is_missing: bool,
}

impl Values {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self {
            values: Vec::with_capacity(rows),
            known: Vec::with_capacity(rows.div_ceil(LANES)),
            is_missing: false,
        }
    }

    /// Adds the values of the next block.
    pub(crate) fn push<'a>(&mut self, root: &'a FloatNode, block: &Block<'a>) {
        let mut lanes = [0.0; LANES];
        let known = root.evaluate(block, &mut lanes);
        self.values.extend_from_slice(&lanes[..block.len]);
        self.is_missing |= block.all & !known != 0;
        self.known.push(known);
    }

    pub(crate) fn finish(self, rows: usize) -> Float64Array {
        let known = || BooleanBuffer::new(Buffer::from_vec(self.known), 0, rows);
        let nulls = self.is_missing.then(|| NullBuffer::new(known()));
        Float64Array::new(self.values.into(), nulls)
    }
}
