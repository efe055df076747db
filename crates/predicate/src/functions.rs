//! The functions of the language.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use crate::compiler::Compiler;
use crate::error::{PredicateError, did_you_mean};
use crate::node::{BoolNode, ClockPart, FloatNode, IntNode, TextNode, TextTest};
use crate::operand::{self, Typed, Unified, unify};
use crate::parse::position;

/// Every function with the fewest and most arguments that it takes.
const FUNCTIONS: [(&str, usize, usize); 20] = [
    ("abs", 1, 1),
    ("coalesce", 1, usize::MAX),
    ("contains_item", 2, 2),
    ("epoch_ms", 1, 1),
    ("floor", 1, 1),
    ("greatest", 1, usize::MAX),
    ("haversine_km", 4, 4),
    ("hex", 1, 1),
    ("hour", 1, 2),
    ("least", 1, usize::MAX),
    ("left", 2, 2),
    ("length", 1, 1),
    ("ln", 1, 1),
    ("minute", 1, 2),
    ("right", 2, 2),
    ("round", 1, 1),
    ("substr", 2, 3),
    ("upper", 1, 1),
    ("version_before", 2, 2),
    ("weekday", 1, 2),
];

/// Compiles a call.
pub(crate) fn call(
    compiler: &mut Compiler<'_>,
    function: &Function,
    whole: &Expr,
) -> Result<Typed, PredicateError> {
    let name = function.name.to_string().to_ascii_lowercase();
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
    match arguments {
        Some(arguments) => apply(compiler, &name, &arguments, whole),
        None => Err(compiler.unsupported(whole, "; call functions with plain arguments")),
    }
}

/// Compiles function `name` of `arguments`.
pub(crate) fn apply(
    compiler: &mut Compiler<'_>,
    name: &str,
    arguments: &[&Expr],
    whole: &Expr,
) -> Result<Typed, PredicateError> {
    let name = if name == "substring" { "substr" } else { name };
    let Some((_, fewest, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        let names = FUNCTIONS.map(|(known, ..)| known);
        return Err(PredicateError::UnknownFunction {
            hint: did_you_mean(name, names),
            name: name.to_owned(),
            position: position(whole),
            known: names.join(", "),
        });
    };
    let operands = arguments
        .iter()
        .map(|argument| compiler.expr(argument))
        .collect::<Result<Vec<_>, _>>()?;
    let found = operands.len();
    if !(*fewest..=*most).contains(&found) {
        return Err(PredicateError::Arguments {
            name: name.to_owned(),
            wanted: match (fewest, most) {
                (1, 1) => "one argument",
                (1, 2) => "one or two arguments",
                (2, 2) => "two arguments",
                (2, 3) => "two or three arguments",
                (4, 4) => "four arguments",
                _ => "one or more arguments",
            },
            found,
            position: position(whole),
        });
    }
    let types = compiler.describe_all(arguments.iter().copied().zip(&operands));
    let constant = operands.iter().all(Typed::is_constant);
    match build(name, operands) {
        Some(typed) if constant => Ok(operand::fold(typed)),
        Some(typed) => Ok(typed),
        None => Err(compiler.mismatch(format!("function `{name}`"), types, whole, "")),
    }
}

/// The operation, or nothing when the types do not fit. The number of operands was checked.
fn build(name: &str, operands: Vec<Typed>) -> Option<Typed> {
    if matches!(name, "coalesce" | "greatest" | "least") {
        return variadic(name, operands);
    }
    let mut operands = operands.into_iter();
    let first = operands.next()?;
    Some(match name {
        "substr" => substring(first, operands.next()?, operands.next())?,
        "left" => substring(first, Typed::Int(IntNode::Const(Some(1))), operands.next())?,
        "right" => {
            let count = Box::new(operands.next()?.into_int().ok()?);
            Typed::Text(TextNode::Right(Box::new(first.into_text().ok()?), count))
        }
        "hour" => clock(ClockPart::Hour, first, operands.next())?,
        "minute" => clock(ClockPart::Minute, first, operands.next())?,
        "weekday" => clock(ClockPart::Weekday, first, operands.next())?,
        "contains_item" => test(TextTest::ContainsItem, first, operands.next()?)?,
        "version_before" => test(TextTest::VersionBefore, first, operands.next()?)?,
        "haversine_km" => {
            let mut place = || operands.next()?.into_float().ok();
            let places = [first.into_float().ok()?, place()?, place()?, place()?];
            Typed::Float(FloatNode::HaversineKm(Box::new(places)))
        }
        _ => unary(name, first)?,
    })
}

fn clock(part: ClockPart, time: Typed, offset: Option<Typed>) -> Option<Typed> {
    let offset = offset.unwrap_or(Typed::Int(IntNode::Const(Some(0))));
    let time = Box::new(time.into_time().ok()?);
    Some(Typed::Int(IntNode::Clock(
        part,
        time,
        Box::new(offset.into_int().ok()?),
    )))
}

fn test(test: TextTest, l: Typed, r: Typed) -> Option<Typed> {
    let (l, r) = (l.into_text().ok()?, r.into_text().ok()?);
    Some(Typed::Bool(BoolNode::TestTexts(test, l, r)))
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
        ("floor" | "round", Typed::Int(node)) => Typed::Int(node),
        ("floor", operand) => Typed::Float(FloatNode::Floor(Box::new(operand.into_float().ok()?))),
        ("round", operand) => Typed::Float(FloatNode::Round(Box::new(operand.into_float().ok()?))),
        ("upper", operand) => Typed::Text(TextNode::Upper(Box::new(operand.into_text().ok()?))),
        ("hex", operand) => Typed::Int(IntNode::Hex(Box::new(operand.into_text().ok()?))),
        ("length", operand) => Typed::Int(IntNode::Length(Box::new(operand.into_text().ok()?))),
        ("epoch_ms", Typed::Time(node)) => Typed::Int(node),
        ("epoch_ms", Typed::Null) => Typed::Int(IntNode::Const(None)),
        _ => return None,
    })
}

/// `substr(text, from [, length])`.
pub(crate) fn substring(text: Typed, from: Typed, length: Option<Typed>) -> Option<Typed> {
    let length = match length {
        Some(length) => Some(Box::new(length.into_int().ok()?)),
        None => None,
    };
    Some(Typed::Text(TextNode::Substring(
        Box::new(text.into_text().ok()?),
        Box::new(from.into_int().ok()?),
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
