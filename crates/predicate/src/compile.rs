//! From a syntax tree to a typed tree.

use sqlparser::ast::DataType as SqlType;
use sqlparser::ast::{BinaryOperator, CeilFloorKind, DateTimeField, Expr, UnaryOperator, Value};

use crate::compiler::Compiler;
use crate::error::PredicateError;
use crate::functions;
use crate::limits::NESTING_MAX;
use crate::literal::{literal, number, time_literal};
use crate::node::{Arithmetic, BoolNode, Comparison};
use crate::operand::{self, Typed};
use crate::parse::parse;
use crate::scope::Scope;

/// Compiles `sql`; the columns it reads come sorted.
pub(crate) fn compile(
    sql: &str,
    scope: &dyn Scope,
) -> Result<(Typed, Vec<String>), PredicateError> {
    let expr = parse(sql)?;
    // A first pass finds the columns; the second numbers them in their final order.
    let mut compiler = Compiler::new(scope);
    compiler.expr(&expr)?;
    compiler.inputs.sort_unstable();
    let typed = compiler.expr(&expr)?;
    Ok((typed, compiler.inputs))
}

impl Compiler<'_> {
    /// Compiles one expression.
    pub(crate) fn expr(&mut self, expr: &Expr) -> Result<Typed, PredicateError> {
        if self.depth == NESTING_MAX {
            return Err(PredicateError::TooDeep { max: NESTING_MAX });
        }
        self.charge(1)?;
        self.depth += 1;
        let typed = self.expr_at_depth(expr);
        self.depth -= 1;
        typed
    }

    fn expr_at_depth(&mut self, expr: &Expr) -> Result<Typed, PredicateError> {
        match expr {
            Expr::Nested(inner) => self.expr(inner),
            Expr::Identifier(ident) => self.column(ident, expr),
            Expr::Value(value) => literal(value, expr),
            Expr::TypedString(typed) => match (&typed.data_type, &typed.value.value) {
                (SqlType::Timestamp(..) | SqlType::Date, Value::SingleQuotedString(text)) => {
                    time_literal(text, expr)
                }
                _ => Err(self.unsupported(expr, "; TIMESTAMP '…' is")),
            },
            Expr::UnaryOp { op, expr: operand } => self.unary(*op, operand, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, expr),
            Expr::InList {
                expr: operand,
                list,
                negated,
            } => negate_if(*negated, self.in_list(operand, list, expr)?),
            Expr::Between {
                expr: operand,
                negated,
                low,
                high,
            } => {
                let low = self.compare(Comparison::GreaterEqual, operand, low, expr)?;
                let high = self.compare(Comparison::LessEqual, operand, high, expr)?;
                negate_if(*negated, BoolNode::all([low, high]))
            }
            Expr::Like {
                negated,
                any: false,
                expr: operand,
                pattern,
                escape_char,
            } => negate_if(
                *negated,
                self.like(operand, pattern, escape_char.as_deref(), expr)?,
            ),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref(), expr),
            Expr::Substring {
                expr: text,
                substring_from,
                substring_for,
                ..
            } => self.substring(
                text,
                substring_from.as_deref(),
                substring_for.as_deref(),
                expr,
            ),
            Expr::Function(function) => functions::call(self, function, expr),
            Expr::Floor {
                expr: operand,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => functions::apply(self, "floor", &[operand], expr),
            Expr::ILike { .. } | Expr::SimilarTo { .. } | Expr::RLike { .. } => {
                Err(self.unsupported(expr, "; LIKE is"))
            }
            _ => self.is_test(expr),
        }
    }

    /// The tests written with `IS`.
    fn is_test(&mut self, expr: &Expr) -> Result<Typed, PredicateError> {
        match expr {
            Expr::IsNull(operand) => Ok(Typed::Bool(self.expr(operand)?.known().negated())),
            Expr::IsNotNull(operand) => Ok(Typed::Bool(self.expr(operand)?.known())),
            Expr::IsUnknown(operand) => {
                let operand = self.bool(operand, "IS UNKNOWN", expr)?;
                Ok(Typed::Bool(Typed::Bool(operand).known().negated()))
            }
            Expr::IsNotUnknown(operand) => {
                let operand = self.bool(operand, "IS NOT UNKNOWN", expr)?;
                Ok(Typed::Bool(Typed::Bool(operand).known()))
            }
            Expr::IsTrue(operand) => self.is(operand, true, false, expr),
            Expr::IsNotTrue(operand) => self.is(operand, true, true, expr),
            Expr::IsFalse(operand) => self.is(operand, false, false, expr),
            Expr::IsNotFalse(operand) => self.is(operand, false, true, expr),
            Expr::IsDistinctFrom(l, r) => self.distinct(l, r, expr).map(Typed::Bool),
            Expr::IsNotDistinctFrom(l, r) => {
                let distinct = self.distinct(l, r, expr)?;
                Ok(Typed::Bool(distinct.negated()))
            }
            _ => Err(self.unsupported(expr, "")),
        }
    }

    fn unary(
        &mut self,
        op: UnaryOperator,
        operand: &Expr,
        whole: &Expr,
    ) -> Result<Typed, PredicateError> {
        match op {
            UnaryOperator::Not => Ok(Typed::Bool(self.bool(operand, "NOT", whole)?.negated())),
            UnaryOperator::Plus | UnaryOperator::Minus => {
                // The smallest integer has no positive counterpart to negate.
                if let (UnaryOperator::Minus, Expr::Value(value)) = (op, operand)
                    && let Value::Number(digits, _) = &value.value
                {
                    return number(&format!("-{digits}"), whole);
                }
                let typed = self.expr(operand)?;
                let types = self.describe(operand, &typed);
                let negated = match op {
                    UnaryOperator::Minus => operand::negate(typed),
                    _ => match typed {
                        Typed::Int(_) | Typed::Float(_) | Typed::Null => Some(typed),
                        Typed::Bool(_) | Typed::Time(_) | Typed::Text(_) => None,
                    },
                };
                negated.ok_or_else(|| self.mismatch(format!("`{op}`"), types, whole, ""))
            }
            _ => Err(self.unsupported(whole, "")),
        }
    }

    fn binary(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        whole: &Expr,
    ) -> Result<Typed, PredicateError> {
        let comparison = match op {
            BinaryOperator::And | BinaryOperator::Or => return self.chain(op, left, right),
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterEqual,
            BinaryOperator::Plus => return self.arithmetic(Arithmetic::Add, left, right, whole),
            BinaryOperator::Minus => {
                return self.arithmetic(Arithmetic::Subtract, left, right, whole);
            }
            BinaryOperator::Multiply => {
                return self.arithmetic(Arithmetic::Multiply, left, right, whole);
            }
            BinaryOperator::Divide => {
                return self.arithmetic(Arithmetic::Divide, left, right, whole);
            }
            BinaryOperator::Modulo => {
                return self.arithmetic(Arithmetic::Remainder, left, right, whole);
            }
            BinaryOperator::BitwiseAnd => {
                return self.arithmetic(Arithmetic::BitAnd, left, right, whole);
            }
            _ => return Err(self.unsupported(whole, "")),
        };
        self.compare(comparison, left, right, whole)
            .map(Typed::Bool)
    }

    /// A chain of `AND` or of `OR` leans to the left; walked along its spine it is one level deep.
    fn chain(
        &mut self,
        op: &BinaryOperator,
        left: &Expr,
        right: &Expr,
    ) -> Result<Typed, PredicateError> {
        let mut operands = vec![right];
        let mut spine = left;
        while let Expr::BinaryOp {
            left,
            op: next,
            right,
        } = spine
            && next == op
        {
            operands.push(right);
            spine = left;
        }
        operands.push(spine);
        let name = op.to_string();
        let nodes = operands
            .into_iter()
            .rev()
            .map(|operand| self.bool(operand, &name, operand))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Typed::Bool(match op {
            BinaryOperator::And => BoolNode::all(nodes),
            _ => BoolNode::any(nodes),
        }))
    }

    pub(crate) fn bool(
        &mut self,
        operand: &Expr,
        operation: &str,
        whole: &Expr,
    ) -> Result<BoolNode, PredicateError> {
        let typed = self.expr(operand)?;
        typed.into_bool().map_err(|other| {
            let types = self.describe(operand, &other);
            self.mismatch(
                format!("`{operation}`"),
                types,
                whole,
                "; compare it with something",
            )
        })
    }

    fn is(
        &mut self,
        operand: &Expr,
        value: bool,
        negated: bool,
        whole: &Expr,
    ) -> Result<Typed, PredicateError> {
        let operand = self.bool(operand, "IS", whole)?;
        negate_if(negated, BoolNode::Is(Box::new(operand), value))
    }

    /// Pairs of operands of a comparison, compiled.
    pub(crate) fn compare(
        &mut self,
        op: Comparison,
        left: &Expr,
        right: &Expr,
        whole: &Expr,
    ) -> Result<BoolNode, PredicateError> {
        let (l, r) = (self.expr(left)?, self.expr(right)?);
        let types = self.describe_all([(left, &l), (right, &r)]);
        let advice = match (&l, &r) {
            (Typed::Text(_), Typed::Int(_) | Typed::Float(_))
            | (Typed::Int(_) | Typed::Float(_), Typed::Text(_)) => {
                "; write text in quotes and numbers without"
            }
            (Typed::Time(_), Typed::Text(_)) | (Typed::Text(_), Typed::Time(_)) => {
                "; write a time as RFC 3339, '2026-01-31T00:00:00Z'"
            }
            (Typed::Time(_), _) | (_, Typed::Time(_)) => {
                "; write a time as TIMESTAMP '…', or convert the column with epoch_ms"
            }
            _ => "",
        };
        operand::compare(op, l, r)
            .ok_or_else(|| self.mismatch(format!("`{}`", op.as_str()), types, whole, advice))
    }

    fn arithmetic(
        &mut self,
        op: Arithmetic,
        left: &Expr,
        right: &Expr,
        whole: &Expr,
    ) -> Result<Typed, PredicateError> {
        let (l, r) = (self.expr(left)?, self.expr(right)?);
        let types = self.describe_all([(left, &l), (right, &r)]);
        operand::arithmetic(op, l, r)
            .ok_or_else(|| self.mismatch(format!("`{}`", op.as_str()), types, whole, ""))
    }
}

fn negate_if(negated: bool, node: BoolNode) -> Result<Typed, PredicateError> {
    Ok(Typed::Bool(if negated { node.negated() } else { node }))
}
