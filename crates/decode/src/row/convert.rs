//! One token to what its column holds. Generic in how the format writes text, so that each format has a
//! copy without a call per field.

use tillwatch_records::blanks::trimmed;
use tillwatch_records::limits::{AMOUNT_MINOR_MAX, TEXT_BYTES_MAX};
use tillwatch_records::money;

use super::codes::Codes;
use super::guard::{self, Guard};
use super::notes::Notes;
use crate::buffer::TextBuffer;
use crate::refusal::{ColumnRef, Fault, RefusalReason};
use crate::settings::NumberBase;
use crate::token::{Coding, Fields, Token};
use crate::value::number::{Excess, NumberError, double, money_scaled, scaled};
use crate::value::time::{TimeError, TimeRule, accepted};

/// Room that rows reuse.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Text of a number or time that its format does not write as such.
    pub(super) text: Vec<u8>,
    /// The values of several fields, joined.
    pub(super) joined: Vec<u8>,
    pub(crate) codes: Codes,
    pub(crate) notes: Notes,
}

/// Whether there is a value, which is then the last row of `column`.
#[inline(always)]
pub(super) fn write_text<C: Coding>(
    column: &mut TextBuffer,
    row: usize,
    (token, bytes): (Token, &[u8]),
    guard: (Guard, ColumnRef),
    scratch: &mut Scratch,
) -> Result<bool, Fault> {
    if append_text::<C>(column, token, bytes)? == Exactness::Lost {
        return Err(out_of_range(
            "a floating-point number of 2^53 or more, which may stand for several ids; send it as text",
        ));
    }
    let is_present = guard::check(guard, column, &mut scratch.notes)?;
    if is_present {
        column.finish_row(row);
    }
    Ok(is_present)
}

/// Whether the text of a number tells it from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exactness {
    Kept,
    /// Doubles from 2^53 on stand for several integers each.
    Lost,
}

/// Appends the text of a value, without blanks around it; nothing where there is none. A double that is a
/// whole number is its digits, as an integer is. Always inlined: the call costs 30 instructions of each text.
#[inline(always)]
pub(super) fn append_text<C: Coding>(
    column: &mut TextBuffer,
    token: Token,
    bytes: &[u8],
) -> Result<Exactness, Fault> {
    match token {
        Token::Text(span) => {
            let value = span.of(bytes);
            if value.len() > TEXT_BYTES_MAX {
                return Err(text_too_long());
            }
            if !C::IS_UTF8 && std::str::from_utf8(value).is_err() {
                return Err(Fault::new(RefusalReason::INVALID_UTF8, "not UTF-8"));
            }
            column.bytes().extend_from_slice(trimmed(value));
        }
        Token::Decimal(span) => {
            let value = span.of(bytes);
            if value.len() > TEXT_BYTES_MAX {
                return Err(text_too_long());
            }
            if value.iter().all(u8::is_ascii_digit) {
                column.bytes().extend_from_slice(value);
            } else {
                return Ok(append_number(value, column.bytes()));
            }
        }
        Token::Coded(span) => {
            C::decode(span.of(bytes), column.bytes())?;
            if column.pending().len() > TEXT_BYTES_MAX {
                return Err(text_too_long());
            }
            column.trim_pending();
        }
        Token::Boolean(value) => column.bytes().extend_from_slice(word(value)),
        Token::Float(value) => {
            token.write_digits(column.bytes());
            if value.abs() >= EXACT_BELOW as f64 {
                return Ok(Exactness::Lost);
            }
        }
        Token::Integer(_) | Token::TimeMs(_) => token.write_digits(column.bytes()),
        Token::Bytes(span) => {
            let value = span.of(bytes);
            if 2 * value.len() > TEXT_BYTES_MAX {
                return Err(text_too_long());
            }
            write_hexadecimal(value, column.bytes());
        }
        Token::Absent | Token::Null => {}
        Token::Composite => return Err(wrong_type("expected text, found an object or array")),
    }
    Ok(Exactness::Kept)
}

/// Doubles below it that are whole are integers exactly: 2^53.
const EXACT_BELOW: i64 = 1 << f64::MANTISSA_DIGITS;

/// Appends the text of a number that has a sign, a point or an exponent: its digits alone where it is whole.
#[cold]
fn append_number(text: &[u8], out: &mut Vec<u8>) -> Exactness {
    let is_double = |byte: &u8| matches!(byte, b'.' | b'e' | b'E');
    let value = scaled(text, 0, Excess::Refuse);
    match value {
        Ok(whole)
            if text.iter().any(is_double) && whole.unsigned_abs() < EXACT_BELOW.unsigned_abs() =>
        {
            Token::Integer(whole).write_digits(out);
            Exactness::Kept
        }
        Ok(_) | Err(NumberError::TooLarge) if text.iter().any(is_double) => {
            out.extend_from_slice(text);
            Exactness::Lost
        }
        _ => {
            out.extend_from_slice(text);
            Exactness::Kept
        }
    }
}

/// Truth values as text.
pub(crate) fn word(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

/// Two upper-case digits a byte, as EMV data objects are written.
fn write_hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        out.extend([
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]);
    }
}

