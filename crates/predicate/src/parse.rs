//! From SQL text to a syntax tree of bounded size.

use sqlparser::ast::{Expr, Spanned};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::{PredicateError, excerpt};
use crate::limits::{NESTING_MAX, OPERATORS_MAX, TEXT_BYTES_MAX};

/// Parses `sql`, which may be hostile.
pub(crate) fn parse(sql: &str) -> Result<Expr, PredicateError> {
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

/// Where an expression starts, counting characters from 1.
pub(crate) fn position(expr: &Expr) -> u64 {
    expr.span().start.column
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
