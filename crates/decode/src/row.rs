//! The second pass: noted values to one row of the column buffers.

mod convert;

use tillwatch_records::limits::{KEY_BYTES_MAX, TEXT_BYTES_MAX};

use crate::buffer::{ColumnBuffer, TextBuffer};
use crate::format::json::extract::{Token, TokenKind};
use crate::refusal::{Fault, RefusalReason};
use crate::settings::TimeFormat;
pub(crate) use convert::Scratch;
use convert::{amount, degrees, exponent, integer, text_too_long, time, write_text};

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
