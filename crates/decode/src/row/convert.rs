//! One noted value to what its column holds.

use tillwatch_records::limits::{AMOUNT_MINOR_MAX, TEXT_BYTES_MAX};
use tillwatch_records::money;

use crate::buffer::TextBuffer;
use crate::format::json::escape::unescape;
use crate::format::json::extract::{Token, TokenKind};
use crate::refusal::{Fault, RefusalReason};
use crate::sensitive::looks_like_pan;
use crate::settings::TimeFormat;
use crate::value::number::{Excess, NumberError, double, scaled};
use crate::value::time::{TimeError, milliseconds};

/// Memory that rows reuse.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Unescaped text of a number or time.
    text: Vec<u8>,
    /// The last currency and its exponent: most sites have few.
    currency: Vec<u8>,
    exponent: u8,
}

#[inline]
pub(super) fn write_text(
    column: &mut TextBuffer,
    row: usize,
    token: Token,
    text: &[u8],
    is_card: bool,
) -> Result<bool, Fault> {
    match token.kind {
        TokenKind::Text | TokenKind::Number | TokenKind::True | TokenKind::False => {
            let value = token.of(text);
            if value.len() > TEXT_BYTES_MAX {
                return Err(text_too_long());
            }
            column.bytes().extend_from_slice(value);
        }
        TokenKind::Escaped => {
            unescape(token.of(text), column.bytes()).map_err(|_| lone_surrogate())?;
            if column.pending().len() > TEXT_BYTES_MAX {
                return Err(text_too_long());
            }
        }
        TokenKind::Absent | TokenKind::Null => {}
        TokenKind::Composite => return Err(wrong_type("expected text, found an object or array")),
    }
    if is_card && looks_like_pan(column.pending()) {
        let what = "looks like a card number in clear; send a keyed token instead";
        return Err(Fault::new(RefusalReason::PanInClear, what));
    }
    let is_present = !column.pending().is_empty();
    if is_present {
        column.finish_row(row);
    }
    Ok(is_present)
}

/// The text of a number or time that was sent as a number or as text; `None` where there is none.
#[inline]
fn plain<'t>(
    token: Token,
    text: &'t [u8],
    scratch: &'t mut Vec<u8>,
) -> Result<Option<&'t [u8]>, Fault> {
    let found = match token.kind {
        TokenKind::Number | TokenKind::Text => token.of(text),
        TokenKind::Escaped => {
            scratch.clear();
            unescape(token.of(text), scratch).map_err(|_| lone_surrogate())?;
            scratch
        }
        TokenKind::Absent | TokenKind::Null => return Ok(None),
        TokenKind::True | TokenKind::False => {
            return Err(wrong_type("expected a number, found true or false"));
        }
        TokenKind::Composite => {
            return Err(wrong_type("expected a number, found an object or array"));
        }
    };
    Ok((!found.is_empty()).then_some(found))
}

#[inline]
pub(super) fn integer(
    token: Token,
    text: &[u8],
    scratch: &mut Scratch,
) -> Result<Option<i64>, Fault> {
    let Some(digits) = plain(token, text, &mut scratch.text)? else {
        return Ok(None);
    };
    let fault = |error| match error {
        NumberError::NotANumber => Fault::new(RefusalReason::BadNumber, "not a number"),
        NumberError::TooPrecise => Fault::new(RefusalReason::BadNumber, "not a whole number"),
        NumberError::TooLarge => out_of_range("does not fit 64 bits"),
    };
    scaled(digits, 0, Excess::Refuse).map(Some).map_err(fault)
}

#[inline]
pub(super) fn amount(
    token: Token,
    text: &[u8],
    scale: u8,
    scratch: &mut Scratch,
) -> Result<Option<i64>, Fault> {
    let Some(digits) = plain(token, text, &mut scratch.text)? else {
        return Ok(None);
    };
    let range = || {
        let what = "negative, or larger than an amount can be";
        Fault::new(RefusalReason::AmountOutOfRange, what)
    };
    match scaled(digits, i64::from(scale), Excess::Refuse) {
        Ok(minor) if (0..AMOUNT_MINOR_MAX).contains(&minor) => Ok(Some(minor)),
        Ok(_) | Err(NumberError::TooLarge) => Err(range()),
        Err(NumberError::NotANumber) => Err(Fault::new(RefusalReason::BadNumber, "not a number")),
        Err(NumberError::TooPrecise) => {
            let what = "more decimals than its unit has";
            Err(Fault::new(RefusalReason::AmountPrecision, what))
        }
    }
}

/// Decimals of the row's currency.
#[inline]
pub(super) fn exponent(currency: Option<&[u8]>, scratch: &mut Scratch) -> Result<u8, Fault> {
    let Some(currency) = currency else {
        let what = "an amount in major units needs a currency";
        return Err(Fault::new(RefusalReason::MissingField, what));
    };
    if *currency != *scratch.currency {
        scratch.currency.clear();
        scratch.currency.extend_from_slice(currency);
        let code = String::from_utf8_lossy(currency).to_ascii_uppercase();
        scratch.exponent = money::exponent(&code);
    }
    Ok(scratch.exponent)
}

#[inline]
pub(super) fn degrees(
    token: Token,
    text: &[u8],
    max: f64,
    scratch: &mut Scratch,
) -> Result<Option<f64>, Fault> {
    let Some(digits) = plain(token, text, &mut scratch.text)? else {
        return Ok(None);
    };
    match double(digits) {
        Ok(value) if value.abs() <= max => Ok(Some(value)),
        Ok(_) | Err(NumberError::TooLarge) => Err(out_of_range("not a place on earth")),
        Err(_) => Err(Fault::new(RefusalReason::BadNumber, "not a number")),
    }
}

#[inline]
pub(super) fn time(
    token: Token,
    text: &[u8],
    format: TimeFormat,
    scratch: &mut Scratch,
) -> Result<Option<i64>, Fault> {
    let Some(written) = plain(token, text, &mut scratch.text)? else {
        return Ok(None);
    };
    milliseconds(written, format)
        .map(Some)
        .map_err(|error| match error {
            TimeError::BadFormat => {
                let what = "not a time in the configured format";
                Fault::new(RefusalReason::BadTime, what)
            }
            TimeError::OutOfRange => {
                let what = "outside the years 2000 to 2099; check the configured unit";
                Fault::new(RefusalReason::TimeOutOfRange, what)
            }
        })
}

fn wrong_type(what: &'static str) -> Fault {
    Fault::new(RefusalReason::WrongType, what)
}

fn out_of_range(what: &'static str) -> Fault {
    Fault::new(RefusalReason::NumberOutOfRange, what)
}

pub(super) fn text_too_long() -> Fault {
    Fault::new(RefusalReason::TextTooLong, "longer than a text may be")
}

fn lone_surrogate() -> Fault {
    let what = "an escape that is half a surrogate pair";
    Fault::new(RefusalReason::BadJson, what)
}
