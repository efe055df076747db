//! The keys of a row.

use tillwatch_records::Column;
use tillwatch_records::limits::KEY_BYTES_MAX;

use crate::buffer::Buffers;
use crate::refusal::{ColumnRef, Fault, RefusalReason};

/// The texts that a key is made of, and their columns.
pub(crate) type Key = Vec<(usize, Column)>;

/// Whether the row has one of the keys.
pub(super) fn has_key(keys: &[Key], row: usize, buffers: &Buffers) -> bool {
    let is_there = |part: &usize| buffers.texts[*part].last(row).is_some();
    keys.iter()
        .any(|key| key.iter().all(|(part, _)| is_there(part)))
}

/// Refuses a row without any key that its kind may have; names what the first of them lacks.
pub(super) fn require_key(keys: &[Key], row: usize, buffers: &Buffers) -> Result<(), Fault> {
    let Some(first) = keys.first() else {
        return Ok(());
    };
    if has_key(keys, row, buffers) {
        return Ok(());
    }
    let mut parts = first.iter();
    let lacking = parts.find(|(part, _)| buffers.texts[*part].last(row).is_none());
    let what = "absent, null or empty, and the record has the key of no other stage";
    let fault = Fault::new(RefusalReason::MISSING_FIELD, what);
    Err(lacking.map_or(fault, |(_, column)| {
        fault.in_column(ColumnRef::Canonical(*column))
    }))
}

/// Refuses a row whose key is too long; `parts` are the texts of all keys that its kind may have.
pub(super) fn check_key(parts: &[usize], row: usize, buffers: &Buffers) -> Result<(), Fault> {
    let texts = || {
        let parts = parts.iter();
        parts.filter_map(|part| buffers.texts[*part].last(row))
    };
    let separators = parts.len();
    let length = texts().map(<[u8]>::len).sum::<usize>() + separators;
    // Escaping at most doubles a part, so most keys need no second look.
    if 2 * length <= KEY_BYTES_MAX {
        return Ok(());
    }
    let is_escaped = |byte: &&u8| matches!(byte, b'~' | b'/');
    let escapes: usize = texts()
        .map(|part| part.iter().filter(is_escaped).count())
        .sum();
    if length + escapes > KEY_BYTES_MAX {
        let what = "the entity key is too long";
        return Err(Fault::new(RefusalReason::KEY_TOO_LONG, what));
    }
    Ok(())
}
