//! Compiled operands with their types, and the rules by which types meet.

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;

use crate::eval::{Arena, Block, Evaluate, empty_lanes};
use crate::node::{AnyNode, Arithmetic, BoolNode, Comparison, FloatNode, IntNode, TextNode};

/// A compiled operand.
#[derive(Debug, Clone)]
pub(crate) enum Typed {
    /// The literal NULL, which fits every type.
    Null,
    Bool(BoolNode),
    Int(IntNode),
    /// Milliseconds since 1970.
    Time(IntNode),
    Float(FloatNode),
    Text(TextNode),
}

/// Operands of one common type.
pub(crate) enum Unified {
    Null,
    Bools(Vec<BoolNode>),
    Ints(Vec<IntNode>),
    Times(Vec<IntNode>),
    Floats(Vec<FloatNode>),
    Texts(Vec<TextNode>),
}

impl Typed {
    /// The type, in words.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Time(_) => "time",
            Self::Float(_) => "decimal",
            Self::Text(_) => "text",
        }
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(
            self,
            Self::Null
                | Self::Bool(BoolNode::Const(_))
                | Self::Int(IntNode::Const(_))
                | Self::Time(IntNode::Const(_))
                | Self::Float(FloatNode::Const(_))
                | Self::Text(TextNode::Const(_))
        )
    }

    /// Something small of the same type, for questions about types alone; a text literal stays, as it
    /// may be a time.
    pub(crate) fn prototype(&self) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Bool(_) => Self::Bool(BoolNode::Const(None)),
            Self::Int(_) => Self::Int(IntNode::Const(None)),
            Self::Time(_) => Self::Time(IntNode::Const(None)),
            Self::Float(_) => Self::Float(FloatNode::Const(None)),
            Self::Text(TextNode::Const(text)) => Self::Text(TextNode::Const(text.clone())),
            Self::Text(_) => Self::Text(TextNode::Const(None)),
        }
    }

    /// A text literal read as a time; anything else as it is.
    fn read_as_time(self) -> Self {
        match &self {
            Self::Text(TextNode::Const(Some(text))) => match parse_time_ms(text) {
                Some(ms) => Self::Time(IntNode::Const(Some(ms))),
                None => self,
            },
            _ => self,
        }
    }

    /// As a truth value, when it is one.
    pub(crate) fn into_bool(self) -> Result<BoolNode, Self> {
        match self {
            Self::Bool(node) => Ok(node),
            Self::Null => Ok(BoolNode::Const(None)),
            other => Err(other),
        }
    }

    /// As text, when it is.
    pub(crate) fn into_text(self) -> Result<TextNode, Self> {
        match self {
            Self::Text(node) => Ok(node),
            Self::Null => Ok(TextNode::Const(None)),
            other => Err(other),
        }
    }

    /// As a time, when it is one or a text literal that says one.
    pub(crate) fn into_time(self) -> Result<IntNode, Self> {
        match self.read_as_time() {
            Self::Time(node) => Ok(node),
            Self::Null => Ok(IntNode::Const(None)),
            other => Err(other),
        }
    }

    /// As an integer, when it is one.
    pub(crate) fn into_int(self) -> Result<IntNode, Self> {
        match self {
            Self::Int(node) => Ok(node),
            Self::Null => Ok(IntNode::Const(None)),
            other => Err(other),
        }
    }

    /// As a double, when it is a number.
    pub(crate) fn into_float(self) -> Result<FloatNode, Self> {
        match self {
            Self::Float(node) => Ok(node),
            Self::Int(node) => Ok(FloatNode::from_int(node)),
            Self::Null => Ok(FloatNode::Const(None)),
            other => Err(other),
        }
    }

    /// Whether it has a value.
    pub(crate) fn known(self) -> BoolNode {
        let node = match self {
            Self::Null => return BoolNode::Const(Some(false)),
            Self::Bool(node) => AnyNode::Bool(node),
            Self::Int(node) | Self::Time(node) => AnyNode::Int(node),
            Self::Float(node) => AnyNode::Float(node),
            Self::Text(node) => AnyNode::Text(node),
        };
        BoolNode::Known(Box::new(node))
    }
}

/// RFC 3339 (or a date alone) to milliseconds since 1970.
pub(crate) fn parse_time_ms(text: &str) -> Option<i64> {
    string_to_timestamp_nanos(text)
        .ok()
        .map(|nanos| nanos.div_euclid(1_000_000))
}

