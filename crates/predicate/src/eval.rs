//! Evaluation, one block of up to 64 rows at a time: truth values are bits of one word, numbers and
//! texts lie in arrays on the stack, so nothing is allocated and a tree costs the same few
//! nanoseconds per node whether a batch has one row or thousands.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, BooleanArray, PrimitiveArray, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::ArrowPrimitiveType;

use crate::node::{AnyNode, BoolNode, Comparison};
use crate::node::{FloatNode, TextNode};

mod arena;
mod bits;
mod choose;
pub(crate) mod code;
pub(crate) mod memo;
mod number;
mod text;

pub(crate) use self::arena::Arena;
use self::bits::{BITS, bits, each_bit, low_bits, word};
use self::choose::{case_logic, coalesce_logic};
pub(crate) use self::memo::Memo;

/// Rows in a block: the bits of a word.
pub(crate) const LANES: usize = 64;

/// Up to this many values a list is searched from its start, which predicts better than bisection.
const LINEAR_SEARCH_MAX: usize = 8;

/// Up to 64 consecutive rows of the inputs.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    inputs: &'a [ArrayRef],
    /// Texts that no input holds.
    arena: &'a Arena,
    /// What a set keeps of shared nodes.
    memo: Option<&'a Memo>,
    start: usize,
    /// 1 to 64.
    pub(crate) len: usize,
    /// The low `len` bits.
    pub(crate) all: u64,
}

/// A truth value per row. Bits past the block's length are 0 in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Logic {
    /// Subset of `known`.
    pub(crate) truth: u64,
    pub(crate) known: u64,
}

/// A node that gives a value per row.
pub(crate) trait Evaluate {
    /// One row's value.
    type Item<'a>: Copy + PartialOrd + Default
    where
        Self: 'a;

    /// Writes the values of the block's rows into `lanes` and returns which of them are known. The
    /// lanes of unknown ones hold anything.
    fn evaluate<'a>(&'a self, block: &Block<'a>, lanes: &mut [Self::Item<'a>; LANES]) -> u64;
}

impl<'a> Block<'a> {
    /// Where the blocks of `rows` rows start.
    pub(crate) fn starts(rows: usize) -> impl Iterator<Item = usize> {
        (0..rows).step_by(LANES)
    }

    /// The block of `rows` rows that starts at `start`, which is below `rows`. An arena serves one
    /// block, so that what it keeps stays small.
    pub(crate) fn at(inputs: &'a [ArrayRef], rows: usize, start: usize, arena: &'a Arena) -> Self {
        let len = LANES.min(rows - start);
        Self {
            inputs,
            arena,
            memo: None,
            start,
            len,
            all: low_bits(len),
        }
    }

    /// The block with somewhere to keep what shared nodes give; forgets what another block left there.
    pub(crate) fn with_memo(self, memo: &'a Memo) -> Self {
        memo.next_block();
        Self {
            memo: Some(memo),
            ..self
        }
    }

    fn array<T: 'static>(&self, slot: usize) -> Option<&'a T> {
        let array = self.inputs.get(slot)?;
        let typed = array.as_any().downcast_ref::<T>();
        debug_assert!(typed.is_some(), "input {slot} has {:?}", array.data_type());
        debug_assert!(array.len() >= self.start + self.len);
        typed.filter(|_| array.len() >= self.start + self.len)
    }

    fn primitive<T: ArrowPrimitiveType>(&self, slot: usize) -> Option<(&'a [T::Native], u64)> {
        let array = self.array::<PrimitiveArray<T>>(slot)?;
        let values = array.values().get(self.start..self.start + self.len)?;
        Some((values, self.known(array.nulls())))
    }

    /// The values of an integer column and which are not null.
    pub(crate) fn ints(&self, slot: usize) -> Option<(&'a [i64], u64)> {
        self.primitive::<arrow::datatypes::Int64Type>(slot)
    }

    /// The same of a time column.
    pub(crate) fn times(&self, slot: usize) -> Option<(&'a [i64], u64)> {
        self.primitive::<arrow::datatypes::TimestampMillisecondType>(slot)
    }

