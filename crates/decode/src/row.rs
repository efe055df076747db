//! The second pass: noted values to one row of the column buffers.

use tillwatch_records::limits::{AMOUNT_MINOR_MAX, KEY_BYTES_MAX, TEXT_BYTES_MAX};
use tillwatch_records::money;

use crate::buffer::{ColumnBuffer, TextBuffer};
use crate::extract::{Token, TokenKind};
use crate::refusal::{Fault, RefusalReason};
use crate::sensitive::looks_like_pan;
use crate::settings::TimeFormat;
use crate::value::number::{Excess, NumberError, double, scaled};
use crate::value::text::unescape;
use crate::value::time::{TimeError, milliseconds};

/// How the rows of one kind of record are made. Numbers are indices of buffers.
#[derive(Debug)]
pub(crate) struct KindPlan {
    /// Amounts after the rest, as they may look at the currency of their row.
    pub(crate) steps: Vec<Step>,
    /// What the event id is joined from; empty when it is not.
    pub(crate) derived: Vec<usize>,
    /// Parts of the entity key that this kind carries.
    pub(crate) key_parts: Vec<usize>,
    pub(crate) event_id: Option<usize>,
    pub(crate) event_time: Option<usize>,
    pub(crate) ingest_time: Option<usize>,
    /// What stands in for the time of a label that has none, in order.
    pub(crate) label_times: [Option<usize>; 2],
    pub(crate) is_label: bool,
}

/// Fills one column of a row.
#[derive(Debug)]
pub(crate) struct Step {
    /// Canonical name.
    pub(crate) column: &'static str,
    pub(crate) buffer: usize,
    pub(crate) required: bool,
    pub(crate) convert: Convert,
    pub(crate) source: Source,
}

/// Where a value is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Noted under this slot.
    Slot(u16),
    /// In the configuration.
    Constant(Token, Box<[u8]>),
}

/// What a value becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Convert {
    Text {
        /// Whether a card number might be put here by mistake.
        is_card: bool,
    },
    Integer,
    Degrees {
        /// Largest absolute value.
        max: f64,
    },
    Time(TimeFormat),
    Amount {
        /// Where the currency is, for an amount in major units.
        currency: Option<usize>,
    },
}

/// Memory that rows reuse.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Unescaped text of a number or time.
    text: Vec<u8>,
    /// The last currency and its exponent: most sites have few.
    currency: Vec<u8>,
    exponent: u8,
}

const MISSING: &str = "required, but absent, null or empty";

/// Writes row number `row`, the next one, to the buffers and gives the record's timestamp:
/// `timestamp_ms`, or its event time. After a fault some buffers may hold a value too many: the caller
/// truncates.
pub(crate) fn write_row(
    plan: &KindPlan,
    row: usize,
    buffers: &mut [ColumnBuffer],
    tokens: &[Token],
    payload: &[u8],
    timestamp_ms: Option<i64>,
    scratch: &mut Scratch,
) -> Result<i64, Fault> {
    for step in &plan.steps {
        let (token, text) = match &step.source {
            Source::Slot(slot) => (tokens[usize::from(*slot)], payload),
            Source::Constant(token, text) => (*token, &**text),
        };
        let is_present = token.kind > TokenKind::Null
            && write_value(step, row, buffers, token, text, scratch)
                .map_err(|fault| fault.in_column(step.column))?;
        if step.required && !is_present {
            return Err(missing(step.column));
        }
    }
    if !plan.derived.is_empty() {
        derive_event_id(plan, row, buffers)?;
    }
    if plan.is_label {
        complete_label(plan, row, buffers, timestamp_ms)?;
    }
    check_key(plan, row, buffers)?;
    let event_time = plan.event_time.and_then(|at| buffers[at].last_i64(row));
    let timestamp_ms = timestamp_ms
        .or(event_time)
        .ok_or_else(|| missing("event_time"))?;
    if let Some(ColumnBuffer::TimestampMs(times)) = plan.ingest_time.map(|at| &mut buffers[at]) {
        times.push(row, timestamp_ms);
    }
    Ok(timestamp_ms)
}