/// `l op r`, or nothing when the types do not fit.
pub(crate) fn compare(op: Comparison, l: Typed, r: Typed) -> Option<BoolNode> {
    if l.is_constant() && !r.is_constant() {
        return compare(op.flipped(), r, l);
    }
    let (l, r) = match (&l, &r) {
        (Typed::Time(_), Typed::Text(_)) | (Typed::Text(_), Typed::Time(_)) => {
            (l.read_as_time(), r.read_as_time())
        }
        _ => (l, r),
    };
    Some(match (l, r) {
        (Typed::Null, _) | (_, Typed::Null) => BoolNode::Const(None),
        (Typed::Int(l), Typed::Int(r)) | (Typed::Time(l), Typed::Time(r)) => {
            BoolNode::CompareInt(op, l, r)
        }
        (Typed::Float(l), Typed::Float(r)) => BoolNode::CompareFloat(op, l, r),
        (Typed::Float(l), Typed::Int(IntNode::Const(Some(r)))) if exact_float(r).is_some() => {
            BoolNode::CompareFloat(op, l, FloatNode::Const(exact_float(r)))
        }
        (Typed::Int(l), Typed::Float(r)) => BoolNode::CompareMixed(op, l, r),
        (Typed::Float(l), Typed::Int(r)) => BoolNode::CompareMixed(op.flipped(), r, l),
        (Typed::Text(l), Typed::Text(r)) => BoolNode::CompareText(op, l, r),
        (Typed::Bool(l), Typed::Bool(r)) => {
            let equal = BoolNode::EqualBool(Box::new(l), Box::new(r));
            match op {
                Comparison::Equal => equal,
                Comparison::NotEqual => equal.negated(),
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// The double that equals `int`, if there is one.
fn exact_float(int: i64) -> Option<f64> {
    let float = int as f64;
    crate::eval::compare_exact(int, float)
        .is_eq()
        .then_some(float)
}

/// The integer that equals `float`, if there is one.
fn exact_int(float: f64) -> Option<i64> {
    let int = float as i64;
    crate::eval::compare_exact(int, float)
        .is_eq()
        .then_some(int)
}

/// `operand IN (items)` as one lookup, when all items are known constants; else gives the operands
/// back. A number that no value of the operand's type can equal is left out.
pub(crate) fn constant_list(
    operand: Typed,
    items: Vec<Typed>,
) -> Result<BoolNode, (Typed, Vec<Typed>)> {
    match operand {
        Typed::Int(node) => match int_constants(&items) {
            Some(values) => Ok(BoolNode::InInt(node, values)),
            None => Err((Typed::Int(node), items)),
        },
        Typed::Float(node) => match float_constants(&items) {
            Some(values) => Ok(BoolNode::InFloat(node, values)),
            None => Err((Typed::Float(node), items)),
        },
        Typed::Text(node) => match text_constants(&items) {
            Some(values) => Ok(BoolNode::InText(node, values)),
            None => Err((Typed::Text(node), items)),
        },
        other => Err((other, items)),
    }
}

fn int_constants(items: &[Typed]) -> Option<Vec<i64>> {
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Typed::Int(IntNode::Const(Some(value))) => values.push(*value),
            Typed::Float(FloatNode::Const(Some(value))) => values.extend(exact_int(*value)),
            _ => return None,
        }
    }
    values.sort_unstable();
    values.dedup();
    Some(values)
}

fn float_constants(items: &[Typed]) -> Option<Vec<f64>> {
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Typed::Int(IntNode::Const(Some(value))) => values.extend(exact_float(*value)),
            // Adding 0 makes −0 into +0, which sorts with its equal.
            Typed::Float(FloatNode::Const(Some(value))) => values.push(*value + 0.0),
            _ => return None,
        }
    }
    values.sort_by(f64::total_cmp);
    values.dedup();
    Some(values)
}

fn text_constants(items: &[Typed]) -> Option<Vec<String>> {
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Typed::Text(TextNode::Const(Some(value))) => values.push(value.clone()),
            _ => return None,
        }
    }
    values.sort_unstable();
    values.dedup();
    Some(values)
}

/// `l op r`, or nothing when the types do not fit. Two constants give a constant.
pub(crate) fn arithmetic(op: Arithmetic, l: Typed, r: Typed) -> Option<Typed> {
    use Arithmetic::{Add, BitAnd, Divide, Subtract};
    Some(match (l, r) {
        (Typed::Time(l), Typed::Time(r)) if op == Subtract => Typed::Int(int(op, l, r)),
        (Typed::Time(l), Typed::Int(r)) if matches!(op, Add | Subtract) => {
            Typed::Time(int(op, l, r))
        }
        (Typed::Int(l), Typed::Time(r)) if op == Add => Typed::Time(int(op, l, r)),
        (Typed::Int(l), Typed::Int(r)) if op != Divide => Typed::Int(int(op, l, r)),
        (Typed::Int(l), Typed::Null) if op != Divide => {
            Typed::Int(int(op, l, IntNode::Const(None)))
        }
        (Typed::Null, Typed::Int(r)) if op != Divide => {
            Typed::Int(int(op, IntNode::Const(None), r))
        }
        (Typed::Null, Typed::Null) => Typed::Null,
        (_, _) if op == BitAnd => return None,
        (l, r) => {
            let (l, r) = (l.into_float().ok()?, r.into_float().ok()?);
            Typed::Float(float(op, l, r))
        }
    })
}

