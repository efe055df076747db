//! The functions of the language.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use crate::compile::{Compiler, position};
use crate::error::{PredicateError, did_you_mean};
use crate::node::{BoolNode, FloatNode, IntNode, TextNode};
use crate::operand::{Typed, Unified, unify};

/// Every function, for error messages.
const NAMES: [&str; 9] = [
    "abs", "coalesce", "epoch_ms", "greatest", "least", "left", "length", "ln", "substr",
];

/// Compiles a call.
pub(crate) fn call(
    compiler: &mut Compiler<'_>,
    function: &Function,
    whole: &Expr,
) -> Result<Typed, PredicateError> {
    let name = function.name.to_string().to_ascii_lowercase();
    if !NAMES.contains(&name.as_str()) && name != "substring" {
        return Err(PredicateError::UnknownFunction {
            hint: did_you_mean(&name, NAMES),
            name,
            position: position(whole),
            known: NAMES.join(", "),
        });
    }
    let plain = function.filter.is_none()
        && function.over.is_none()
        && function.null_treatment.is_none()
        && function.within_group.is_empty()
        && matches!(function.parameters, FunctionArguments::None);
    let arguments = match &function.args {
        FunctionArguments::List(list)
            if plain && list.clauses.is_empty() && list.duplicate_treatment.is_none() =>
        {
            list.args.iter().map(argument).collect::<Option<Vec<_>>>()
        }
        _ => None,
    };
    let Some(arguments) = arguments else {
        return Err(compiler.unsupported(whole, "; call functions with plain arguments"));
    };
    let operands = arguments
        .iter()
        .map(|argument| compiler.expr(argument))
        .collect::<Result<Vec<_>, _>>()?;
    let found = operands.len();
    let types = compiler.describe_all(arguments.iter().copied().zip(&operands));
    let wrong = |wanted| PredicateError::Arguments {
        name: name.clone(),
        wanted,
        found,
        position: position(whole),
    };
    let result = match (name.as_str(), operands.len()) {
        ("coalesce" | "greatest" | "least", 0) => return Err(wrong("one or more")),
        ("coalesce" | "greatest" | "least", _) => variadic(&name, operands),
        ("substr" | "substring", 2 | 3) => {
            let mut operands = operands.into_iter();
            substring(operands.next(), operands.next(), operands.next())
        }
        ("substr" | "substring", _) => return Err(wrong("two or three")),
        ("left", 2) => {
            let mut operands = operands.into_iter();
            let first = Typed::Int(IntNode::Const(Some(1)));
            substring(operands.next(), Some(first), operands.next())
        }
        ("left", _) => return Err(wrong("two")),
        (_, 1) => operands
            .into_iter()
            .next()
            .and_then(|operand| unary(&name, operand)),
        _ => return Err(wrong("one")),
    };
    result.ok_or_else(|| compiler.mismatch(format!("function `{name}`"), types, whole, ""))
}

fn argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

fn unary(name: &str, operand: Typed) -> Option<Typed> {
    Some(match (name, operand) {
        ("abs", Typed::Int(node)) => Typed::Int(IntNode::Abs(Box::new(node))),
        ("abs", operand) => Typed::Float(FloatNode::Abs(Box::new(operand.into_float().ok()?))),
        ("ln", operand) => Typed::Float(FloatNode::Ln(Box::new(operand.into_float().ok()?))),
        ("length", operand) => Typed::Int(IntNode::Length(Box::new(operand.into_text().ok()?))),
        ("epoch_ms", Typed::Time(node)) => Typed::Int(node),
        ("epoch_ms", Typed::Null) => Typed::Int(IntNode::Const(None)),
        _ => return None,
    })
}

/// `substr(text, from [, length])`.
pub(crate) fn substring(
    text: Option<Typed>,
    from: Option<Typed>,
    length: Option<Typed>,
) -> Option<Typed> {
    let length = match length {
        Some(length) => Some(Box::new(length.into_int().ok()?)),
        None => None,
    };
    Some(Typed::Text(TextNode::Substring(
        Box::new(text?.into_text().ok()?),
        Box::new(from?.into_int().ok()?),
        length,
    )))
}

fn variadic(name: &str, operands: Vec<Typed>) -> Option<Typed> {
    macro_rules! build {
        ($node:ident, $items:expr) => {
            match name {
                "coalesce" => $node::Coalesce($items),
                "greatest" => $node::Greatest($items),
                _ => $node::Least($items),
            }
        };
    }
    Some(match unify(operands)? {
        Unified::Null => Typed::Null,
        Unified::Bools(items) if name == "coalesce" => Typed::Bool(BoolNode::Coalesce(items)),
        Unified::Bools(_) => return None,
        Unified::Ints(items) => Typed::Int(build!(IntNode, items)),
        Unified::Times(items) => Typed::Time(build!(IntNode, items)),
        Unified::Floats(items) => Typed::Float(build!(FloatNode, items)),
        Unified::Texts(items) => Typed::Text(build!(TextNode, items)),
    })
}
