//! SQL predicates and expressions over Arrow columns: parsed once, checked against a [`Scope`],
//! compiled to a tree of typed operations that is walked once per block of 64 rows. A
//! [`PredicateSet`] walks many of them together and does what they have in common once.
//!
//! # Language
//! `AND`, `OR`, `NOT`; `= <> < <= > >=`, `IS [NOT] DISTINCT FROM`; `[NOT] IN`, `[NOT] BETWEEN`,
//! `[NOT] LIKE … [ESCAPE …]` on text; `IS [NOT] NULL | TRUE | FALSE | UNKNOWN`; `+ - * / %` and
//! unary minus; integers, decimals, `'text'`, `TIMESTAMP '…'`, `TRUE`, `FALSE`, `NULL`; `CASE`;
//! the functions below.
//!
//! | function | gives |
//! |---|---|
//! | `abs(number)`, `floor(number)`, `round(number)` | the same type; `round` takes halves away from zero |
//! | `ln(number)` | natural logarithm; NULL of what is not positive |
//! | `greatest(…)`, `least(…)` | the extreme of the known arguments |
//! | `coalesce(…)` | the first known argument |
//! | `haversine_km(lat1, lon1, lat2, lon2)` | great-circle distance in km of two places in degrees, on a sphere of 6371.0088 km |
//! | `epoch_ms(time)` | integer of milliseconds since 1970 |
//! | `hour(time [, offset])`, `minute(time [, offset])` | of the clock `offset` minutes ahead of UTC (UTC without), 0 to 23 and 0 to 59 |
//! | `weekday(time [, offset])` | Monday 0 to Sunday 6, likewise |
//! | `left(text, n)`, `right(text, n)` | the first or last `n` characters; none when `n` is not positive |
//! | `substr(text, from [, n])` | `n` characters from the one at `from`, counted from 1 |
//! | `length(text)` | number of characters |
//! | `upper(text)` | upper case |
//! | `hex(text)` | integer of hexadecimal digits, without prefix; NULL when it is anything else or beyond 63 bits |
//! | `contains_item(list, item)` | whether `item` is one of a list's items, which are separated by `;`; blanks around items do not count, an empty item is in no list |
//! | `version_before(a, b)` | whether version `a` precedes `b`: parts between dots, numeric ones compared as numbers and before all others, others as text; a missing part is 0 |
//!
//! `&` is the bitwise and of integers; it binds weaker than `+` and stronger than comparisons, so
//! that `flags & 4 = 4` means `(flags & 4) = 4`.
//!
//! # Semantics
//! - Three-valued logic inside; at the end of a [`Predicate`] NULL is false.
//! - Integers are exact: what overflows 64 bits is NULL. `/` is always division of doubles, because
//!   a ratio of two counters is what people write it for; `/ 0` and `% 0` are NULL.
//! - An integer is compared with a double by their exact values, never by rounding the integer.
//!   Where both meet in `+ - * %`, `CASE`, `coalesce`, `greatest` or `least`, the integer is
//!   converted to the nearest double.
//! - NaN is no value: in a column and as a result it is NULL. So comparisons have a total order,
//!   with −0 = +0. Every result is the same bit for bit on every machine.
//! - A function of a NULL is NULL. But `greatest` and `least` leave NULLs aside and are NULL only
//!   when every argument is, as in PostgreSQL.
//! - Text is compared by bytes.
//! - A time minus a time is an integer of milliseconds; a time plus or minus an integer of
//!   milliseconds is a time. A text literal that meets a time is read as RFC 3339.
//!
//! Nothing here does I/O, reads a clock or panics on any input text.

mod canonical;
mod compile;
mod error;
mod eval;
mod forms;
mod functions;
mod like;
mod literal;
mod node;
mod operand;
mod parse;
mod scalar;
mod set;
#[cfg(test)]
mod tests;

