//! What a format makes of a field: a typed token, not yet what its column holds.

use std::io::Write as _;

use crate::refusal::Fault;

/// The value of a mapped field, as its format types it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "JSON writes numbers as text; binary formats have the other types"
    )
)]
pub(crate) enum Token {
    /// The field is not there.
    Absent,
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    /// A time in milliseconds since 1970, UTC, whatever format the settings name.
    TimeMs(i64),
    /// The text of a number, exact: `[+-]digits[.digits][e[+-]digits]`.
    Decimal(Span),
    /// Text that is its bytes.
    Text(Span),
    /// Text that [`Coding::decode`] makes of its bytes.
    Coded(Span),
    /// Bytes that are no text.
    Bytes(Span),
    /// Several values: an object, an array.
    Composite,
}

/// Where the bytes of a token are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

/// The tokens of one record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    /// One per slot.
    pub(crate) tokens: &'a [Token],
    /// What the spans of the tokens are in.
    pub(crate) bytes: &'a [u8],
}

/// How a format writes text.
pub(crate) trait Coding {
    /// Whether the bytes of every [`Token::Text`] are known to be UTF-8, so that nobody need look again.
    const IS_UTF8: bool;

    /// Appends the text of a [`Token::Coded`] to `out`, in UTF-8; after a fault `out` may hold a part.
    fn decode(written: &[u8], out: &mut Vec<u8>) -> Result<(), Fault>;
}

/// Text whose bytes are its text, and have not been looked at.
#[derive(Debug)]
pub(crate) struct Verbatim;

impl Token {
    /// Whether there is a value.
    #[inline]
    pub(crate) fn is_value(self) -> bool {
        !matches!(self, Self::Absent | Self::Null)
    }

    /// Writes a typed number or time in digits: a float with as many as tell it from its neighbours.
    /// Nothing for any other token.
    pub(crate) fn write_digits(self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = match self {
            Self::Integer(value) | Self::TimeMs(value) => write!(out, "{value}"),
            Self::Float(value) => write!(out, "{value}"),
            _ => Ok(()),
        };
    }
}

impl Span {
    /// The bytes from `start` to before `end` of a payload or constant.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        // A payload is at most PAYLOAD_BYTES_MAX long, so positions fit.
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    #[inline]
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

impl Coding for Verbatim {
    const IS_UTF8: bool = false;

    fn decode(written: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        out.extend_from_slice(written);
        Ok(())
    }
}
