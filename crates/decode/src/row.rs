//! The second pass: tokens to one row of the column buffers.

mod card;
mod code;
mod codes;
mod convert;
mod derived;
mod guard;
mod keys;
mod notes;
mod origin;

use tillwatch_records::code::Edition;
use tillwatch_records::{CodeForm, Column, RawRecord};

use crate::buffer::{BufferId, Buffers, TextBuffer};
use crate::refusal::{ColumnRef, Fault, RefusalReason};
use crate::settings::{NumberBase, OnInvalid};
use crate::token::{Coding, Fields, Span, Token, Verbatim};
use crate::value::time::TimeRule;
pub(crate) use card::CardPlan;
use code::{edition, write_code};
pub(crate) use convert::{Scratch, word};
use convert::{
    amount, boolean, counter, degrees, exponent, float, integer, joined, time, write_text,
};
use derived::derive_event_id;
pub(crate) use guard::Guard;
use keys::{Key, check_key, has_key, require_key};
use notes::Notes;
pub(crate) use notes::Taken;
pub(crate) use origin::Origin;
use origin::found;

/// How the rows of one kind of record are made. Numbers are positions among the buffers of a type.
#[derive(Debug)]
pub(crate) struct KindPlan {
    /// Amounts after the rest, as they may look at the currency of their row; the site's own columns at
    /// the end.
    pub(crate) fills: Vec<Fill>,
    /// What the event id is joined from; empty when it is not.
    pub(crate) derived: Vec<BufferId>,
    /// Parts of all entity keys that this kind carries: texts.
    pub(crate) key_parts: Vec<usize>,
    /// The keys that this kind carries whole: texts and their columns.
    pub(crate) keys: Vec<Key>,
    /// Whether a record must have one of the keys; where there is but one, its columns are required.
    pub(crate) needs_key: bool,
    /// A text.
    pub(crate) event_id: usize,
    /// A time.
    pub(crate) event_time: usize,
    /// A time.
    pub(crate) ingest_time: Option<usize>,
    /// Times that stand in for that of a label which has none, in order.
    pub(crate) label_times: Vec<usize>,
    pub(crate) is_label: bool,
    /// Where the edition of ISO 8583 is, where some code needs it to be understood.
    pub(crate) edition: Option<Origin>,
    /// A text, where the entry mode may say what it holds.
    pub(crate) pin_capability: Option<usize>,
    /// Where a card number in clear is, and what is made of it; after the times.
    pub(crate) card: Option<(Origin, CardPlan)>,
}

/// Fills one column of a row.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) column: ColumnRef,
    pub(crate) required: bool,
    /// What a value costs that cannot be read; the record where it is required.
    pub(crate) on_invalid: OnInvalid,
    pub(crate) convert: Convert,
    pub(crate) origin: Origin,
}

/// What a value becomes, and in which buffer of that type.
#[derive(Debug, Clone)]
pub(crate) enum Convert {
    Text {
        to: usize,
        guard: Guard,
    },
    /// A code of the column at this position among all that have codes.
    Code {
        to: usize,
        form: CodeForm,
        at: usize,
        /// Of what has not the form of a code.
        guard: Guard,
    },
    Integer {
        to: usize,
    },
    /// An integer of a data object that is binary on the card.
    Counter {
        to: usize,
        base: NumberBase,
    },
    /// An integer of minor units.
    Amount {
        to: usize,
        /// The text of the currency in whose decimals it is written; `None` where it is in minor units.
        currency: Option<usize>,
    },
    Degrees {
        to: usize,
        /// Largest absolute value.
        max: f64,
    },
    Float {
        to: usize,
    },
    Boolean {
        to: usize,
    },
    Time {
        to: usize,
        format: TimeRule,
    },
}

