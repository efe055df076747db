//! What is known while a text is compiled, and the errors that say where in it something is wrong. How
//! each kind of expression is translated is said in `compile` and `forms`.

use arrow::datatypes::{DataType, TimeUnit};
use sqlparser::ast::{Expr, Ident};

use crate::error::{PredicateError, did_you_mean, excerpt};
use crate::limits::OPERATORS_MAX;
use crate::node::{BoolNode, FloatNode, IntNode, TextNode};
use crate::operand::Typed;
use crate::parse::position;
use crate::scope::Scope;

/// Most nodes that both passes over one text compile: twice the items of the longest list.
const NODES_MAX: usize = 128 * 1024;

/// Checks and translates one syntax tree.
pub(crate) struct Compiler<'a> {
    scope: &'a dyn Scope,
    /// Columns met so far, without repetition; slots are indices.
    pub(crate) inputs: Vec<String>,
    /// Levels of recursion open now; at most [`NESTING_MAX`].
    pub(crate) depth: usize,
    /// Nodes compiled so far; at most [`NODES_MAX`].
    nodes: usize,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(scope: &'a dyn Scope) -> Self {
        Self {
            scope,
            inputs: Vec::new(),
            depth: 0,
            nodes: 0,
        }
    }

    /// Counts work, so that operands which stand for several comparisons (`BETWEEN`, `CASE x WHEN`)
    /// cannot multiply without bound when they are nested.
    pub(crate) fn charge(&mut self, nodes: usize) -> Result<(), PredicateError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            return Err(PredicateError::TooManyOperators { max: OPERATORS_MAX });
        }
        Ok(())
    }

    /// Nodes compiled so far.
    pub(crate) fn charged(&self) -> usize {
        self.nodes
    }

    /// A column, which gets a slot the first time.
    pub(crate) fn column(&mut self, ident: &Ident, expr: &Expr) -> Result<Typed, PredicateError> {
        let name = ident.value.as_str();
        let Some(data_type) = self.scope.data_type(name) else {
            let known = self.scope.names();
            return Err(PredicateError::UnknownColumn {
                name: excerpt(name),
                position: position(expr),
                hint: did_you_mean(name, known.iter().map(String::as_str)),
            });
        };
        let slot = match self.inputs.iter().position(|known| known == name) {
            Some(slot) => slot,
            None => {
                self.inputs.push(name.to_owned());
                self.inputs.len() - 1
            }
        };
        match data_type {
            DataType::Boolean => Ok(Typed::Bool(BoolNode::Column(slot))),
            DataType::Int64 => Ok(Typed::Int(IntNode::Column(slot))),
            DataType::Float64 => Ok(Typed::Float(FloatNode::Column(slot))),
            DataType::Utf8 => Ok(Typed::Text(TextNode::Column(slot))),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                Ok(Typed::Time(IntNode::TimeColumn(slot)))
            }
            other => Err(PredicateError::ColumnType {
                name: name.to_owned(),
                data_type: other.to_string(),
                position: position(expr),
            }),
        }
    }

    /// An operand with its type, in words.
    pub(crate) fn describe(&self, expr: &Expr, typed: &Typed) -> String {
        let text = excerpt(&expr.to_string());
        match expr {
            Expr::Identifier(_) => format!("column `{text}` ({})", typed.type_name()),
            _ => format!("`{text}` ({})", typed.type_name()),
        }
    }

    /// Operands with their types, in words.
    pub(crate) fn describe_all<'b>(
        &self,
        operands: impl IntoIterator<Item = (&'b Expr, &'b Typed)>,
    ) -> String {
        let parts: Vec<String> = operands
            .into_iter()
            .map(|(expr, typed)| self.describe(expr, typed))
            .collect();
        parts.join(" and ")
    }

    /// An error about operands that do not fit.
    pub(crate) fn mismatch(
        &self,
        operation: String,
        operands: String,
        whole: &Expr,
        advice: &'static str,
    ) -> PredicateError {
        PredicateError::Mismatch {
            operation,
            operands,
            position: position(whole),
            text: excerpt(&whole.to_string()),
            advice,
        }
    }

    /// An error about SQL outside the language.
    pub(crate) fn unsupported(&self, expr: &Expr, advice: &'static str) -> PredicateError {
        PredicateError::Unsupported {
            text: excerpt(&expr.to_string()),
            position: position(expr),
            advice,
        }
    }
}
