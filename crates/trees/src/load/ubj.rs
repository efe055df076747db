//! UBJSON (draft 12) as a stream of values, as far as XGBoost writes it: everything but high-precision
//! numbers, and arrays of one type only of numbers.

use std::borrow::Cow;

use super::stream::{DEPTH_MAX, Number, Stream, Token, fault};
use crate::error::TreeError;

/// Reads UBJSON.
#[derive(Debug)]
pub(super) struct Ubj<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Arrays and objects that are open.
    open: Vec<Open>,
    /// Type of the value that comes next, where its array says it for all.
    kind: Option<u8>,
}

/// An array or object.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// Items that are left, where the beginning says how many there are.
    left: Option<u64>,
    /// Type of all items.
    kind: Option<u8>,
}

impl<'a> Ubj<'a> {
    /// Reads from the beginning of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            open: Vec::new(),
            kind: None,
        }
    }

    fn wrong(&self, expected: &str) -> TreeError {
        fault(&format!("byte {}: expected {expected}", self.at))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], TreeError> {
        let chunk = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk);
        match chunk {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => Err(self.wrong("more bytes; the file is cut off")),
        }
    }

    /// The next byte that is not a no-op, left where it is.
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at) == Some(&b'N') {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    /// A number of type `kind`.
    fn number_of(&mut self, kind: u8) -> Result<Number<'a>, TreeError> {
        Ok(match kind {
            b'i' => Number::Integer(i8::from_be_bytes(self.take()?).into()),
            b'U' => Number::Integer(u8::from_be_bytes(self.take()?).into()),
            b'I' => Number::Integer(i16::from_be_bytes(self.take()?).into()),
            b'l' => Number::Integer(i32::from_be_bytes(self.take()?).into()),
            b'L' => Number::Integer(i64::from_be_bytes(self.take()?)),
            b'd' => Number::Single(f32::from_be_bytes(self.take()?)),
            b'D' => Number::Double(f64::from_be_bytes(self.take()?)),
            _ => return Err(self.wrong("a number")),
        })
    }

    /// A length: an integer with its type before it.
    fn length(&mut self) -> Result<u64, TreeError> {
        let [kind] = self.take()?;
        match self.number_of(kind)? {
            Number::Integer(length) if length >= 0 => Ok(length.unsigned_abs()),
            _ => Err(self.wrong("a length")),
        }
    }

    /// A text whose type has been read.
    fn string(&mut self) -> Result<Cow<'a, str>, TreeError> {
        let length = self.length()?;
        let text = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length))
            .and_then(|end| self.bytes.get(self.at..end));
        let Some(text) = text else {
            return Err(self.wrong("more bytes; the file is cut off"));
        };
        self.at += text.len();
        let text = std::str::from_utf8(text).map_err(|_| self.wrong("UTF-8 text"))?;
        Ok(Cow::Borrowed(text))
    }

    /// Opens an array or object whose first byte has been read.
    fn enter(&mut self) -> Result<(), TreeError> {
        if self.open.len() == DEPTH_MAX {
            return Err(TreeError::TooLarge {
                what: format!("arrays and objects within one another at byte {}", self.at),
                found: DEPTH_MAX + 1,
                max: DEPTH_MAX,
            });
        }
        let mut kind = None;
        if self.peek() == Some(b'$') {
            self.at += 1;
            let [named] = self.take()?;
            kind = Some(named);
            if self.peek() != Some(b'#') {
                return Err(self.wrong("`#` after the type of all items"));
            }
        }
        let mut left = None;
        if self.peek() == Some(b'#') {
            self.at += 1;
            left = Some(self.length()?);
        }
        if let (Some(kind), Some(length)) = (kind, left) {
            // Every item has its bytes: a length cannot promise more than the file holds.
            let width = match kind {
                b'i' | b'U' => 1,
                b'I' => 2,
                b'l' | b'd' => 4,
                b'L' | b'D' => 8,
                _ => return Err(self.wrong("numbers in an array of one type")),
            };
            let rest = (self.bytes.len() - self.at) as u64;
            if length > rest / width {
                return Err(self.wrong(&format!("{length} items; the file is cut off")));
            }
        }
        self.open.push(Open { left, kind });
        Ok(())
    }

    /// Whether the innermost array or object, which ends with `close`, goes on.
    fn goes_on(&mut self, close: u8) -> Result<bool, TreeError> {
        let Some(open) = self.open.last_mut() else {
            return Err(self.wrong("an array or object"));
        };
        let kind = open.kind;
        let ended = match &mut open.left {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => match self.peek() {
                Some(byte) if byte == close => {
                    self.at += 1;
                    true
                }
                _ => false,
            },
        };
        if ended {
            self.open.pop();
        } else {
            self.kind = kind;
        }
        Ok(!ended)
    }
}

impl<'a> Stream<'a> for Ubj<'a> {
    fn value(&mut self) -> Result<Token<'a>, TreeError> {
        if let Some(kind) = self.kind.take() {
            return self.number_of(kind).map(Token::Number);
        }
        self.peek();
        let [kind] = self.take()?;
        Ok(match kind {
            b'{' => self.enter().map(|()| Token::Object)?,
            b'[' => self.enter().map(|()| Token::Array)?,
            b'S' => Token::Text(self.string()?),
            b'C' => {
                let [byte] = self.take()?;
                Token::Text(char::from(byte).to_string().into())
            }
            b'T' => Token::Number(Number::Integer(1)),
            b'F' => Token::Number(Number::Integer(0)),
            b'Z' => Token::Null,
            _ => Token::Number(self.number_of(kind)?),
        })
    }

    fn key(&mut self) -> Result<Option<Cow<'a, str>>, TreeError> {
        if !self.goes_on(b'}')? {
            return Ok(None);
        }
        // A key is a text without the type before it.
        self.peek();
        self.string().map(Some)
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