use arrow::array::{ArrayRef, Float64Array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{DataType, Schema};

pub use crate::error::PredicateError;
use crate::eval::{Arena, Block, Evaluate, LANES};
use crate::node::{BoolNode, FloatNode};
use crate::operand::Typed;
pub use crate::scalar::haversine_km;
pub use crate::set::{Evaluated, PredicateSet};

/// Longest text of one predicate or expression, in bytes. A list of some thousand card or merchant
/// codes fits.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of parentheses, functions and operators, counting a chain of `AND` or `OR` as one
/// level. Parsing, compiling and evaluating recurse this deep at most, so hostile text cannot exhaust
/// the stack.
pub const NESTING_MAX: usize = 32;

/// Most words and operators of one text, literals and commas aside. Chains such as `a + a + …` build
/// a tree as deep as they are long, so this bounds how deep dropping it recurses.
pub const OPERATORS_MAX: usize = 1024;

/// The columns that a predicate may name.
pub trait Scope {
    /// Arrow type of the column called `name`: Utf8, Int64, Float64, Timestamp(ms) or Boolean.
    fn data_type(&self, name: &str) -> Option<DataType>;

    /// Every name, for suggestions in error messages.
    fn names(&self) -> Vec<String>;
}

impl Scope for Schema {
    fn data_type(&self, name: &str) -> Option<DataType> {
        self.field_with_name(name)
            .ok()
            .map(|field| field.data_type().clone())
    }

    fn names(&self) -> Vec<String> {
        self.fields().iter().map(|f| f.name().clone()).collect()
    }
}

/// A boolean expression.
#[derive(Debug, Clone)]
pub struct Predicate {
    root: BoolNode,
    /// Sorted, without repetition; a column node's slot is its index here.
    inputs: Vec<String>,
}

/// A numeric expression; a boolean one counts as 0 or 1, a time as milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct Expression {
    root: FloatNode,
    /// As in [`Predicate`].
    inputs: Vec<String>,
}

impl Predicate {
    /// Parses `sql` and checks it against `scope`.
    ///
    /// # Errors
    /// Says what is wrong, where, and the nearest known name for an unknown one.
    pub fn parse(sql: &str, scope: &dyn Scope) -> Result<Self, PredicateError> {
        let (typed, inputs) = compile::compile(sql, scope)?;
        let root = match typed {
            Typed::Bool(root) => root,
            Typed::Null => BoolNode::Const(None),
            other => {
                return Err(PredicateError::NotBoolean {
                    found: other.type_name(),
                    text: error::excerpt(sql),
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
        canonical::canonical(&self.root, &self.inputs)
    }
}

impl Expression {
    /// Parses `sql` and checks it against `scope`.
    ///
    /// # Errors
    /// As [`Predicate::parse`].
    pub fn parse(sql: &str, scope: &dyn Scope) -> Result<Self, PredicateError> {
        let (typed, inputs) = compile::compile(sql, scope)?;
        let root = match typed {
            Typed::Float(root) => root,
            Typed::Int(root) | Typed::Time(root) => FloatNode::from_int(root),
            Typed::Bool(root) => FloatNode::FromBool(Box::new(root)),
            Typed::Null => FloatNode::Const(None),
            Typed::Text(_) => {
                return Err(PredicateError::NotNumeric {
                    found: "text",
                    text: error::excerpt(sql),
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
        canonical::canonical(&self.root, &self.inputs)
    }
}

/// The column of an expression, as far as it has been evaluated.
struct Values {
    values: Vec<f64>,
    known: Vec<u64>,
    /// Whether some row has no value.
    is_missing: bool,
}

impl Values {
    fn with_capacity(rows: usize) -> Self {
        Self {
            values: Vec::with_capacity(rows),
            known: Vec::with_capacity(rows.div_ceil(LANES)),
            is_missing: false,
        }
    }

    /// Adds the values of the next block.
    fn push<'a>(&mut self, root: &'a FloatNode, block: &Block<'a>) {
        let mut lanes = [0.0; LANES];
        let known = root.evaluate(block, &mut lanes);
        self.values.extend_from_slice(&lanes[..block.len]);
        self.is_missing |= block.all & !known != 0;
        self.known.push(known);
    }

    fn finish(self, rows: usize) -> Float64Array {
        let known = || BooleanBuffer::new(Buffer::from_vec(self.known), 0, rows);
        let nulls = self.is_missing.then(|| NullBuffer::new(known()));
        Float64Array::new(self.values.into(), nulls)
    }
}
