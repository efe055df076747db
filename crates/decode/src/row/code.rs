//! Codes on their way to a row: in the form of their column, whatever they were typed as.

use tillwatch_records::blanks::trimmed;
use tillwatch_records::code::{CodeForm, Edition};

use super::codes::Codes;
use super::convert::{Scratch, append_text};
use super::guard::{self, Guard};
use crate::buffer::TextBuffer;
use crate::refusal::{ColumnRef, Fault};
use crate::token::{Coding, Token};

/// Whether there is a value, which is then the last row of `column`. `form` has the position of the column
/// among those of codes.
#[inline]
pub(super) fn write_code<C: Coding>(
    column: &mut TextBuffer,
    row: usize,
    (token, bytes): (Token, &[u8]),
    (form, at): (CodeForm, usize),
    guard: (Guard, ColumnRef),
    scratch: &mut Scratch,
) -> Result<bool, Fault> {
    // A number that a double cannot hold is no code: it is kept as it is written, and counted.
    append_text::<C>(column, token, bytes)?;
    let pending = column.pending();
    if pending.is_empty() {
        return Ok(false);
    }
    // A code that fits is too short to be one of a card.
    if !form.fits(pending) {
        guard::check(guard, column, &mut scratch.notes)?;
        mend(column, form, at, &mut scratch.codes);
    }
    column.finish_row(row);
    Ok(true)
}

/// Makes the pending text the one that `row` holds, unless the record has said it itself.
pub(super) fn complete_pin_capability(column: &mut TextBuffer, row: usize, digit: u8) {
    if column.last(row).is_none() {
        column.bytes().push(digit);
        column.finish_row(row);
    }
}

/// The edition of ISO 8583 that a value names.
#[inline]
pub(super) fn edition(token: Token, bytes: &[u8]) -> Edition {
    match token {
        Token::Text(span) | Token::Decimal(span) => Edition::of(trimmed(span.of(bytes))),
        Token::Integer(1987) => Edition::First,
        Token::Integer(1993 | 2003) => Edition::Later,
        _ => Edition::Unknown,
    }
}

#[cold]
fn mend(column: &mut TextBuffer, form: CodeForm, at: usize, codes: &mut Codes) {
    let mut code = std::mem::take(&mut codes.mended);
    code.clear();
    let mended = form.mend(column.pending(), codes.edition, &mut code);
    column.replace_pending(&code);
    codes.mended = code;
    codes.pin_capability = mended.pin_capability.or(codes.pin_capability);
    if !mended.is_known {
        codes.note_unknown(at);
    }
}