    /// The same of a column of doubles; NaN counts as null.
    pub(crate) fn floats(&self, slot: usize) -> Option<(&'a [f64], u64)> {
        let (values, known) = self.primitive::<arrow::datatypes::Float64Type>(slot)?;
        let numbers = || bits(values, |value| !value.is_nan());
        let numbers = match self.memo {
            Some(memo) => memo.numbers(slot, numbers),
            None => numbers(),
        };
        Some((values, known & numbers))
    }

    /// A text column, the row it starts at, and which rows are not null.
    pub(crate) fn texts(&self, slot: usize) -> Option<(&'a StringArray, usize, u64)> {
        let array = self.array::<StringArray>(slot)?;
        Some((array, self.start, self.known(array.nulls())))
    }

    fn bools(&self, slot: usize) -> Option<Logic> {
        let array = self.array::<BooleanArray>(slot)?;
        let known = self.known(array.nulls());
        let truth = word(array.values(), self.start) & known;
        Some(Logic { truth, known })
    }

    /// Which rows of column `slot` are not null, without reading values of other types than doubles.
    fn known(&self, nulls: Option<&NullBuffer>) -> u64 {
        match nulls {
            None => self.all,
            Some(nulls) => word(nulls.inner(), self.start) & self.all,
        }
    }
}

/// Lanes to write into.
pub(crate) fn empty_lanes<T: Copy + Default>() -> [T; LANES] {
    [T::default(); LANES]
}

/// Bit `i` is `values[i] op constant`.
fn compare_constant<T: PartialOrd + Copy>(op: Comparison, values: &[T], constant: T) -> u64 {
    match op {
        Comparison::Equal => bits(values, |v| v == constant),
        Comparison::NotEqual => bits(values, |v| v != constant),
        Comparison::Less => bits(values, |v| v < constant),
        Comparison::LessEqual => bits(values, |v| v <= constant),
        Comparison::Greater => bits(values, |v| v > constant),
        Comparison::GreaterEqual => bits(values, |v| v >= constant),
    }
}

/// Bit `i` is `l[i] op r[i]`.
fn compare_lanes<T: PartialOrd + Copy>(op: Comparison, l: &[T], r: &[T]) -> u64 {
    #[inline(always)]
    fn pairs<T: Copy>(l: &[T], r: &[T], test: impl Fn(&T, &T) -> bool) -> u64 {
        let mut word = 0;
        for ((l, r), bit) in l.iter().zip(r).zip(&BITS) {
            word |= if test(l, r) { *bit } else { 0 };
        }
        word
    }
    match op {
        Comparison::Equal => pairs(l, r, T::eq),
        Comparison::NotEqual => pairs(l, r, T::ne),
        Comparison::Less => pairs(l, r, T::lt),
        Comparison::LessEqual => pairs(l, r, T::le),
        Comparison::Greater => pairs(l, r, T::gt),
        Comparison::GreaterEqual => pairs(l, r, T::ge),
    }
}

/// Bit `i` is `l[i] op r[i]`, by an order of pairs.
fn compare_pairs<L: Copy, R: Copy>(
    op: Comparison,
    known: u64,
    l: &[L; LANES],
    r: &[R; LANES],
    order: impl Fn(L, R) -> Option<Ordering>,
) -> u64 {
    let mut truth = 0;
    each_bit(known, |lane| {
        let order = order(l[lane], r[lane]);
        let holds = match op {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::NotEqual => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessEqual => order.is_some_and(Ordering::is_le),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::GreaterEqual => order.is_some_and(Ordering::is_ge),
        };
        truth |= u64::from(holds) << lane;
    });
    truth
}

fn compare_nodes<'a, L: Evaluate, R: Evaluate>(
    op: Comparison,
    (l, r): (&'a L, &'a R),
    block: &Block<'a>,
    order: impl Fn(L::Item<'a>, R::Item<'a>) -> Option<Ordering>,
) -> Logic {
    let (mut left, mut right) = (empty_lanes(), empty_lanes());
    let mut known = l.evaluate(block, &mut left);
    if known != 0 {
        known &= r.evaluate(block, &mut right);
    }
    Logic {
        truth: compare_pairs(op, known, &left, &right, order),
        known,
    }
}

