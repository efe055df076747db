//! `LIKE` patterns, compiled to the cheapest test that decides them.

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LikePattern {
    /// No wildcard.
    Exact(String),
    /// `text%`.
    Prefix(String),
    /// `%text`.
    Suffix(String),
    /// `%text%`; empty for `%`.
    Contains(String),
    /// Anything else.
    General(Vec<Piece>),
}

/// One element of a general pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// This character.
    Char(char),
    /// `_`: any one character.
    One,
    /// `%`: any characters, also none; never twice in a row.
    Any,
}

impl LikePattern {
    /// Compiles `pattern`; after `escape`, a wildcard or the escape itself stands for itself. `None`
    /// when the pattern ends in an escape.
    pub(crate) fn new(pattern: &str, escape: Option<char>) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            match c {
                _ if Some(c) == escape => pieces.push(Piece::Char(chars.next()?)),
                '%' if pieces.last() == Some(&Piece::Any) => {}
                '%' => pieces.push(Piece::Any),
                '_' => pieces.push(Piece::One),
                _ => pieces.push(Piece::Char(c)),
            }
        }
        Some(Self::from_pieces(pieces))
    }

    fn from_pieces(pieces: Vec<Piece>) -> Self {
        let starts = pieces.first() == Some(&Piece::Any);
        let ends = pieces.last() == Some(&Piece::Any);
        let from = usize::from(starts);
        let to = (pieces.len() - usize::from(ends)).max(from);
        let text: Option<String> = pieces[from..to]
            .iter()
            .map(|piece| match piece {
                Piece::Char(c) => Some(*c),
                Piece::One | Piece::Any => None,
            })
            .collect();
        match (text, starts, ends) {
            (Some(text), true, true) => Self::Contains(text),
            (Some(text), true, false) => Self::Suffix(text),
            (Some(text), false, true) => Self::Prefix(text),
            (Some(text), false, false) => Self::Exact(text),
            (None, _, _) => Self::General(pieces),
        }
    }

    /// Whether `text` matches as a whole.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => text == wanted,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::Contains(part) => text.contains(part.as_str()),
            Self::General(pieces) => general(pieces, text),
        }
    }

    /// As SQL, with `\` as the escape.
    pub(crate) fn to_sql(&self) -> String {
        let mut out = String::new();
        let text = |out: &mut String, text: &str| text.chars().for_each(|c| push_char(out, c));
        match self {
            Self::Exact(part) => text(&mut out, part),
            Self::Prefix(part) => {
                text(&mut out, part);
                out.push('%');
            }
            Self::Suffix(part) => {
                out.push('%');
                text(&mut out, part);
            }
            Self::Contains(part) => {
                out.push('%');
                text(&mut out, part);
                out.push('%');
            }
            Self::General(pieces) => pieces.iter().for_each(|piece| match piece {
                Piece::Char(c) => push_char(&mut out, *c),
                Piece::One => out.push('_'),
                Piece::Any => out.push('%'),
            }),
        }
        out
    }
}

fn push_char(out: &mut String, c: char) {
    if matches!(c, '%' | '_' | '\\') {
        out.push('\\');
    }
    out.push(c);
}

/// Greedy matching that goes back to the last `%` only: at most text × pattern steps.
fn general(pieces: &[Piece], text: &str) -> bool {
    let mut rest = text.chars();
    let mut at = 0;
    // Where to go on when the last `%` must take one more character.
    let mut resume: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        let before = rest.clone();
        let next = rest.next();
        let fits = match (pieces.get(at), next) {
            (Some(Piece::Any), _) => {
                at += 1;
                resume = Some((at, before.clone()));
                rest = before;
                continue;
            }
            (None, None) => return true,
            (Some(Piece::One), Some(_)) => true,
            (Some(Piece::Char(wanted)), Some(c)) => *wanted == c,
            (None, Some(_)) | (Some(_), None) => false,
        };
        if fits {
            at += 1;
            continue;
        }
        let Some((after, mut chars)) = resume.take() else {
            return false;
        };
        if chars.next().is_none() {
            return false;
        }
        at = after;
        rest = chars.clone();
        resume = Some((after, chars));
    }
}
