//! From SQL text to a typed tree.

use arrow::datatypes::{DataType, TimeUnit};
use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Ident, Spanned, UnaryOperator, Value};
use sqlparser::ast::{DataType as SqlType, ValueWithSpan};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::{PredicateError, did_you_mean, excerpt};
use crate::functions;
use crate::like::LikePattern;
use crate::node::{Arithmetic, BoolNode, Choice, Comparison, FloatNode, IntNode, TextNode};
use crate::operand::{self, Typed, Unified, unify};
use crate::{NESTING_MAX, OPERATORS_MAX, Scope, TEXT_BYTES_MAX};

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

fn parse(sql: &str) -> Result<Expr, PredicateError> {
    if sql.len() > TEXT_BYTES_MAX {
        return Err(PredicateError::TooLong {
            bytes: sql.len(),
            max: TEXT_BYTES_MAX,
        });
    }
    let syntax = |message: String| PredicateError::Syntax {
        message,
        text: excerpt(sql),
    };
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| syntax(error.to_string()))?;
    check_size(&tokens)?;
    let mut parser = Parser::new(&GenericDialect {})
        .with_recursion_limit(NESTING_MAX)
        .with_tokens_with_locations(tokens);
    let expr = parser.parse_expr().map_err(|error| match error {
        ParserError::RecursionLimitExceeded => PredicateError::TooDeep { max: NESTING_MAX },
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => syntax(message),
    })?;
    let rest = parser.peek_token();
    match rest.token {
        Token::EOF => Ok(expr),
        token => Err(syntax(format!(
            "expected the end, found `{token}` at character {}",
            rest.span.start.column
        ))),
    }
}

/// Refuses what would make the parser or the tree too deep, before either exists.
fn check_size(tokens: &[TokenWithSpan]) -> Result<(), PredicateError> {
    let (mut operators, mut open) = (0, 0_usize);
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) | Token::Comma | Token::Number(..) => {}
            Token::SingleQuotedString(_) => {}
            Token::LParen | Token::LBracket | Token::LBrace => {
                open += 1;
                operators += 1;
            }
            Token::RParen | Token::RBracket | Token::RBrace => open = open.saturating_sub(1),
            _ => operators += 1,
        }
        if open > NESTING_MAX {
            return Err(PredicateError::TooDeep { max: NESTING_MAX });
        }
    }
    if operators > OPERATORS_MAX {
        return Err(PredicateError::TooManyOperators { max: OPERATORS_MAX });
    }
    Ok(())
}

/// Where an expression starts, counting characters from 1.
pub(crate) fn position(expr: &Expr) -> u64 {
    expr.span().start.column
}

/// Checks and translates one syntax tree.
pub(crate) struct Compiler<'a> {
    scope: &'a dyn Scope,
    /// Columns met so far, without repetition; slots are indices.
    inputs: Vec<String>,
    /// Levels of recursion open now; at most [`NESTING_MAX`].
    depth: usize,
}

impl<'a> Compiler<'a> {
    fn new(scope: &'a dyn Scope) -> Self {
        Self {
            scope,
            inputs: Vec::new(),
            depth: 0,
        }
    }

    /// Compiles one expression.
    pub(crate) fn expr(&mut self, expr: &Expr) -> Result<Typed, PredicateError> {
        if self.depth == NESTING_MAX {
            return Err(PredicateError::TooDeep { max: NESTING_MAX });
        }
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
            Expr::ILike { .. } | Expr::SimilarTo { .. } | Expr::RLike { .. } => {
                Err(self.unsupported(expr, "; LIKE is"))
            }
            _ => Err(self.unsupported(expr, "")),
        }
    }

    fn column(&mut self, ident: &Ident, expr: &Expr) -> Result<Typed, PredicateError> {
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

    fn bool(
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
    fn compare(
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

    /// NULL equals NULL here, and nothing else.
    fn distinct(
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

    fn in_list(
        &mut self,
        operand: &Expr,
        list: &[Expr],
        whole: &Expr,
    ) -> Result<BoolNode, PredicateError> {
        let typed = self.expr(operand)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            let item_typed = self.expr(item)?;
            // Checks the types of this pair.
            if operand::compare(Comparison::Equal, typed.clone(), item_typed.clone()).is_none() {
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
            Err((typed, items)) => BoolNode::any(
                items
                    .into_iter()
                    .filter_map(|item| operand::compare(Comparison::Equal, typed.clone(), item)),
            ),
        })
    }

    fn like(
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

    fn substring(
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
        let start = start.or(Some(Typed::Int(IntNode::Const(Some(1)))));
        functions::substring(typed, start, count)
            .ok_or_else(|| self.mismatch("function `substr`".to_owned(), types, whole, ""))
    }

    fn case(
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

    /// An operand with its type, in words.
    fn describe(&self, expr: &Expr, typed: &Typed) -> String {
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

fn negate_if(negated: bool, node: BoolNode) -> Result<Typed, PredicateError> {
    Ok(Typed::Bool(if negated { node.negated() } else { node }))
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

fn literal(value: &ValueWithSpan, expr: &Expr) -> Result<Typed, PredicateError> {
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

fn number(digits: &str, expr: &Expr) -> Result<Typed, PredicateError> {
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

fn time_literal(text: &str, expr: &Expr) -> Result<Typed, PredicateError> {
    match operand::parse_time_ms(text) {
        Some(ms) => Ok(Typed::Time(IntNode::Const(Some(ms)))),
        None => Err(PredicateError::Literal {
            text: excerpt(text),
            wanted: "a time like '2026-01-31T00:00:00Z'",
            position: position(expr),
        }),
    }
}