/// The text of a number or time, however it was sent; `None` where there is none. Always inlined, as for
/// texts.
#[inline(always)]
pub(super) fn plain<'t, C: Coding>(
    token: Token,
    bytes: &'t [u8],
    scratch: &'t mut Vec<u8>,
) -> Result<Option<&'t [u8]>, Fault> {
    let found = match token {
        Token::Decimal(span) => span.of(bytes),
        Token::Text(span) => span.of(bytes).trim_ascii(),
        Token::Coded(span) => {
            scratch.clear();
            C::decode(span.of(bytes), scratch)?;
            scratch.trim_ascii()
        }
        Token::Integer(_) | Token::Float(_) | Token::TimeMs(_) => {
            scratch.clear();
            token.write_digits(scratch);
            scratch
        }
        Token::Absent | Token::Null => return Ok(None),
        Token::Boolean(_) => {
            return Err(wrong_type("expected a number, found true or false"));
        }
        Token::Bytes(_) => return Err(wrong_type("expected a number, found bytes")),
        Token::Composite => {
            return Err(wrong_type("expected a number, found an object or array"));
        }
    };
    Ok((!found.is_empty()).then_some(found))
}

#[inline]
pub(super) fn integer<C: Coding>(
    token: Token,
    bytes: &[u8],
    scratch: &mut Scratch,
) -> Result<Option<i64>, Fault> {
    let Some(digits) = plain::<C>(token, bytes, &mut scratch.text)? else {
        return Ok(None);
    };
    let fault = |error| match error {
        NumberError::NotANumber => Fault::new(RefusalReason::BAD_NUMBER, "not a number"),
        NumberError::TooPrecise => Fault::new(RefusalReason::BAD_NUMBER, "not a whole number"),
        NumberError::TooLarge => out_of_range("does not fit 64 bits"),
    };
    let value = scaled(digits, 0, Excess::Refuse).map_err(fault)?;
    guard::check_integer(value).map(Some)
}

#[inline]
pub(super) fn amount<C: Coding>(
    token: Token,
    bytes: &[u8],
    scale: u8,
    scratch: &mut Scratch,
) -> Result<Option<i64>, Fault> {
    let Some(digits) = plain::<C>(token, bytes, &mut scratch.text)? else {
        return Ok(None);
    };
    let range = || {
        let what = "negative, or larger than an amount can be";
        Fault::new(RefusalReason::AMOUNT_OUT_OF_RANGE, what)
    };
    match money_scaled(digits, i64::from(scale)) {
        Ok(minor) if (0..AMOUNT_MINOR_MAX).contains(&minor) => Ok(Some(minor)),
        Ok(_) | Err(NumberError::TooLarge) => Err(range()),
        Err(NumberError::NotANumber) => Err(Fault::new(RefusalReason::BAD_NUMBER, "not a number")),
        Err(NumberError::TooPrecise) => {
            let what = "more decimals than its unit has";
            Err(Fault::new(RefusalReason::AMOUNT_PRECISION, what))
        }
    }
}

/// Decimals of the row's currency.
#[inline]
pub(super) fn exponent(currency: Option<&[u8]>) -> Result<u8, Fault> {
    let Some(currency) = currency else {
        let what = "an amount in major units needs a currency";
        return Err(Fault::new(RefusalReason::MISSING_FIELD, what));
    };
    money::exponent(currency).ok_or_else(|| {
        let what = "its currency is none of ISO 4217, so that nobody knows its decimals; correct the \
                    code, or send minor units";
        Fault::new(RefusalReason::UNKNOWN_CURRENCY, what)
    })
}

/// An integer that a card holds as bytes, which systems write in either base.
pub(super) fn counter<C: Coding>(
    token: Token,
    bytes: &[u8],
    base: NumberBase,
    scratch: &mut Scratch,
) -> Result<Option<i64>, Fault> {
    let is_text = matches!(token, Token::Text(_) | Token::Coded(_));
    let Some(digits) = plain::<C>(token, bytes, &mut scratch.text)? else {
        return Ok(None);
    };
    let is_hexadecimal = match base {
        NumberBase::Decimal => false,
        NumberBase::Hexadecimal => is_text,
        NumberBase::Auto => is_text && is_surely_hexadecimal(digits),
    };
    if !is_hexadecimal {
        return integer::<C>(token, bytes, scratch);
    }
    let what = "not a hexadecimal number of at most 63 bits";
    let found = hexadecimal(digits).map(Some);
    found.ok_or_else(|| Fault::new(RefusalReason::BAD_NUMBER, what))
}

/// Whether a text is no decimal number: it has the prefix or a digit above nine, or a zero in front of the
/// four digits that two bytes make.
fn is_surely_hexadecimal(text: &[u8]) -> bool {
    let digits = without_prefix(text);
    let is_prefixed = digits.len() < text.len();
    let is_two_bytes = text.len() == 4 && text.starts_with(b"0");
    let has_letter = digits.iter().any(u8::is_ascii_alphabetic);
    digits.iter().all(u8::is_ascii_hexdigit) && (is_prefixed || is_two_bytes || has_letter)
}

