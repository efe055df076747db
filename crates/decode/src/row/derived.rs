//! Event ids that are made of other columns.

use tillwatch_records::limits::TEXT_BYTES_MAX;

use super::convert::text_too_long;
use crate::buffer::{BufferId, Buffers};
use crate::refusal::Fault;
use crate::token::Token;

/// Joins the event id from the other columns of the row: parts separated by `/`, in which `~` is
/// written `~0` and `/` is written `~1`, so that different parts never give the same id. Times are in
/// milliseconds. `event_id` is the text that it becomes, if all parts are there: whether they are.
pub(super) fn derive_event_id(
    parts: &[BufferId],
    event_id: usize,
    row: usize,
    buffers: &mut Buffers,
) -> Result<bool, Fault> {
    let mut id = std::mem::take(buffers.texts[event_id].bytes());
    let start = id.len();
    let mut is_whole = true;
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            id.push(b'/');
        }
        is_whole = append_part(*part, row, buffers, &mut id);
        if !is_whole {
            break;
        }
    }
    let is_long = id.len() - start > TEXT_BYTES_MAX;
    if !is_whole {
        id.truncate(start);
    }
    let target = &mut buffers.texts[event_id];
    *target.bytes() = id;
    if is_whole {
        target.finish_row(row);
    }
    if is_long {
        return Err(text_too_long());
    }
    Ok(is_whole)
}

/// Appends the value of a column as a part of the event id; whether there is one.
fn append_part(part: BufferId, row: usize, buffers: &Buffers, id: &mut Vec<u8>) -> bool {
    let number = match part {
        BufferId::Text(at) => {
            let Some(text) = buffers.texts[at].last(row) else {
                return false;
            };
            for byte in text {
                match byte {
                    b'~' => id.extend_from_slice(b"~0"),
                    b'/' => id.extend_from_slice(b"~1"),
                    other => id.push(*other),
                }
            }
            return true;
        }
        BufferId::Integer(at) => buffers.integers[at].last(row).map(Token::Integer),
        BufferId::Time(at) => buffers.times[at].last(row).map(Token::TimeMs),
        BufferId::Float(at) => buffers.floats[at].last(row).map(Token::Float),
        BufferId::Boolean(at) => {
            let value = buffers.booleans[at].last(row);
            value.map(|value| Token::Integer(i64::from(value)))
        }
    };
    number.map(|number| number.write_digits(id)).is_some()
}