/// Writes row number `row`, the next one, to the buffers and gives the record's timestamp: Kafka's, or its
/// event time. `fields` is what its format makes of the record. After a fault some buffers may hold a value
/// too many: the caller truncates.
pub(crate) fn write_row<C: Coding>(
    plan: &KindPlan,
    row: usize,
    buffers: &mut Buffers,
    fields: Fields<'_>,
    record: &RawRecord<'_>,
    scratch: &mut Scratch,
) -> Result<i64, Fault> {
    let arrival = record.timestamp_ms;
    if let Some(origin) = &plan.edition {
        // One that cannot be read is unknown. Where the column is read too, that is noted when it is filled.
        let found = found(origin, fields, record);
        scratch.codes.edition =
            found.map_or_else(|_| Edition::Unknown, |(token, bytes)| edition(token, bytes));
    }
    for fill in &plan.fills {
        // Nearly all values are noted under a slot: nothing else is asked on the way there.
        let written = match &fill.origin {
            Origin::Slot(slot) => {
                let token = fields.tokens[usize::from(*slot)];
                match token.is_value() {
                    true => {
                        write_value::<C>(fill, row, buffers, token, fields.bytes, arrival, scratch)
                    }
                    false => Ok(false),
                }
            }
            _ => write_from_elsewhere::<C>(fill, row, buffers, fields, record, scratch),
        };
        let is_present = match written {
            Ok(is_present) => is_present,
            Err(fault) => {
                without_value(fill, fault, buffers, &mut scratch.notes)?;
                false
            }
        };
        if fill.required && !is_present {
            return Err(missing().in_column(fill.column));
        }
    }
    if let Some((origin, card)) = &plan.card {
        write_card::<C>(
            card,
            found(origin, fields, record),
            plan,
            row,
            buffers,
            scratch,
        )?;
    }
    if let Some(to) = plan.pin_capability
        && let Some(digit) = scratch.codes.pin_capability.take()
    {
        code::complete_pin_capability(&mut buffers.texts[to], row, digit);
    }
    if !plan.derived.is_empty() {
        let derived = derive_event_id(&plan.derived, plan.event_id, row, buffers);
        let is_whole = derived.map_err(|fault| fault.in_column(EVENT_ID))?;
        if !is_whole && !plan.is_label {
            let what = "a column that it is derived from is absent, null or empty";
            return Err(Fault::new(RefusalReason::MISSING_FIELD, what).in_column(EVENT_ID));
        }
    }
    if plan.is_label {
        complete_label(plan, row, buffers, record.timestamp_ms)?;
    }
    if plan.needs_key {
        require_key(&plan.keys, row, buffers)?;
    }
    check_key(&plan.key_parts, row, buffers)?;
    let event_time = buffers.times[plan.event_time].last(row);
    let timestamp_ms = record.timestamp_ms.or(event_time);
    let timestamp_ms = timestamp_ms.ok_or_else(|| missing().in_column(EVENT_TIME))?;
    if let Some(to) = plan.ingest_time {
        buffers.times[to].push(row, timestamp_ms);
    }
    Ok(timestamp_ms)
}

/// Makes a token of the card number at `origin`.
fn write_card<C: Coding>(
    card: &CardPlan,
    value: Result<(Token, &[u8]), Fault>,
    plan: &KindPlan,
    row: usize,
    buffers: &mut Buffers,
    scratch: &mut Scratch,
) -> Result<(), Fault> {
    let event_time_ms = buffers.times[plan.event_time].last(row);
    let written = value.and_then(|(token, bytes)| {
        card.write::<C>(row, buffers, token, bytes, event_time_ms, scratch)
    });
    let is_present = match written {
        Ok(is_present) => is_present,
        Err(fault) => {
            scratch
                .notes
                .note_invalid(card.on_invalid, CARD_TOKEN, fault)?;
            false
        }
    };
    match card.required && !is_present {
        true => Err(missing().in_column(CARD_TOKEN)),
        false => Ok(()),
    }
}

