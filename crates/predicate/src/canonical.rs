//! Compiled trees as normalised SQL, so that equal filters can be recognised.

use std::fmt::Write as _;

use crate::eval::code;
use crate::node::{AnyNode, BoolNode, Choice, FloatNode, IntNode, TextNode};

/// Writes a node as normalised SQL.
pub(crate) trait Canonical {
    fn write(&self, names: &[String], out: &mut String);
}

/// The normalised SQL of `node`.
pub(crate) fn canonical(node: &impl Canonical, names: &[String]) -> String {
    let mut out = String::new();
    node.write(names, &mut out);
    out
}

fn column(slot: usize, names: &[String], out: &mut String) {
    let name = names.get(slot).map_or("", String::as_str);
    out.push('"');
    out.push_str(&name.replace('"', "\"\""));
    out.push('"');
}

fn text(value: &str, out: &mut String) {
    out.push('\'');
    out.push_str(&value.replace('\'', "''"));
    out.push('\'');
}

fn display(value: Option<impl std::fmt::Debug>, out: &mut String) {
    let _ = match value {
        Some(value) => write!(out, "{value:?}"),
        None => out.write_str("NULL"),
    };
}

fn list<T: Canonical>(before: &str, items: &[T], names: &[String], out: &mut String) {
    out.push_str(before);
    out.push('(');
    for (position, item) in items.iter().enumerate() {
        out.push_str(if position == 0 { "" } else { ", " });
        item.write(names, out);
    }
    out.push(')');
}

fn infix(op: &str, l: &impl Canonical, r: &impl Canonical, names: &[String], out: &mut String) {
    out.push('(');
    l.write(names, out);
    let _ = write!(out, " {op} ");
    r.write(names, out);
    out.push(')');
}

fn pair(name: &str, l: &impl Canonical, r: &impl Canonical, names: &[String], out: &mut String) {
    out.push_str(name);
    around("(", l, ", ", names, out);
    around("", r, ")", names, out);
}

fn around(before: &str, l: &impl Canonical, after: &str, names: &[String], out: &mut String) {
    out.push_str(before);
    l.write(names, out);
    out.push_str(after);
}

/// `AND` and `OR` commute, also in three-valued logic: sorted, without repetition.
fn chain(op: &str, items: &[BoolNode], names: &[String], out: &mut String) {
    let mut parts: Vec<String> = items.iter().map(|item| canonical(item, names)).collect();
    parts.sort_unstable();
    parts.dedup();
    match parts.as_slice() {
        [only] => out.push_str(only),
        _ => {
            let _ = write!(out, "({})", parts.join(op));
        }
    }
}

impl<T: Canonical> Canonical for Choice<T> {
    fn write(&self, names: &[String], out: &mut String) {
        out.push_str("CASE");
        for (condition, value) in &self.branches {
            around(" WHEN ", condition, "", names, out);
            around(" THEN ", value, "", names, out);
        }
        around(" ELSE ", &*self.otherwise, " END", names, out);
    }
}

impl Canonical for BoolNode {
    fn write(&self, names: &[String], out: &mut String) {
        match self {
            Self::Const(Some(true)) => out.push_str("TRUE"),
            Self::Const(Some(false)) => out.push_str("FALSE"),
            Self::Const(None) => out.push_str("NULL"),
            Self::Column(slot) => column(*slot, names, out),
            Self::Not(operand) => around("(NOT ", &**operand, ")", names, out),
            Self::All(items) => chain(" AND ", items, names, out),
            Self::Any(items) => chain(" OR ", items, names, out),
            Self::Known(operand) => around("(", &**operand, " IS NOT NULL)", names, out),
            Self::Is(operand, true) => around("(", &**operand, " IS TRUE)", names, out),
            Self::Is(operand, false) => around("(", &**operand, " IS FALSE)", names, out),
            Self::CompareInt(op, l, r) => infix(op.as_str(), l, r, names, out),
            Self::CompareFloat(op, l, r) => infix(op.as_str(), l, r, names, out),
            Self::CompareMixed(op, l, r) => infix(op.as_str(), l, r, names, out),
            Self::CompareText(op, l, r) => infix(op.as_str(), l, r, names, out),
            Self::EqualBool(l, r) => infix("=", &**l, &**r, names, out),
            Self::InInt(operand, values) => {
                around("(", operand, " IN (", names, out);
                let _ = write!(out, "{}))", join(values, |value| format!("{value}")));
            }
            Self::InFloat(operand, values) => {
                around("(", operand, " IN (", names, out);
                let _ = write!(out, "{}))", join(values, |value| format!("{value:?}")));
            }
            Self::InText(operand, values) => {
                around("(", operand, " IN (", names, out);
                let quoted = join(values, |value| format!("'{}'", value.replace('\'', "''")));
                let _ = write!(out, "{quoted}))");
            }
            Self::Like(operand, pattern) => {
                around("(", operand, " LIKE ", names, out);
                text(&pattern.to_sql(), out);
                out.push_str(" ESCAPE '\\')");
            }
            Self::TestTexts(test, l, r) => pair(test.as_str(), l, r, names, out),
            Self::Case(choice) => choice.write(names, out),
            Self::Coalesce(items) => list("coalesce", items, names, out),
            Self::InCodes(operand, codes) => {
                around("(", &*operand.node, " IN (", names, out);
                let texts = join(codes, |code| format!("'{}'", code::text(*code)));
                let _ = write!(out, "{texts}))");
            }
            Self::Shared(shared) => shared.node.write(names, out),
        }
    }
}

