//! One predicate or expression: parsed, and evaluated over columns.

use arrow::array::{ArrayRef, Float64Array};
use arrow::buffer::{BooleanBuffer, Buffer};

use crate::canonical::canonical;
use crate::compile::compile;
use crate::error::{PredicateError, excerpt};
use crate::eval::{Arena, Block, LANES};
use crate::node::{BoolNode, FloatNode};
use crate::operand::Typed;
use crate::scope::Scope;
use crate::values::Values;

/// A boolean expression.
#[derive(Debug, Clone)]
pub struct Predicate {
    pub(crate) root: BoolNode,
    /// Sorted, without repetition; a column node's slot is its index here.
    pub(crate) inputs: Vec<String>,
}

/// A numeric expression; a boolean one counts as 0 or 1, a time as milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct Expression {
    pub(crate) root: FloatNode,
    /// As in [`Predicate`].
    pub(crate) inputs: Vec<String>,
}

impl Predicate {
    /// Parses `sql` and checks it against `scope`.
    ///
    /// # Errors
    /// Says what is wrong, where, and the nearest known name for an unknown one.
    pub fn parse(sql: &str, scope: &dyn Scope) -> Result<Self, PredicateError> {
        let (typed, inputs) = compile(sql, scope)?;
        let root = match typed {
            Typed::Bool(root) => root,
            Typed::Null => BoolNode::Const(None),
            other => {
                return Err(PredicateError::NotBoolean {
                    found: other.type_name(),
                    text: excerpt(sql),
                });
            }
        };
        Ok(Self { root, inputs })
    }

    /// Names of the columns it reads. [`Predicate::evaluate`] wants them in this order, which is
    /// alphabetical: predicates with the same canonical text have the same inputs.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Which of `rows` rows satisfy the predicate; NULL is false. `inputs` are the columns named by
    /// [`Predicate::inputs`], of the types that the scope gave, with at least `rows` rows each: a
    /// column that breaks this reads as NULL (and fails an assertion in debug builds).
    pub fn evaluate(&self, inputs: &[ArrayRef], rows: usize) -> BooleanBuffer {
        let mut words = Vec::with_capacity(rows.div_ceil(LANES));
        self.evaluate_words(inputs, rows, &mut words);
        BooleanBuffer::new(Buffer::from_vec(words), 0, rows)
    }

    /// As [`Predicate::evaluate`], into `words`, which is cleared first: bit `i % 64` of word
    /// `i / 64` is row `i`; bits past the last row are 0. Allocates nothing when `words` has room.
    pub fn evaluate_words(&self, inputs: &[ArrayRef], rows: usize, words: &mut Vec<u64>) {
        debug_assert_eq!(inputs.len(), self.inputs.len());
        words.clear();
        words.extend(Block::starts(rows).map(|start| {
            let arena = Arena::default();
            let block = Block::at(inputs, rows, start, &arena);
            self.root.logic(&block).truth
        }));
    }

    /// Normalised text: two predicates with the same text give the same result on the same columns.
    /// Parentheses are made explicit, `AND` and `OR` are sorted, constants stand on the right.
    pub fn canonical(&self) -> String {
        canonical(&self.root, &self.inputs)
    }
}

impl Expression {
    /// Parses `sql` and checks it against `scope`.
    ///
    /// # Errors
    /// As [`Predicate::parse`].
    pub fn parse(sql: &str, scope: &dyn Scope) -> Result<Self, PredicateError> {
        let (typed, inputs) = compile(sql, scope)?;
        let root = match typed {
            Typed::Float(root) => root,
            Typed::Int(root) | Typed::Time(root) => FloatNode::from_int(root),
            Typed::Bool(root) => FloatNode::FromBool(Box::new(root)),
            Typed::Null => FloatNode::Const(None),
            Typed::Text(_) => {
                return Err(PredicateError::NotNumeric {
                    found: "text",
                    text: excerpt(sql),
                });
            }
        };
        Ok(Self { root, inputs })
    }

    /// Names of the columns it reads, in the order that [`Expression::evaluate`] wants them.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// The value of each of `rows` rows, null where it is NULL. `inputs` as in
    /// [`Predicate::evaluate`].
    pub fn evaluate(&self, inputs: &[ArrayRef], rows: usize) -> Float64Array {
        debug_assert_eq!(inputs.len(), self.inputs.len());
        let mut values = Values::with_capacity(rows);
        for start in Block::starts(rows) {
            let arena = Arena::default();
            values.push(&self.root, &Block::at(inputs, rows, start, &arena));
        }
        values.finish(rows)
    }

    /// Normalised text, as [`Predicate::canonical`].
    pub fn canonical(&self) -> String {
        canonical(&self.root, &self.inputs)
    }
}