fn hexadecimal(text: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(without_prefix(text)).ok()?;
    let is_digit = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    i64::from_str_radix(digits, 16).ok().filter(|_| is_digit)
}

fn without_prefix(text: &[u8]) -> &[u8] {
    let digits = text.strip_prefix(b"0x");
    digits.or_else(|| text.strip_prefix(b"0X")).unwrap_or(text)
}

/// Degrees of at most `max`.
#[inline]
pub(super) fn degrees<C: Coding>(
    token: Token,
    bytes: &[u8],
    max: f64,
    scratch: &mut Scratch,
) -> Result<Option<f64>, Fault> {
    let Some(digits) = plain::<C>(token, bytes, &mut scratch.text)? else {
        return Ok(None);
    };
    match double(digits) {
        Ok(value) if value.abs() <= max => Ok(Some(value)),
        Ok(_) | Err(NumberError::TooLarge) => Err(out_of_range("not a place on earth")),
        Err(_) => Err(Fault::new(RefusalReason::BAD_NUMBER, "not a number")),
    }
}

/// Any finite number.
#[inline]
pub(super) fn float<C: Coding>(
    token: Token,
    bytes: &[u8],
    scratch: &mut Scratch,
) -> Result<Option<f64>, Fault> {
    let Some(digits) = plain::<C>(token, bytes, &mut scratch.text)? else {
        return Ok(None);
    };
    double(digits).map(Some).map_err(|error| match error {
        NumberError::TooLarge => out_of_range("does not fit a 64-bit floating-point number"),
        _ => Fault::new(RefusalReason::BAD_NUMBER, "not a number"),
    })
}

/// True or false as such, as the texts of them, or as 1 or 0.
#[inline]
pub(super) fn boolean<C: Coding>(
    token: Token,
    bytes: &[u8],
    scratch: &mut Scratch,
) -> Result<Option<bool>, Fault> {
    let other = || wrong_type("expected true or false");
    match token {
        Token::Boolean(value) => return Ok(Some(value)),
        Token::Bytes(_) | Token::Composite => return Err(other()),
        _ => {}
    }
    match plain::<C>(token, bytes, &mut scratch.text)? {
        None => Ok(None),
        Some(b"true" | b"1") => Ok(Some(true)),
        Some(b"false" | b"0") => Ok(Some(false)),
        Some(_) => Err(other()),
    }
}

/// `arrival` is Kafka's timestamp of the record.
#[inline]
pub(super) fn time<C: Coding>(
    token: Token,
    bytes: &[u8],
    rule: &TimeRule,
    arrival: Option<i64>,
    scratch: &mut Scratch,
) -> Result<Option<i64>, Fault> {
    if let Token::TimeMs(ms) = token {
        return accepted(ms).map(Some).map_err(no_time);
    }
    let Some(written) = plain::<C>(token, bytes, &mut scratch.text)? else {
        return Ok(None);
    };
    let ms = rule.milliseconds(written, arrival);
    ms.map(Some).map_err(no_time)
}

#[cold]
fn no_time(error: TimeError) -> Fault {
    let (reason, what) = match error {
        TimeError::BadFormat => {
            let what = "not a time in the configured format";
            (RefusalReason::BAD_TIME, what)
        }
        TimeError::OutOfRange => {
            let what = "outside the years 2000 to 2099; check the configured unit";
            (RefusalReason::TIME_OUT_OF_RANGE, what)
        }
        TimeError::NoYear => {
            let what = "a time without a year, in a record without a Kafka timestamp that would tell \
                        it; name a day that is `near` in its format in [decode.units]";
            (RefusalReason::BAD_TIME, what)
        }
        TimeError::Ambiguous => {
            let what = "seconds since 1970, or MMDDhhmmss without a year; say \"s\" or \"de7\" in \
                        [decode.units]";
            (RefusalReason::BAD_TIME, what)
        }
    };
    Fault::new(reason, what)
}

/// Writes the values at `slots` to `out`, joined by blanks; whether each is one. A double that is a whole
/// number is its digits.
pub(super) fn joined<C: Coding>(
    slots: &[u16],
    fields: Fields<'_>,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<bool, Fault> {
    out.clear();
    for slot in slots {
        if !out.is_empty() {
            out.push(b' ');
        }
        let token = fields.tokens[usize::from(*slot)];
        match (token, plain::<C>(token, fields.bytes, &mut scratch.text)?) {
            (_, None) => return Ok(false),
            (Token::Decimal(_), Some(number)) => _ = append_number(number, out),
            (_, Some(text)) => out.extend_from_slice(text),
        }
    }
    Ok(true)
}

fn wrong_type(what: &'static str) -> Fault {
    Fault::new(RefusalReason::WRONG_TYPE, what)
}

fn out_of_range(what: &'static str) -> Fault {
    Fault::new(RefusalReason::NUMBER_OUT_OF_RANGE, what)
}

pub(super) fn text_too_long() -> Fault {
    Fault::new(RefusalReason::TEXT_TOO_LONG, "longer than a text may be")
}
