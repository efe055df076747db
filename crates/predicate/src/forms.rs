//! The forms of SQL that are more than an operator: `IN`, `LIKE`, `CASE` and their like.

use sqlparser::ast::{CaseWhen, Expr, Value, ValueWithSpan};

use crate::compiler::Compiler;
use crate::error::{PredicateError, excerpt};
use crate::functions;
use crate::like::LikePattern;
use crate::node::{BoolNode, Choice, Comparison, FloatNode, IntNode, TextNode};
use crate::operand::{self, Typed, Unified, unify};
use crate::parse::position;

impl Compiler<'_> {
    /// NULL equals NULL here, and nothing else.
    pub(crate) fn distinct(
        &mut self,
        left: &Expr,
        right: &Expr,
        whole: &Expr,
    ) -> Result<BoolNode, PredicateError> {
        let equal = self.compare(Comparison::Equal, left, right, whole)?;
        let (l, r) = (self.expr(left)?.known(), self.expr(right)?.known());
        let both_missing = BoolNode::all([l.negated(), r.negated()]);
        Ok(BoolNode::any([BoolNode::Is(Box::new(equal), true), both_missing]).negated())
    }

    pub(crate) fn in_list(
        &mut self,
        operand: &Expr,
        list: &[Expr],
        whole: &Expr,
    ) -> Result<BoolNode, PredicateError> {
        let before = self.charged();
        let typed = self.expr(operand)?;
        let size = self.charged() - before;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            let item_typed = self.expr(item)?;
            // Checks the types of this pair.
            if operand::compare(Comparison::Equal, typed.prototype(), item_typed.prototype())
                .is_none()
            {
                let types = self.describe_all([(operand, &typed), (item, &item_typed)]);
                return Err(self.mismatch("`IN`".to_owned(), types, whole, ""));
            }
            items.push(item_typed);
        }
        if items.is_empty() {
            return Ok(BoolNode::Const(Some(false)));
        }
        Ok(match operand::constant_list(typed, items) {
            Ok(node) => node,
            Err((typed, items)) => {
                self.charge(size.saturating_mul(items.len()))?;
                BoolNode::any(
                    items.into_iter().filter_map(|item| {
                        operand::compare(Comparison::Equal, typed.clone(), item)
                    }),
                )
            }
        })
    }

    pub(crate) fn like(
        &mut self,
        operand: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        whole: &Expr,
    ) -> Result<BoolNode, PredicateError> {
        let typed = self.expr(operand)?;
        let text = match typed.into_text() {
            Ok(text) => text,
            Err(other) => {
                let types = self.describe(operand, &other);
                return Err(self.mismatch("`LIKE`".to_owned(), types, whole, ""));
            }
        };
        let escape = match escape.map(text_of) {
            None => None,
            Some(Some(text)) if text.chars().count() == 1 => text.chars().next(),
            Some(_) => return Err(self.unsupported(whole, "; ESCAPE takes one character")),
        };
        let Some(pattern_text) = text_of(pattern) else {
            return Err(self.unsupported(pattern, "; a LIKE pattern is a 'text' literal"));
        };
        match LikePattern::new(pattern_text, escape) {
            Some(pattern) => Ok(BoolNode::Like(text, pattern)),
            None => Err(PredicateError::Literal {
                text: excerpt(pattern_text),
                wanted: "a LIKE pattern, it ends in the escape character",
                position: position(pattern),
            }),
        }
    }

    pub(crate) fn substring(
        &mut self,
        text: &Expr,
        from: Option<&Expr>,
        length: Option<&Expr>,
        whole: &Expr,
    ) -> Result<Typed, PredicateError> {
        let mut compile = |expr: Option<&Expr>| expr.map(|expr| self.expr(expr)).transpose();
        let (typed, start, count) = (compile(Some(text))?, compile(from)?, compile(length)?);
        let given = [(Some(text), &typed), (from, &start), (length, &count)];
        let given = given
            .into_iter()
            .filter_map(|(e, t)| Some((e?, t.as_ref()?)));
        let types = self.describe_all(given);
        let start = start.unwrap_or(Typed::Int(IntNode::Const(Some(1))));
        typed
            .and_then(|text| functions::substring(text, start, count))
            .ok_or_else(|| self.mismatch("function `substr`".to_owned(), types, whole, ""))
    }

    pub(crate) fn case(
        &mut self,
        operand: Option<&Expr>,
        branches: &[CaseWhen],
        otherwise: Option<&Expr>,
        whole: &Expr,
    ) -> Result<Typed, PredicateError> {
        let mut conditions = Vec::with_capacity(branches.len());
        let mut values = Vec::with_capacity(branches.len() + 1);
        for branch in branches {
            conditions.push(match operand {
                None => self.bool(&branch.condition, "WHEN", &branch.condition)?,
                Some(operand) => {
                    self.compare(Comparison::Equal, operand, &branch.condition, whole)?
                }
            });
            values.push(self.expr(&branch.result)?);
        }
        values.push(match otherwise {
            Some(otherwise) => self.expr(otherwise)?,
            None => Typed::Null,
        });
        let results = branches.iter().map(|branch| &branch.result);
        let types = self.describe_all(results.chain(otherwise).zip(&values));
        match unify(values) {
            None => Err(self.mismatch("`CASE`".to_owned(), types, whole, "")),
            Some(Unified::Null) => Ok(Typed::Null),
            Some(Unified::Bools(nodes)) => Ok(choice(conditions, nodes)
                .map_or(Typed::Null, |choice| Typed::Bool(BoolNode::Case(choice)))),
            Some(Unified::Ints(nodes)) => Ok(choice(conditions, nodes)
                .map_or(Typed::Null, |choice| Typed::Int(IntNode::Case(choice)))),
            Some(Unified::Times(nodes)) => Ok(choice(conditions, nodes)
                .map_or(Typed::Null, |choice| Typed::Time(IntNode::Case(choice)))),
            Some(Unified::Floats(nodes)) => Ok(choice(conditions, nodes)
                .map_or(Typed::Null, |choice| Typed::Float(FloatNode::Case(choice)))),
            Some(Unified::Texts(nodes)) => Ok(choice(conditions, nodes)
                .map_or(Typed::Null, |choice| Typed::Text(TextNode::Case(choice)))),
        }
    }
}

/// `values` has one more than `conditions`: the value otherwise.
fn choice<T>(conditions: Vec<BoolNode>, mut values: Vec<T>) -> Option<Choice<T>> {
    let otherwise = Box::new(values.pop()?);
    Some(Choice {
        branches: conditions.into_iter().zip(values).collect(),
        otherwise,
    })
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text),
            ..
        }) => Some(text),
        _ => None,
    }
}