/// Leaves the column of `fill` null in a row of which its value cannot be read.
#[cold]
fn without_value(
    fill: &Fill,
    fault: Fault,
    buffers: &mut Buffers,
    notes: &mut Notes,
) -> Result<(), Fault> {
    notes.note_invalid(fill.on_invalid, fill.column, fault)?;
    if let Convert::Text { to, .. } | Convert::Code { to, .. } = fill.convert {
        buffers.texts[to].replace_pending(&[]);
    }
    Ok(())
}

/// Whether the constant of `fill`, if it has one, can become its value.
pub(crate) fn check_constant(fill: &Fill) -> Result<(), &'static str> {
    let Origin::Constant(token, text) = &fill.origin else {
        return Ok(());
    };
    let (token, mut scratch) = (*token, Scratch::default());
    let checked = match fill.convert {
        Convert::Text { guard, .. } => {
            let to = &mut TextBuffer::new();
            write_text::<Verbatim>(to, 0, (token, text), (guard, fill.column), &mut scratch)
        }
        Convert::Code { form, guard, .. } => {
            let (to, guard) = (&mut TextBuffer::new(), (guard, fill.column));
            write_code::<Verbatim>(to, 0, (token, text), (form, 0), guard, &mut scratch)
        }
        Convert::Counter { base, .. } => {
            counter::<Verbatim>(token, text, base, &mut scratch).map(|value| value.is_some())
        }
        Convert::Integer { .. } | Convert::Amount { currency: None, .. } => {
            integer::<Verbatim>(token, text, &mut scratch).map(|value| value.is_some())
        }
        // Checked against each record's currency.
        Convert::Amount { .. } => Ok(true),
        Convert::Degrees { max, .. } => {
            degrees::<Verbatim>(token, text, max, &mut scratch).map(|value| value.is_some())
        }
        Convert::Float { .. } => {
            float::<Verbatim>(token, text, &mut scratch).map(|value| value.is_some())
        }
        Convert::Boolean { .. } => {
            boolean::<Verbatim>(token, text, &mut scratch).map(|value| value.is_some())
        }
        Convert::Time { ref format, .. } => {
            time::<Verbatim>(token, text, format, None, &mut scratch).map(|value| value.is_some())
        }
    };
    match checked {
        Ok(true) => Ok(()),
        Ok(false) => Err("it is empty"),
        Err(fault) => Err(fault.what),
    }
}

const EVENT_ID: ColumnRef = ColumnRef::Canonical(Column::EventId);
const CARD_TOKEN: ColumnRef = ColumnRef::Canonical(Column::CardToken);
const EVENT_TIME: ColumnRef = ColumnRef::Canonical(Column::EventTime);

fn missing() -> Fault {
    let what = "required, but absent, null or empty";
    Fault::new(RefusalReason::MISSING_FIELD, what)
}

/// Writes the value of `fill`, which is in no field of its own, if the record has one; whether it has.
#[inline(never)]
fn write_from_elsewhere<C: Coding>(
    fill: &Fill,
    row: usize,
    buffers: &mut Buffers,
    fields: Fields<'_>,
    record: &RawRecord<'_>,
    scratch: &mut Scratch,
) -> Result<bool, Fault> {
    let arrival = record.timestamp_ms;
    if let Origin::Joined(slots) = &fill.origin {
        return write_joined::<C>(fill, slots, row, buffers, fields, arrival, scratch);
    }
    let (token, bytes) = found(&fill.origin, fields, record)?;
    match token.is_value() {
        true => write_value::<Verbatim>(fill, row, buffers, token, bytes, arrival, scratch),
        false => Ok(false),
    }
}

/// Writes what several fields say together.
#[cold]
fn write_joined<C: Coding>(
    fill: &Fill,
    slots: &[u16],
    row: usize,
    buffers: &mut Buffers,
    fields: Fields<'_>,
    arrival: Option<i64>,
    scratch: &mut Scratch,
) -> Result<bool, Fault> {
    let mut text = std::mem::take(&mut scratch.joined);
    let is_whole = joined::<C>(slots, fields, &mut text, scratch);
    let token = Token::Text(Span::new(0, text.len()));
    let written = match is_whole {
        Ok(true) => write_value::<Verbatim>(fill, row, buffers, token, &text, arrival, scratch),
        other => other,
    };
    scratch.joined = text;
    written
}