/// Whether the constant of `step`, if it has one, can become its value.
pub(crate) fn check_constant(step: &Step) -> Result<(), &'static str> {
    let Source::Constant(token, text) = &step.source else {
        return Ok(());
    };
    let mut scratch = Scratch::default();
    let checked = match step.convert {
        Convert::Text { is_card } => write_text(&mut TextBuffer::new(), 0, *token, text, is_card),
        Convert::Integer | Convert::Amount { currency: None } => {
            integer(*token, text, &mut scratch).map(|value| value.is_some())
        }
        // Checked against each record's currency.
        Convert::Amount { currency: Some(_) } => Ok(true),
        Convert::Degrees { max } => degrees(*token, text, max, &mut scratch).map(|v| v.is_some()),
        Convert::Time(format) => time(*token, text, format, &mut scratch).map(|v| v.is_some()),
    };
    match checked {
        Ok(true) => Ok(()),
        Ok(false) => Err("it is empty"),
        Err(fault) => Err(fault.what),
    }
}

fn missing(column: &'static str) -> Fault {
    Fault::new(RefusalReason::MissingField, MISSING).in_column(column)
}

/// Writes a value to the buffer of `step`; whether it is one, rather than null.
#[inline]
fn write_value(
    step: &Step,
    row: usize,
    buffers: &mut [ColumnBuffer],
    token: Token,
    text: &[u8],
    scratch: &mut Scratch,
) -> Result<bool, Fault> {
    let scale = match step.convert {
        Convert::Amount {
            currency: Some(currency),
        } => exponent(buffers[currency].last_text(row), scratch)?,
        _ => 0,
    };
    match (step.convert, &mut buffers[step.buffer]) {
        (Convert::Text { is_card }, ColumnBuffer::Text(column)) => {
            write_text(column, row, token, text, is_card)
        }
        (Convert::Integer, ColumnBuffer::Int64(column)) => {
            let value = integer(token, text, scratch)?;
            Ok(value.map(|value| column.push(row, value)).is_some())
        }
        (Convert::Amount { .. }, ColumnBuffer::Int64(column)) => {
            let value = amount(token, text, scale, scratch)?;
            Ok(value.map(|value| column.push(row, value)).is_some())
        }
        (Convert::Degrees { max }, ColumnBuffer::Float64(column)) => {
            let value = degrees(token, text, max, scratch)?;
            Ok(value.map(|value| column.push(row, value)).is_some())
        }
        (Convert::Time(format), ColumnBuffer::TimestampMs(column)) => {
            let value = time(token, text, format, scratch)?;
            Ok(value.map(|value| column.push(row, value)).is_some())
        }
        _ => {
            debug_assert!(false, "a step and its buffer are made from one column type");
            Ok(false)
        }
    }
}