/// An integer against a double that is not NaN, by exact value.
pub(crate) fn compare_exact(int: i64, float: f64) -> Ordering {
    // Both bounds are powers of two, hence exact doubles.
    const END: f64 = 9_223_372_036_854_775_808.0;
    if float >= END {
        return Ordering::Less;
    }
    if float < -END {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    int.cmp(&(whole as i64))
        .then_with(|| 0.0_f64.total_cmp(&(float - whole + 0.0)))
}

impl Logic {
    const NULL: Self = Self { truth: 0, known: 0 };

    /// Known everywhere in `block`.
    fn certain(truth: u64, block: &Block<'_>) -> Self {
        Self {
            truth,
            known: block.all,
        }
    }

    fn falsity(self) -> u64 {
        self.known & !self.truth
    }
}

impl BoolNode {
    /// The truth values of the block's rows.
    pub(crate) fn logic<'a>(&'a self, block: &Block<'a>) -> Logic {
        match self {
            Self::Const(None) => Logic::NULL,
            Self::Const(Some(value)) => Logic::certain(if *value { block.all } else { 0 }, block),
            Self::Column(slot) => block.bools(*slot).unwrap_or(Logic::NULL),
            Self::Not(operand) => {
                let logic = operand.logic(block);
                Logic {
                    truth: logic.falsity(),
                    known: logic.known,
                }
            }
            Self::All(operands) => all(operands, block),
            Self::Any(operands) => any(operands, block),
            Self::Known(operand) => Logic::certain(operand.known(block), block),
            Self::Is(operand, value) => {
                let logic = operand.logic(block);
                let truth = if *value { logic.truth } else { logic.falsity() };
                Logic::certain(truth, block)
            }
            Self::CompareInt(op, l, r) => number::compare_ints(*op, l, r, block),
            Self::CompareFloat(op, l, r) => number::compare_floats(*op, l, r, block),
            Self::CompareMixed(op, l, r) => {
                compare_nodes(*op, (l, r), block, |l, r| Some(compare_exact(l, r)))
            }
            Self::CompareText(op, l, r) => text::compare(*op, l, r, block),
            Self::EqualBool(l, r) => {
                let (l, r) = (l.logic(block), r.logic(block));
                let known = l.known & r.known;
                Logic {
                    truth: !(l.truth ^ r.truth) & known,
                    known,
                }
            }
            Self::InInt(operand, values) => number::in_ints(operand, values, block),
            Self::InFloat(operand, values) => number::in_floats(operand, values, block),
            Self::InText(operand, values) => text::in_texts(operand, values, block),
            Self::Like(operand, pattern) => text::like(operand, pattern, block),
            Self::TestTexts(test, l, r) => text::test_pair(*test, l, r, block),
            Self::Case(choice) => case_logic(choice, block),
            Self::Coalesce(operands) => coalesce_logic(operands, block),
            Self::InCodes(operand, codes) => code::in_codes(operand, codes, block),
            Self::Shared(shared) => memo::logic(shared, block),
        }
    }
}

/// False where any is false, true where all are true, else NULL.
fn all<'a>(operands: &'a [BoolNode], block: &Block<'a>) -> Logic {
    let (mut truth, mut falsity) = (block.all, 0);
    for operand in operands {
        let logic = operand.logic(block);
        truth &= logic.truth;
        falsity |= logic.falsity();
        if falsity == block.all {
            break;
        }
    }
    Logic {
        truth,
        known: truth | falsity,
    }
}

/// True where any is true, false where all are false, else NULL.
fn any<'a>(operands: &'a [BoolNode], block: &Block<'a>) -> Logic {
    let (mut truth, mut falsity) = (0, block.all);
    for operand in operands {
        let logic = operand.logic(block);
        truth |= logic.truth;
        falsity &= logic.falsity();
        if truth == block.all {
            break;
        }
    }
    Logic {
        truth,
        known: truth | falsity,
    }
}

impl AnyNode {
    /// Which rows have a value.
    fn known<'a>(&'a self, block: &Block<'a>) -> u64 {
        match self {
            Self::Bool(node) => node.logic(block).known,
            Self::Int(node) => node.evaluate(block, &mut empty_lanes()),
            Self::Float(FloatNode::Column(slot)) => {
                block.floats(*slot).map_or(0, |(_, known)| known)
            }
            Self::Float(node) => node.evaluate(block, &mut empty_lanes()),
            Self::Text(TextNode::Column(slot)) => {
                block.texts(*slot).map_or(0, |(_, _, known)| known)
            }
            Self::Text(node) => node.evaluate(block, &mut empty_lanes()),
        }
    }
}