/// Writes a value to its buffer; whether it is one, rather than null.
#[inline]
fn write_value<C: Coding>(
    fill: &Fill,
    row: usize,
    buffers: &mut Buffers,
    token: Token,
    bytes: &[u8],
    arrival: Option<i64>,
    scratch: &mut Scratch,
) -> Result<bool, Fault> {
    match fill.convert {
        Convert::Text { to, guard } => {
            let guard = (guard, fill.column);
            write_text::<C>(&mut buffers.texts[to], row, (token, bytes), guard, scratch)
        }
        Convert::Code {
            to,
            form,
            at,
            guard,
        } => write_code::<C>(
            &mut buffers.texts[to],
            row,
            (token, bytes),
            (form, at),
            (guard, fill.column),
            scratch,
        ),
        Convert::Counter { to, base } => {
            let value = counter::<C>(token, bytes, base, scratch)?;
            let written = value.map(|value| buffers.integers[to].push(row, value));
            Ok(written.is_some())
        }
        Convert::Integer { to } => {
            let value = integer::<C>(token, bytes, scratch)?;
            let written = value.map(|value| buffers.integers[to].push(row, value));
            Ok(written.is_some())
        }
        Convert::Amount { to, currency } => {
            let scale = match currency {
                Some(currency) => exponent(buffers.texts[currency].last(row))?,
                None => 0,
            };
            let value = amount::<C>(token, bytes, scale, scratch)?;
            let written = value.map(|value| buffers.integers[to].push(row, value));
            Ok(written.is_some())
        }
        Convert::Degrees { to, max } => {
            let value = degrees::<C>(token, bytes, max, scratch)?;
            let written = value.map(|value| buffers.floats[to].push(row, value));
            Ok(written.is_some())
        }
        Convert::Float { to } => {
            let value = float::<C>(token, bytes, scratch)?;
            let written = value.map(|value| buffers.floats[to].push(row, value));
            Ok(written.is_some())
        }
        Convert::Boolean { to } => {
            let value = boolean::<C>(token, bytes, scratch)?;
            let written = value.map(|value| buffers.booleans[to].push(row, u8::from(value)));
            Ok(written.is_some())
        }
        Convert::Time { to, ref format } => {
            let value = time::<C>(token, bytes, format, arrival, scratch)?;
            let written = value.map(|value| buffers.times[to].push(row, value));
            Ok(written.is_some())
        }
    }
}

/// A label names its transaction by event id, or by key and event time. Without a time of its own it
/// counts from when it was reported, else from when the fraud occurred, else from its arrival.
fn complete_label(
    plan: &KindPlan,
    row: usize,
    buffers: &mut Buffers,
    timestamp_ms: Option<i64>,
) -> Result<(), Fault> {
    let has_id = buffers.texts[plan.event_id].last(row).is_some();
    let event_time = buffers.times[plan.event_time].last(row);
    let has_key = plan.keys.is_empty() || has_key(&plan.keys, row, buffers);
    let is_named = has_id || (has_key && event_time.is_some());
    if !is_named {
        let what = "a label needs an event id, or the key and event time of its transaction";
        return Err(Fault::new(RefusalReason::MISSING_FIELD, what));
    }
    if event_time.is_some() {
        return Ok(());
    }
    let mut others = plan.label_times.iter();
    let time = others
        .find_map(|at| buffers.times[*at].last(row))
        .or(timestamp_ms)
        .ok_or_else(|| missing().in_column(EVENT_TIME))?;
    buffers.times[plan.event_time].push(row, time);
    Ok(())
}
