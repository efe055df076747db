//! Card numbers in clear in texts: refused, or hidden.

use tillwatch_records::card_number::{is_clear, is_issued, mask, may_hold_one};

use super::notes::{Finding, Notes};
use crate::buffer::TextBuffer;
use crate::refusal::{ColumnRef, Fault, RefusalReason};

/// What is done about a text that looks like a card number in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A token of a card should be there: the record is refused.
    Refuse,
    /// Its digits are hidden, and that is noted.
    Mask,
    /// The site says that none is there.
    None,
}

/// Looks at the pending text of `column`; whether there is any. Always inlined: most texts are too short to
/// be a card number.
#[inline(always)]
pub(super) fn check(
    (guard, at): (Guard, ColumnRef),
    column: &mut TextBuffer,
    notes: &mut Notes,
) -> Result<bool, Fault> {
    let pending = column.pending();
    if pending.is_empty() {
        return Ok(false);
    }
    match guard {
        Guard::Refuse if is_clear(pending) => return Err(refused()),
        Guard::Mask if may_hold_one(pending) => hide(at, column, notes),
        _ => {}
    }
    Ok(true)
}

/// Whether `value` may be a card number: it has as many digits. One compare for nearly all.
#[inline]
pub(super) fn check_integer(value: i64) -> Result<i64, Fault> {
    const LARGE_FROM: i64 = 1_000_000_000_000;
    match value >= LARGE_FROM && is_card_number(value) {
        true => Err(integer_refused()),
        false => Ok(value),
    }
}

#[cold]
fn is_card_number(value: i64) -> bool {
    is_issued(value.to_string().as_bytes())
}

#[cold]
fn integer_refused() -> Fault {
    let what =
        "looks like a card number in clear; where it is another number, map it to a column of text";
    Fault::new(RefusalReason::NUMBER_OUT_OF_RANGE, what)
}

#[cold]
fn refused() -> Fault {
    let what =
        "looks like a card number in clear; send a keyed token instead, or see [decode.tokenise]";
    Fault::new(RefusalReason::PAN_IN_CLEAR, what)
}

#[cold]
fn hide(at: ColumnRef, column: &mut TextBuffer, notes: &mut Notes) {
    if mask(column.pending_mut()) > 0 {
        notes.note(at, Finding::Invalid(RefusalReason::PAN_IN_CLEAR));
    }
}
