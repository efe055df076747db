//! Rust source as tokens: no comments, and nothing of what strings say.

/// What a token is, as far as it matters to somebody who looks for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or an identifier, a raw one without its `r#`.
    Name,
    /// A string or a character.
    Text,
    /// A number, a lifetime or a sign. `::` is one sign, every other is one character.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub text: &'a str,
    pub kind: Kind,
    /// Counted from one.
    pub first_line: usize,
    /// The same, but for a string of several lines.
    pub last_line: usize,
}

impl Token<'_> {
    /// Whether this is the keyword or the sign `text`, not a string that says so.
    pub fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }
}

pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (kind, bytes) = if first.is_whitespace() {
            (None, first.len_utf8())
        } else if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, block_comment_len(rest))
        } else {
            let (kind, bytes) = token(rest);
            (Some(kind), bytes)
        };
        let (text, after) = rest.split_at(bytes);
        let last_line = line + text.matches('\n').count();
        if let Some(kind) = kind {
            tokens.push(Token {
                text: text.strip_prefix("r#").map_or(text, |name| match kind {
                    Kind::Name => name,
                    _ => text,
                }),
                kind,
                first_line: line,
                last_line,
            });
        }
        line = last_line;
        rest = after;
    }
    tokens
}

/// Of the comment that `rest` begins with; comments hold comments.
fn block_comment_len(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        let left = &rest[at..];
        if left.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if left.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            let Some(c) = left.chars().next() else {
                return at;
            };
            at += c.len_utf8();
        }
    }
}

/// The token that `rest` begins with, and its length in bytes.
fn token(rest: &str) -> (Kind, usize) {
    if let Some(bytes) = raw_string_len(rest).or_else(|| string_len(rest)) {
        return (Kind::Text, bytes);
    }
    if let Some(bytes) = character_len(rest) {
        return (Kind::Text, bytes);
    }
    if let Some(name) = rest.strip_prefix("r#") {
        let bytes = name_len(name);
        if bytes > 0 {
            return (Kind::Name, 2 + bytes);
        }
    }
    let first = rest.chars().next().unwrap_or_default();
    if first.is_ascii_digit() {
        return (Kind::Other, name_len(rest));
    }
    match name_len(rest) {
        0 if rest.starts_with("::") => (Kind::Other, 2),
        0 if first == '\'' => (Kind::Other, 1 + name_len(&rest[1..])),
        0 => (Kind::Other, first.len_utf8()),
        bytes => (Kind::Name, bytes),
    }
}

fn name_len(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len())
}

/// `r"…"`, `r#"…"#`, and of bytes or for C.
fn raw_string_len(rest: &str) -> Option<usize> {
    let opened = ["r", "br", "cr"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = opened.len() - opened.trim_start_matches('#').len();
    let body = opened[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let bytes = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(rest.len() - body.len() + bytes)
}

/// `"…"`, and of bytes or for C.
fn string_len(rest: &str) -> Option<usize> {
    let body = ["\"", "b\"", "c\""]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let mut escaped = false;
    let end = body.char_indices().find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let bytes = end.map_or(body.len(), |(at, _)| at + 1);
    Some(rest.len() - body.len() + bytes)
}

/// `'x'` or `b'x'`, but not the lifetime `'x`.
fn character_len(rest: &str) -> Option<usize> {
    let body = ["'", "b'"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let mut chars = body.char_indices();
    let (_, first) = chars.next()?;
    let (at, _) = if first == '\\' {
        // What is escaped may be a quote itself.
        chars.next();
        chars.find(|(_, c)| *c == '\'')?
    } else {
        chars.next().filter(|(_, c)| *c == '\'')?
    };
    Some(rest.len() - body.len() + at + 1)
}
