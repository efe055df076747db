//! Literals.

use sqlparser::ast::{Expr, Value, ValueWithSpan};

use crate::error::{PredicateError, excerpt};
use crate::node::{BoolNode, FloatNode, IntNode, TextNode};
use crate::operand::{self, Typed};
use crate::parse::position;

/// A literal of any type.
pub(crate) fn literal(value: &ValueWithSpan, expr: &Expr) -> Result<Typed, PredicateError> {
    match &value.value {
        Value::Number(digits, _) => number(digits, expr),
        Value::SingleQuotedString(text) => Ok(Typed::Text(TextNode::Const(Some(text.clone())))),
        Value::Boolean(value) => Ok(Typed::Bool(BoolNode::Const(Some(*value)))),
        Value::Null => Ok(Typed::Null),
        other => Err(PredicateError::Unsupported {
            text: excerpt(&other.to_string()),
            position: position(expr),
            advice: "; literals are numbers, 'text', TRUE, FALSE and NULL",
        }),
    }
}

/// An integer, or a double where it is written as one.
pub(crate) fn number(digits: &str, expr: &Expr) -> Result<Typed, PredicateError> {
    let wrong = |wanted| PredicateError::Literal {
        text: excerpt(digits),
        wanted,
        position: position(expr),
    };
    if digits.contains(['.', 'e', 'E']) {
        return match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Typed::Float(FloatNode::Const(Some(value)))),
            _ => Err(wrong("a finite number")),
        };
    }
    match digits.parse() {
        Ok(value) => Ok(Typed::Int(IntNode::Const(Some(value)))),
        Err(_) => Err(wrong(
            "a 64-bit integer; write a decimal point for a double",
        )),
    }
}

/// `TIMESTAMP '…'`.
pub(crate) fn time_literal(text: &str, expr: &Expr) -> Result<Typed, PredicateError> {
    match operand::parse_time_ms(text) {
        Some(ms) => Ok(Typed::Time(IntNode::Const(Some(ms)))),
        None => Err(PredicateError::Literal {
            text: excerpt(text),
            wanted: "a time like '2026-01-31T00:00:00Z'",
            position: position(expr),
        }),
    }
}