fn write_text(
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

fn integer(token: Token, text: &[u8], scratch: &mut Scratch) -> Result<Option<i64>, Fault> {
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

fn amount(
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
fn exponent(currency: Option<&[u8]>, scratch: &mut Scratch) -> Result<u8, Fault> {
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

fn degrees(
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

fn time(
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

/// Joins the event id from the other columns of the row: parts separated by `/`, in which `~` is
/// written `~0` and `/` is written `~1`, so that different parts never give the same id. Times are in
/// milliseconds.
fn derive_event_id(plan: &KindPlan, row: usize, buffers: &mut [ColumnBuffer]) -> Result<(), Fault> {
    let Some(ColumnBuffer::Text(target)) = plan.event_id.map(|at| &mut buffers[at]) else {
        return Ok(());
    };
    let mut id = std::mem::take(target.bytes());
    let start = id.len();
    let mut is_whole = true;
    for (position, part) in plan.derived.iter().enumerate() {
        if position > 0 {
            id.push(b'/');
        }
        let part = &buffers[*part];
        if let Some(text) = part.last_text(row) {
            for byte in text {
                match byte {
                    b'~' => id.extend_from_slice(b"~0"),
                    b'/' => id.extend_from_slice(b"~1"),
                    other => id.push(*other),
                }
            }
        } else if let Some(number) = part.last_i64(row) {
            id.extend_from_slice(number.to_string().as_bytes());
        } else {
            is_whole = false;
            break;
        }
    }
    let is_long = id.len() - start > TEXT_BYTES_MAX;
    if !is_whole {
        id.truncate(start);
    }
    if let Some(ColumnBuffer::Text(target)) = plan.event_id.map(|at| &mut buffers[at]) {
        *target.bytes() = id;
        if is_whole {
            target.finish_row(row);
        }
    }
    if is_long {
        return Err(text_too_long().in_column("event_id"));
    }
    if !is_whole && !plan.is_label {
        let what = "a column that it is derived from is absent, null or empty";
        return Err(Fault::new(RefusalReason::MissingField, what).in_column("event_id"));
    }
    Ok(())
}

/// A label names its transaction by event id, or by key and event time. Without a time of its own it
/// counts from when it was reported, else from when the fraud occurred, else from its arrival.
fn complete_label(
    plan: &KindPlan,
    row: usize,
    buffers: &mut [ColumnBuffer],
    timestamp_ms: Option<i64>,
) -> Result<(), Fault> {
    let has_id = plan
        .event_id
        .is_some_and(|at| buffers[at].last_text(row).is_some());
    let event_time = plan.event_time.and_then(|at| buffers[at].last_i64(row));
    let has_key = plan
        .key_parts
        .iter()
        .all(|part| buffers[*part].last_text(row).is_some());
    let is_named = has_id || (has_key && event_time.is_some());
    if !is_named {
        let what = "a label needs an event id, or the key and event time of its transaction";
        return Err(Fault::new(RefusalReason::MissingField, what));
    }
    if event_time.is_some() {
        return Ok(());
    }
    let mut others = plan.label_times.iter().flatten();
    let time = others
        .find_map(|at| buffers[*at].last_i64(row))
        .or(timestamp_ms)
        .ok_or_else(|| missing("event_time"))?;
    if let Some(ColumnBuffer::TimestampMs(times)) = plan.event_time.map(|at| &mut buffers[at]) {
        times.push(row, time);
    }
    Ok(())
}

fn check_key(plan: &KindPlan, row: usize, buffers: &[ColumnBuffer]) -> Result<(), Fault> {
    let parts = || {
        plan.key_parts
            .iter()
            .filter_map(|part| buffers[*part].last_text(row))
    };
    let separators = plan.key_parts.len();
    let length = parts().map(<[u8]>::len).sum::<usize>() + separators;
    // Escaping at most doubles a part, so most keys need no second look.
    if 2 * length <= KEY_BYTES_MAX {
        return Ok(());
    }
    let is_escaped = |byte: &&u8| matches!(byte, b'~' | b'/');
    let escapes: usize = parts()
        .map(|part| part.iter().filter(is_escaped).count())
        .sum();
    if length + escapes > KEY_BYTES_MAX {
        return Err(Fault::new(
            RefusalReason::KeyTooLong,
            "the entity key is too long",
        ));
    }
    Ok(())
}

fn wrong_type(what: &'static str) -> Fault {
    Fault::new(RefusalReason::WrongType, what)
}

fn out_of_range(what: &'static str) -> Fault {
    Fault::new(RefusalReason::NumberOutOfRange, what)
}

fn text_too_long() -> Fault {
    Fault::new(RefusalReason::TextTooLong, "longer than a text may be")
}

fn lone_surrogate() -> Fault {
    let what = "an escape that is half a surrogate pair";
    Fault::new(RefusalReason::BadJson, what)
}
