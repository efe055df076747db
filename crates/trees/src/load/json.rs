//! JSON as a stream of values (RFC 8259), and `NaN`, `Infinity`, `-Infinity`, which XGBoost and Python
//! write.

use std::borrow::Cow;

use super::stream::{DEPTH_MAX, Number, Stream, Token, fault};
use crate::error::TreeError;

/// Reads JSON.
#[derive(Debug)]
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    /// Arrays and objects that are open: whether an item has been read.
    open: Vec<bool>,
}

impl<'a> Json<'a> {
    /// Reads from the beginning of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, TreeError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| fault(&format!("byte {} is not UTF-8 text", error.valid_up_to())))?;
        Ok(Self {
            text,
            at: 0,
            open: Vec::new(),
        })
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn wrong(&self, expected: &str) -> TreeError {
        fault(&format!("byte {}: expected {expected}", self.at))
    }

    fn take(&mut self, byte: u8, expected: &str) -> Result<(), TreeError> {
        if self.peek() != Some(byte) {
            return Err(self.wrong(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn enter(&mut self) -> Result<(), TreeError> {
        if self.open.len() == DEPTH_MAX {
            return Err(TreeError::TooLarge {
                what: format!("arrays and objects within one another at byte {}", self.at),
                found: DEPTH_MAX + 1,
                max: DEPTH_MAX,
            });
        }
        self.at += 1;
        self.open.push(false);
        Ok(())
    }

    /// Whether the innermost array or object, which ends with `close`, goes on.
    fn goes_on(&mut self, close: u8) -> Result<bool, TreeError> {
        let next = self.peek();
        let Some(has_item) = self.open.last_mut() else {
            return Err(self.wrong("an array or object"));
        };
        if next == Some(close) {
            self.at += 1;
            self.open.pop();
            return Ok(false);
        }
        if std::mem::replace(has_item, true) {
            self.take(b',', "`,` or the end of the array or object")?;
            if self.peek() == Some(close) {
                return Err(self.wrong("another item"));
            }
        }
        Ok(true)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, TreeError> {
        self.take(b'"', "a text")?;
        let start = self.at;
        let mut owned: Option<String> = None;
        let mut from = start;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(length) = rest.iter().position(|b| matches!(b, b'"' | b'\\')) else {
                return Err(self.wrong("the end of a text"));
            };
            let end = self.at + length;
            self.at = end + 1;
            if rest[length] == b'"' {
                let tail = &self.text[from..end];
                return Ok(match owned {
                    None => Cow::Borrowed(tail),
                    Some(mut text) => {
                        text.push_str(tail);
                        Cow::Owned(text)
                    }
                });
            }
            let text = owned.get_or_insert_default();
            text.push_str(&self.text[from..end]);
            let unescaped = self.escape()?;
            owned.get_or_insert_default().push(unescaped);
            from = self.at;
        }
    }

    /// The character of an escape whose backslash has been read.
    fn escape(&mut self) -> Result<char, TreeError> {
        let kind = self.text.as_bytes().get(self.at).copied();
        self.at += 1;
        let character = match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hexadecimal()?;
                let code = if (0xd800..0xdc00).contains(&high) {
                    if !self.text[self.at..].starts_with("\\u") {
                        return Err(self.wrong("the other half of a surrogate pair"));
                    }
                    self.at += 2;
                    let low = self.hexadecimal()?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(self.wrong("the other half of a surrogate pair"));
                    }
                    0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                } else {
                    high
                };
                char::from_u32(code).ok_or_else(|| self.wrong("a character"))?
            }
            _ => return Err(self.wrong("an escape")),
        };
        Ok(character)
    }

    fn hexadecimal(&mut self) -> Result<u32, TreeError> {
        let digits = self.text.get(self.at..self.at + 4);
        let is_hexadecimal = |digits: &&str| digits.bytes().all(|b| b.is_ascii_hexdigit());
        let code = digits
            .filter(is_hexadecimal)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.wrong("four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }

    /// A number or word.
    fn word(&mut self) -> Result<Token<'a>, TreeError> {
        let rest = &self.text[self.at..];
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let length = rest.bytes().take_while(is_part).count();
        let word = &rest[..length];
        let token = match word {
            _ if is_number(word) => Token::Number(Number::Text(word)),
            "null" => Token::Null,
            "true" => Token::Number(Number::Integer(1)),
            "false" => Token::Number(Number::Integer(0)),
            "NaN" | "-NaN" => Token::Number(Number::Double(f64::NAN)),
            "Infinity" => Token::Number(Number::Double(f64::INFINITY)),
            "-Infinity" => Token::Number(Number::Double(f64::NEG_INFINITY)),
            _ => return Err(self.wrong("a value")),
        };
        self.at += length;
        Ok(token)
    }
}

/// Whether `word` is a JSON number, but that zeros may lead.
fn is_number(word: &str) -> bool {
    /// What follows one digit or more.
    fn digits(bytes: &[u8]) -> Option<&[u8]> {
        let count = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        (count > 0).then(|| &bytes[count..])
    }
    let bytes = word.as_bytes();
    let Some(mut rest) = digits(bytes.strip_prefix(b"-").unwrap_or(bytes)) else {
        return false;
    };
    if let [b'.', fraction @ ..] = rest {
        match digits(fraction) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let magnitude = match exponent {
            [b'+' | b'-', magnitude @ ..] => magnitude,
            _ => exponent,
        };
        match digits(magnitude) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

impl<'a> Stream<'a> for Json<'a> {
    fn value(&mut self) -> Result<Token<'a>, TreeError> {
        match self.peek() {
            Some(b'{') => self.enter().map(|()| Token::Object),
            Some(b'[') => self.enter().map(|()| Token::Array),
            Some(b'"') => self.string().map(Token::Text),
            _ => self.word(),
        }
    }

    fn key(&mut self) -> Result<Option<Cow<'a, str>>, TreeError> {
        if !self.goes_on(b'}')? {
            return Ok(None);
        }
        self.peek();
        let key = self.string()?;
        self.take(b':', "`:`")?;
        Ok(Some(key))
    }

    fn item(&mut self) -> Result<bool, TreeError> {
        self.goes_on(b']')
    }

    fn end(&mut self) -> Result<(), TreeError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("the end of the file")),
        }
    }
}