fn join<T>(values: &[T], show: impl Fn(&T) -> String) -> String {
    values.iter().map(show).collect::<Vec<_>>().join(", ")
}

impl Canonical for IntNode {
    fn write(&self, names: &[String], out: &mut String) {
        match self {
            Self::Const(value) => display(*value, out),
            Self::Column(slot) | Self::TimeColumn(slot) => column(*slot, names, out),
            Self::Negate(operand) => around("(- ", &**operand, ")", names, out),
            Self::Abs(operand) => around("abs(", &**operand, ")", names, out),
            Self::Arithmetic(op, l, r) => infix(op.as_str(), &**l, &**r, names, out),
            Self::Length(operand) => around("length(", &**operand, ")", names, out),
            Self::Hex(operand) => around("hex(", &**operand, ")", names, out),
            Self::Clock(part, time, offset) => {
                pair(part.as_str(), &**time, &**offset, names, out);
            }
            Self::Case(choice) => choice.write(names, out),
            Self::Coalesce(items) => list("coalesce", items, names, out),
            Self::Greatest(items) => list("greatest", items, names, out),
            Self::Least(items) => list("least", items, names, out),
            Self::Shared(shared) => shared.node.write(names, out),
        }
    }
}

impl Canonical for FloatNode {
    fn write(&self, names: &[String], out: &mut String) {
        match self {
            Self::Const(value) => display(*value, out),
            Self::Column(slot) => column(*slot, names, out),
            Self::FromInt(operand) => around("double(", &**operand, ")", names, out),
            Self::FromBool(operand) => around("double(", &**operand, ")", names, out),
            Self::Negate(operand) => around("(- ", &**operand, ")", names, out),
            Self::Abs(operand) => around("abs(", &**operand, ")", names, out),
            Self::Ln(operand) => around("ln(", &**operand, ")", names, out),
            Self::Floor(operand) => around("floor(", &**operand, ")", names, out),
            Self::Round(operand) => around("round(", &**operand, ")", names, out),
            Self::HaversineKm(places) => list("haversine_km", &**places, names, out),
            Self::Arithmetic(op, l, r) => infix(op.as_str(), &**l, &**r, names, out),
            Self::Case(choice) => choice.write(names, out),
            Self::Coalesce(items) => list("coalesce", items, names, out),
            Self::Greatest(items) => list("greatest", items, names, out),
            Self::Least(items) => list("least", items, names, out),
            Self::Shared(shared) => shared.node.write(names, out),
        }
    }
}

impl Canonical for TextNode {
    fn write(&self, names: &[String], out: &mut String) {
        match self {
            Self::Const(Some(value)) => text(value, out),
            Self::Const(None) => out.push_str("NULL"),
            Self::Column(slot) => column(*slot, names, out),
            Self::Substring(operand, from, length) => {
                around("substr(", &**operand, ", ", names, out);
                from.write(names, out);
                if let Some(length) = length {
                    around(", ", &**length, "", names, out);
                }
                out.push(')');
            }
            Self::Right(operand, count) => pair("right", &**operand, &**count, names, out),
            Self::Upper(operand) => around("upper(", &**operand, ")", names, out),
            Self::Case(choice) => choice.write(names, out),
            Self::Coalesce(items) => list("coalesce", items, names, out),
            Self::Greatest(items) => list("greatest", items, names, out),
            Self::Least(items) => list("least", items, names, out),
        }
    }
}

impl Canonical for AnyNode {
    fn write(&self, names: &[String], out: &mut String) {
        match self {
            Self::Bool(node) => node.write(names, out),
            Self::Int(node) => node.write(names, out),
            Self::Float(node) => node.write(names, out),
            Self::Text(node) => node.write(names, out),
        }
    }
}
