//! The compiled tree: one enum per type of value, so that evaluation never looks at types.

use std::sync::Arc;

use crate::like::LikePattern;

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    /// The operator for swapped operands.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::NotEqual => Self::NotEqual,
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
        }
    }

    /// The operator that holds where this one does not. Values have a total order, so there is one.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

/// An arithmetic operator. Division is on doubles only, `&` on integers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    BitAnd,
}

impl Arithmetic {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::BitAnd => "&",
        }
    }
}

/// What a clock on the wall shows at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockPart {
    Minute,
    Hour,
    Weekday,
}

impl ClockPart {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Weekday => "weekday",
        }
    }
}

/// A test of two texts other than their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    ContainsItem,
    VersionBefore,
}

impl TextTest {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ContainsItem => "contains_item",
            Self::VersionBefore => "version_before",
        }
    }
}

/// `CASE`: the value of the first branch whose condition is true.
#[derive(Debug, Clone)]
pub(crate) struct Choice<T> {
    pub(crate) branches: Vec<(BoolNode, T)>,
    pub(crate) otherwise: Box<T>,
}

/// A node that a set evaluates once per block.
#[derive(Debug, Clone)]
pub(crate) struct Shared<T> {
    /// Where the set's memo keeps its values.
    pub(crate) slot: usize,
    pub(crate) node: Arc<T>,
}

/// True, false or NULL.
#[derive(Debug, Clone)]
pub(crate) enum BoolNode {
    Const(Option<bool>),
    Column(usize),
    Not(Box<BoolNode>),
    /// Never empty.
    All(Vec<BoolNode>),
    /// Never empty.
    Any(Vec<BoolNode>),
    /// Whether the operand has a value; itself never NULL.
    Known(Box<AnyNode>),
    /// Whether the operand is known and equals the value; itself never NULL.
    Is(Box<BoolNode>, bool),
    CompareInt(Comparison, IntNode, IntNode),
    CompareFloat(Comparison, FloatNode, FloatNode),
    /// By exact value.
    CompareMixed(Comparison, IntNode, FloatNode),
    CompareText(Comparison, TextNode, TextNode),
    EqualBool(Box<BoolNode>, Box<BoolNode>),
    /// Sorted, without repetition.
    InInt(IntNode, Vec<i64>),
    /// Sorted, without repetition, no NaN.
    InFloat(FloatNode, Vec<f64>),
    /// Sorted, without repetition.
    InText(TextNode, Vec<String>),
    Like(TextNode, LikePattern),
    TestTexts(TextTest, TextNode, TextNode),
    Case(Choice<BoolNode>),
    Coalesce(Vec<BoolNode>),
    /// `IN` of texts that have a code, sorted; in sets only.
    InCodes(Shared<TextNode>, Vec<u64>),
    /// In sets only.
    Shared(Shared<BoolNode>),
}

/// A 64-bit integer, or a time in milliseconds since 1970.
#[derive(Debug, Clone)]
pub(crate) enum IntNode {
    Const(Option<i64>),
    Column(usize),
    TimeColumn(usize),
    Negate(Box<IntNode>),
    Abs(Box<IntNode>),
    /// Never `Divide`.
    Arithmetic(Arithmetic, Box<IntNode>, Box<IntNode>),
    Length(Box<TextNode>),
    Hex(Box<TextNode>),
    /// Of a time, at an offset from UTC in minutes.
    Clock(ClockPart, Box<IntNode>, Box<IntNode>),
    Case(Choice<IntNode>),
    Coalesce(Vec<IntNode>),
    Greatest(Vec<IntNode>),
    Least(Vec<IntNode>),
    /// In sets only.
    Shared(Shared<IntNode>),
}

/// A double; NaN never leaves a node as a known value.
#[derive(Debug, Clone)]
pub(crate) enum FloatNode {
    Const(Option<f64>),
    Column(usize),
    FromInt(Box<IntNode>),
    FromBool(Box<BoolNode>),
    Negate(Box<FloatNode>),
    Abs(Box<FloatNode>),
    Ln(Box<FloatNode>),
    Floor(Box<FloatNode>),
    Round(Box<FloatNode>),
    /// Latitude and longitude of one place and of another, in degrees.
    HaversineKm(Box<[FloatNode; 4]>),
    /// Never `BitAnd`.
    Arithmetic(Arithmetic, Box<FloatNode>, Box<FloatNode>),
    Case(Choice<FloatNode>),
    Coalesce(Vec<FloatNode>),
    Greatest(Vec<FloatNode>),
    Least(Vec<FloatNode>),
    /// In sets only.
    Shared(Shared<FloatNode>),
}

/// Text.
#[derive(Debug, Clone)]
pub(crate) enum TextNode {
    Const(Option<String>),
    Column(usize),
    /// Text, first character from 1, number of characters.
    Substring(Box<TextNode>, Box<IntNode>, Option<Box<IntNode>>),
    /// Text, number of characters at its end.
    Right(Box<TextNode>, Box<IntNode>),
    Upper(Box<TextNode>),
    Case(Choice<TextNode>),
    Coalesce(Vec<TextNode>),
    Greatest(Vec<TextNode>),
    Least(Vec<TextNode>),
}

/// A value of any type.
#[derive(Debug, Clone)]
pub(crate) enum AnyNode {
    Bool(BoolNode),
    Int(IntNode),
    Float(FloatNode),
    Text(TextNode),
}

impl BoolNode {
    /// The negation, pushed into what has an opposite.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Const(value) => Self::Const(value.map(|v| !v)),
            Self::Not(operand) => *operand,
            Self::CompareInt(op, l, r) => Self::CompareInt(op.negated(), l, r),
            Self::CompareFloat(op, l, r) => Self::CompareFloat(op.negated(), l, r),
            Self::CompareMixed(op, l, r) => Self::CompareMixed(op.negated(), l, r),
            Self::CompareText(op, l, r) => Self::CompareText(op.negated(), l, r),
            other => Self::Not(Box::new(other)),
        }
    }

    /// Conjunction: nested ones are flattened.
    pub(crate) fn all(operands: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for operand in operands {
            match operand {
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        Self::All(flat)
    }

    /// Disjunction: nested ones are flattened.
    pub(crate) fn any(operands: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for operand in operands {
            match operand {
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        Self::Any(flat)
    }
}

impl FloatNode {
    /// The nearest double of an integer.
    pub(crate) fn from_int(node: IntNode) -> Self {
        match node {
            IntNode::Const(value) => Self::Const(value.map(|v| v as f64)),
            other => Self::FromInt(Box::new(other)),
        }
    }
}
