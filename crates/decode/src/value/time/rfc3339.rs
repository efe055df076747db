//! RFC 3339 date and time: the form of most records that do not count from 1970.

use super::civil::{Clock, days, two_digits};
use super::zone::offset_minutes;

/// What a text says: a time of day somewhere, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Milliseconds from 1970-01-01T00:00:00 of its zone, by its own clock.
    pub(super) local_ms: i64,
    /// How far that clock is ahead of UTC; `None` where the text does not say.
    pub(super) offset_minutes: Option<i64>,
}

/// Date and time with `T`, `t` or a blank in the middle, up to nine decimals of the second, a zone `Z`,
/// `±hh:mm`, `±hhmm` or none.
#[inline]
pub(super) fn rfc3339(text: &[u8]) -> Option<Written> {
    let (fixed, rest) = text.split_first_chunk::<19>()?;
    let separators = [fixed[4], fixed[7], fixed[13], fixed[16]];
    if separators != *b"--::" || !matches!(fixed[10], b'T' | b't' | b' ') {
        return None;
    }
    let pair = |at: usize| two_digits(fixed[at], fixed[at + 1]);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let date = days(pair(0)? * 100 + pair(2)?, pair(5)?, pair(8)?)?;
    let (ms, zone) = fraction(rest)?;
    let clock = Clock {
        hour,
        minute,
        second,
        ms,
    };
    Some(Written {
        local_ms: date * super::civil::DAY_MS + clock.ms_of_day()?,
        offset_minutes: match zone {
            [] => None,
            zone => Some(offset_minutes(zone)?),
        },
    })
}

/// Milliseconds in `.ddd…` at the start of `rest`, and what follows.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(decimals) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let length = decimals
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if !(1..=9).contains(&length) {
        return None;
    }
    let (digits, zone) = decimals.split_at(length);
    Some((thousandths(digits), zone))
}

/// The first three of `digits` behind a point, as thousandths.
#[inline]
pub(super) fn thousandths(digits: &[u8]) -> i64 {
    (0..3).fold(0, |ms, position| {
        let digit = digits.get(position).map_or(0, |byte| byte - b'0');
        ms * 10 + i64::from(digit)
    })
}
