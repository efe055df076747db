//! Where values are.

use tillwatch_records::RawRecord;

use crate::refusal::{Fault, RefusalReason};
use crate::token::{Fields, Span, Token};

/// Where a value is.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// Noted under this slot.
    Slot(u16),
    /// In the configuration.
    Constant(Token, Box<[u8]>),
    /// In the Kafka header of this name.
    Header(Box<str>),
    /// Noted under these slots, and joined by blanks.
    Joined(Box<[u16]>),
    /// The Kafka key.
    Key,
    /// The Kafka timestamp.
    Timestamp,
}

/// The value at `origin`. Always inlined: nearly all values are in slots, and the call costs as much as the
/// rest.
#[inline(always)]
pub(super) fn found<'r>(
    origin: &'r Origin,
    fields: Fields<'r>,
    record: &RawRecord<'r>,
) -> Result<(Token, &'r [u8]), Fault> {
    match origin {
        Origin::Slot(slot) => Ok((fields.tokens[usize::from(*slot)], fields.bytes)),
        other => found_elsewhere(other, record),
    }
}

/// The value at an `origin` that is no field.
#[inline(never)]
fn found_elsewhere<'r>(
    origin: &'r Origin,
    record: &RawRecord<'r>,
) -> Result<(Token, &'r [u8]), Fault> {
    match origin {
        Origin::Constant(token, text) => Ok((*token, text)),
        Origin::Header(name) => unchecked(record.header(name)),
        Origin::Key => unchecked(record.key),
        Origin::Timestamp => Ok((
            record.timestamp_ms.map_or(Token::Absent, Token::TimeMs),
            &[],
        )),
        // Several values, which whoever may meet them joins; and what is no field's.
        Origin::Joined(_) | Origin::Slot(_) => Ok((Token::Composite, &[])),
    }
}

/// The text of a header or key, which no format has looked at.
fn unchecked(value: Option<&[u8]>) -> Result<(Token, &[u8]), Fault> {
    let Some(value) = value else {
        return Ok((Token::Absent, &[]));
    };
    if std::str::from_utf8(value).is_err() {
        return Err(Fault::new(RefusalReason::INVALID_UTF8, "not UTF-8"));
    }
    Ok((Token::Text(Span::new(0, value.len())), value))
}