fn int(op: Arithmetic, l: IntNode, r: IntNode) -> IntNode {
    let fold = matches!((&l, &r), (IntNode::Const(_), IntNode::Const(_)));
    let node = IntNode::Arithmetic(op, Box::new(l), Box::new(r));
    if fold { fold_int(&node) } else { node }
}

fn float(op: Arithmetic, l: FloatNode, r: FloatNode) -> FloatNode {
    let fold = matches!((&l, &r), (FloatNode::Const(_), FloatNode::Const(_)));
    let node = FloatNode::Arithmetic(op, Box::new(l), Box::new(r));
    if fold { fold_float(&node) } else { node }
}

/// The value of a node without columns, computed as on a row.
fn fold_int(node: &IntNode) -> IntNode {
    IntNode::Const(value(node, &Arena::default()))
}

fn fold_float(node: &FloatNode) -> FloatNode {
    FloatNode::Const(value(node, &Arena::default()))
}

/// What a node without columns is on any row.
fn value<'a, T: Evaluate>(node: &'a T, arena: &'a Arena) -> Option<T::Item<'a>> {
    let mut lanes = empty_lanes();
    let known = node.evaluate(&Block::at(&[], 1, 0, arena), &mut lanes);
    (known == 1).then_some(lanes[0])
}

/// The value of an operation without columns, computed as on a row.
pub(crate) fn fold(operation: Typed) -> Typed {
    match operation {
        Typed::Null => Typed::Null,
        Typed::Bool(node) => {
            let logic = node.logic(&Block::at(&[], 1, 0, &Arena::default()));
            let value = (logic.known == 1).then_some(logic.truth == 1);
            Typed::Bool(BoolNode::Const(value))
        }
        Typed::Int(node) => Typed::Int(fold_int(&node)),
        Typed::Time(node) => Typed::Time(fold_int(&node)),
        Typed::Float(node) => Typed::Float(fold_float(&node)),
        Typed::Text(node) => {
            let arena = Arena::default();
            let text = value(&node, &arena).map(str::to_owned);
            Typed::Text(TextNode::Const(text))
        }
    }
}

/// `- operand`, or nothing when it is no number.
pub(crate) fn negate(operand: Typed) -> Option<Typed> {
    Some(match operand {
        Typed::Null => Typed::Null,
        Typed::Int(IntNode::Const(value)) => {
            Typed::Int(IntNode::Const(value.and_then(i64::checked_neg)))
        }
        Typed::Int(node) => Typed::Int(IntNode::Negate(Box::new(node))),
        Typed::Float(FloatNode::Const(value)) => Typed::Float(FloatNode::Const(value.map(|v| -v))),
        Typed::Float(node) => Typed::Float(FloatNode::Negate(Box::new(node))),
        Typed::Bool(_) | Typed::Time(_) | Typed::Text(_) => return None,
    })
}

/// Brings `operands` to one type: integers that meet doubles become doubles, NULL becomes anything.
/// Nothing when they have none in common.
pub(crate) fn unify(operands: Vec<Typed>) -> Option<Unified> {
    let any = |test: fn(&Typed) -> bool| operands.iter().any(test);
    let nodes = operands.iter().cloned();
    if any(|o| matches!(o, Typed::Time(_))) {
        let times = nodes.map(|operand| match operand.read_as_time() {
            Typed::Time(node) => Some(node),
            Typed::Null => Some(IntNode::Const(None)),
            _ => None,
        });
        return times.collect::<Option<_>>().map(Unified::Times);
    }
    if any(|o| matches!(o, Typed::Float(_))) {
        let floats = nodes.map(|operand| operand.into_float().ok());
        return floats.collect::<Option<_>>().map(Unified::Floats);
    }
    if any(|o| matches!(o, Typed::Int(_))) {
        let ints = nodes.map(|operand| operand.into_int().ok());
        return ints.collect::<Option<_>>().map(Unified::Ints);
    }
    if any(|o| matches!(o, Typed::Text(_))) {
        let texts = nodes.map(|operand| operand.into_text().ok());
        return texts.collect::<Option<_>>().map(Unified::Texts);
    }
    if any(|o| matches!(o, Typed::Bool(_))) {
        let bools = nodes.map(|operand| operand.into_bool().ok());
        return bools.collect::<Option<_>>().map(Unified::Bools);
    }
    Some(Unified::Null)
}
