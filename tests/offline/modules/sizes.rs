//! How long files, functions and lines are.

use super::tokens::{Kind, Token, tokens};

/// Lines that hold code: neither blank nor a comment.
pub fn code_lines(source: &str) -> usize {
    let mut lines = 0;
    let mut last = 0;
    for token in tokens(source) {
        lines += (token.last_line + 1).saturating_sub(token.first_line.max(last + 1));
        last = token.last_line;
    }
    lines
}

/// The functions of a file with the lines between their braces.
pub fn functions(source: &str) -> Vec<(String, usize)> {
    let tokens = tokens(source);
    let mut functions = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        // `fn(…)` is a type.
        if !pair[0].is("fn") || pair[1].kind != Kind::Name {
            continue;
        }
        let Some(open) = body(&tokens, at + 2) else {
            continue;
        };
        if let Some(close) = closing(&tokens, open) {
            let lines = tokens[close].first_line - tokens[open].first_line;
            functions.push((pair[1].text.to_owned(), lines.saturating_sub(1)));
        }
    }
    functions
}

/// The lines with more than `characters_max`, by number, of a Rust file, a page or a file of settings. Not
/// counted: rows of tables, addresses, generated pages, and what cannot be broken: raw strings, strings of
/// several lines, and values in TOML.
pub fn wide_lines(name: &str, source: &str, characters_max: usize) -> Vec<usize> {
    if name.ends_with(".md")
        && source
            .lines()
            .take(5)
            .any(|line| line.starts_with("Generated from"))
    {
        return Vec::new();
    }
    let tokens = if name.ends_with(".rs") {
        tokens(source)
    } else {
        Vec::new()
    };
    let is_within_string = |line: usize| {
        let mut strings = tokens.iter().filter(|token| cannot_be_broken(token));
        strings.any(|string| (string.first_line..=string.last_line).contains(&line))
    };
    let is_value = |line: &str| name.ends_with(".toml") && !line.trim_start().starts_with('#');
    let lines = source.lines().enumerate();
    let wide = lines.filter(|(index, line)| {
        line.chars().count() > characters_max
            && !is_table_row(line)
            && !line.contains("://")
            && !is_value(line)
            && !is_within_string(index + 1)
    });
    wide.map(|(index, _)| index + 1).collect()
}

fn cannot_be_broken(token: &Token) -> bool {
    let is_raw = ["r\"", "r#", "br\"", "br#"]
        .iter()
        .any(|start| token.text.starts_with(start));
    token.kind == Kind::Text && (is_raw || token.first_line < token.last_line)
}

fn is_table_row(line: &str) -> bool {
    let signs = ["//!", "///", "//", "#"];
    let line = line.trim_start();
    let text = signs.iter().find_map(|sign| line.strip_prefix(sign));
    text.unwrap_or(line).trim_start().starts_with('|')
}

/// Where the body of a function begins whose head goes on at `at`; nothing if it has none.
fn body(tokens: &[Token], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        if token.kind != Kind::Other {
            continue;
        }
        match token.text {
            "{" if depth == 0 => return Some(index),
            ";" if depth == 0 => return None,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// The brace that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let braces = tokens.iter().enumerate().skip(open);
    let mut braces = braces.filter(|(_, token)| token.kind == Kind::Other);
    let close = braces.find(|(_, token)| {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    close.map(|(index, _)| index)
}
