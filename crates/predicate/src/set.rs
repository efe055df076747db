//! Many predicates and expressions evaluated together.

use arrow::array::{ArrayRef, Float64Array};
use arrow::buffer::{BooleanBuffer, Buffer};

use crate::eval::{Arena, Block, LANES, Memo, Slots};
use crate::expression::{Expression, Predicate};
use crate::node::{BoolNode, FloatNode};
use crate::values::Values;

mod share;

use share::{Members, share};

/// Predicates and expressions over the same columns, evaluated together: what several of them ask is
/// found out once per block of rows, and so is the text that several of their tests read. Gives what
/// each would give by itself.
#[derive(Debug, Clone, Default)]
pub struct PredicateSet {
    predicates: Vec<BoolNode>,
    expressions: Vec<FloatNode>,
    /// Sorted, without repetition; a column node's slot is its index here.
    inputs: Vec<String>,
    slots: Slots,
}

/// What a [`PredicateSet`] gives.
#[derive(Debug, Clone, Default)]
pub struct Evaluated {
    /// As [`Predicate::evaluate`], per predicate in the order that the set was made of.
    pub predicates: Vec<BooleanBuffer>,
    /// As [`Expression::evaluate`], per expression in that order.
    pub expressions: Vec<Float64Array>,
}

impl PredicateSet {
    /// A set of `predicates` and `expressions`, all parsed against one scope: a name means a column
    /// of one type in all of them.
    pub fn new(predicates: &[&Predicate], expressions: &[&Expression]) -> Self {
        let Members {
            predicates,
            expressions,
            inputs,
            slots,
        } = share(predicates, expressions);
        Self {
            predicates,
            expressions,
            inputs,
            slots,
        }
    }

    /// Names of the columns that some of them read, in the order that [`PredicateSet::evaluate`]
    /// wants them, which is alphabetical.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Evaluates all of them over `rows` rows; `inputs` as in [`Predicate::evaluate`].
    pub fn evaluate(&self, inputs: &[ArrayRef], rows: usize) -> Evaluated {
        let mut words = Vec::new();
        let mut values: Vec<Values> = Vec::with_capacity(self.expressions.len());
        values.resize_with(self.expressions.len(), || Values::with_capacity(rows));
        self.evaluate_into(inputs, rows, &mut words, &mut values);
        Evaluated {
            predicates: words
                .into_iter()
                .map(|words| BooleanBuffer::new(Buffer::from_vec(words), 0, rows))
                .collect(),
            expressions: values.into_iter().map(|v| v.finish(rows)).collect(),
        }
    }

    /// Evaluates the predicates alone, into `words`: a list per predicate, as
    /// [`Predicate::evaluate_words`] gives it.
    pub fn evaluate_words(&self, inputs: &[ArrayRef], rows: usize, words: &mut Vec<Vec<u64>>) {
        self.evaluate_into(inputs, rows, words, &mut []);
    }

    fn evaluate_into(
        &self,
        inputs: &[ArrayRef],
        rows: usize,
        words: &mut Vec<Vec<u64>>,
        values: &mut [Values],
    ) {
        debug_assert_eq!(inputs.len(), self.inputs.len());
        words.resize_with(self.predicates.len(), Vec::new);
        for words in words.iter_mut() {
            words.clear();
            words.reserve_exact(rows.div_ceil(LANES));
        }
        let memo = Memo::new(self.slots);
        for start in Block::starts(rows) {
            let arena = Arena::default();
            let block = Block::at(inputs, rows, start, &arena).with_memo(&memo);
            for (root, words) in self.predicates.iter().zip(words.iter_mut()) {
                words.push(root.logic(&block).truth);
            }
            for (root, values) in self.expressions.iter().zip(values.iter_mut()) {
                values.push(root, &block);
            }
        }
    }
}
