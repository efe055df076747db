//! Times that say themselves what they are, beside RFC 3339 and numbers since 1970: what `auto` reads.

use std::ops::RangeInclusive;

use super::civil::{Clock, DAY_MS, MONTHS, WEEKDAYS, days, named, two_digits, weekday};
use super::error::TimeError;
use super::rfc3339::{Written, thousandths};
use super::zone::leading_offset;
use crate::value::number::{Excess, scaled};

/// The forms of text that are no number: ISO 8601, RFC 2822, and JSON's of ASP.NET.
#[cold]
pub(super) fn other(text: &[u8]) -> Option<Written> {
    match text.first()? {
        b'0'..=b'9' => iso8601(text).or_else(|| rfc2822(text)),
        b'/' => asp_net(text),
        _ => rfc2822(text),
    }
}

/// Date and time of day of ISO 8601, each with hyphens and colons or without, seconds or none, a point
/// or a comma before decimals, `T` or blanks between them, and a zone or none. `/` in a date is read as
/// well, since the year comes first. Behind the zone there may be names in brackets (RFC 9557): the
/// offset decides.
pub(super) fn iso8601(text: &[u8]) -> Option<Written> {
    let (date, rest) = iso_date(text)?;
    let rest = match rest {
        [b'T' | b't', rest @ ..] => rest,
        [b' ', rest @ ..] => rest.trim_ascii_start(),
        // Only digits can follow each other.
        rest if text.get(..8)?.iter().all(u8::is_ascii_digit) => rest,
        _ => return None,
    };
    let (clock, rest) = time_of_day(rest)?;
    Some(Written {
        local_ms: date * DAY_MS + clock.ms_of_day()?,
        offset_minutes: zone(rest)?,
    })
}

/// A date, or a date and time, of ISO 8601 with nothing behind it, as settings name one.
pub(super) fn date_or_time(text: &[u8]) -> Option<Written> {
    match iso_date(text)? {
        (date, []) => Some(Written {
            local_ms: date * DAY_MS,
            offset_minutes: None,
        }),
        _ => iso8601(text),
    }
}

/// Days since 1970 of `yyyy-mm-dd`, `yyyy/mm/dd` or `yyyymmdd` at the start of `text`, and what follows.
fn iso_date(text: &[u8]) -> Option<(i64, &[u8])> {
    let (year, rest) = number(text, 4)?;
    let separator = rest.first().filter(|byte| matches!(byte, b'-' | b'/'));
    let rest = rest.get(usize::from(separator.is_some())..)?;
    let (month, rest) = number(rest, 2)?;
    let rest = match separator {
        Some(separator) => rest.strip_prefix(&[*separator])?,
        None => rest,
    };
    let (day, rest) = number(rest, 2)?;
    Some((days(year, month, day)?, rest))
}

/// `hh:mm[:ss[.fff]]` or `hhmm[ss[.fff]]` at the start of `text`, and what follows.
fn time_of_day(text: &[u8]) -> Option<(Clock, &[u8])> {
    let (hour, rest) = number(text, 2)?;
    let is_extended = rest.first() == Some(&b':');
    let (minute, rest) = next_part(rest, is_extended)?;
    let mut clock = Clock {
        hour,
        minute,
        ..Clock::default()
    };
    let Some((second, rest)) = next_part(rest, is_extended) else {
        return Some((clock, rest));
    };
    clock.second = second;
    let [b'.' | b',', decimals @ ..] = rest else {
        return Some((clock, rest));
    };
    let length = digits(decimals);
    clock.ms = thousandths(decimals.get(..length).filter(|found| !found.is_empty())?);
    Some((clock, decimals.get(length..)?))
}

/// Two digits at the start of `text`, behind a colon in the extended form, and what follows.
fn next_part(text: &[u8], is_extended: bool) -> Option<(i64, &[u8])> {
    match is_extended {
        true => number(text.strip_prefix(b":")?, 2),
        false => number(text, 2),
    }
}

/// The offset of a zone that is all of `text` but for blanks before it and names in brackets behind it;
/// `None` inside where there is none.
fn zone(text: &[u8]) -> Option<Option<i64>> {
    let text = text.trim_ascii_start();
    if text.is_empty() {
        return Some(None);
    }
    // A name alone would need the database for each value.
    let (offset, mut names) = leading_offset(text)?;
    while let [b'[', rest @ ..] = names {
        let end = rest.iter().position(|byte| *byte == b']')?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_+-=!".contains(byte);
        let (name, rest) = rest.split_at_checked(end)?;
        if name.is_empty() || !name.iter().all(is_name) {
            return None;
        }
        names = rest.get(1..)?;
    }
    names.is_empty().then_some(Some(offset))
}

/// `Mon, 05 Jan 2026 08:01:04 GMT`, as in mails and HTTP; the day of the week and the seconds may be missing.
fn rfc2822(text: &[u8]) -> Option<Written> {
    let (day_of_week, rest) = match named(text, &WEEKDAYS) {
        Some((day, rest)) => (Some(day), blanks(rest.strip_prefix(b",")?)?),
        None => (None, text),
    };
    let (day, rest) = number(rest, 2).or_else(|| number(rest, 1))?;
    let (month, rest) = named(blanks(rest)?, &MONTHS)?;
    let (year, rest) = number(blanks(rest)?, 4)?;
    let date = days(year, month + 1, day)?;
    if day_of_week.is_some_and(|day| day != weekday(date)) {
        return None;
    }
    let (clock, rest) = time_of_day(blanks(rest)?)?;
    Some(Written {
        local_ms: date * DAY_MS + clock.ms_of_day()?,
        offset_minutes: zone(rest)?,
    })
}

/// `/Date(1767600064966)/` and `/Date(1767600064966+0100)/`: UTC in both.
fn asp_net(text: &[u8]) -> Option<Written> {
    let inner = text.strip_prefix(b"/Date(")?.strip_suffix(b")/")?;
    let (ms, zone) = inner.split_at_checked(digits(inner))?;
    if !zone.is_empty() && !leading_offset(zone)?.1.is_empty() {
        return None;
    }
    Some(Written {
        local_ms: std::str::from_utf8(ms).ok()?.parse().ok()?,
        offset_minutes: Some(0),
    })
}

/// The digits of the accepted years, `yyyymmddhhmmssfff` as a number. No unit since 1970 gives an
/// accepted time of it, with the last three digits or without: a test proves that.
const DIGITS: RangeInclusive<i64> = 20_000_101_000_000_000..=20_991_231_235_960_999;

/// What a number says that is no time since 1970: `yyyymmddhhmmss` with decimals or without, however the
/// number was typed, or `yyyymmddhhmmssfff`.
#[cold]
pub(super) fn digits_of_time(text: &[u8]) -> Result<Written, TimeError> {
    let is_plain = text.len() == 17 && digits(text) == 17;
    let number = scaled(text, if is_plain { 0 } else { 3 }, Excess::Cut)?;
    if !DIGITS.contains(&number) {
        return Err(TimeError::OutOfRange);
    }
    let (seconds, ms) = (number / 1000, number % 1000);
    let (date, time) = (seconds / 1_000_000, seconds % 1_000_000);
    let clock = Clock {
        hour: time / 10_000,
        minute: time / 100 % 100,
        second: time % 100,
        ms,
    };
    let date = days(date / 10_000, date / 100 % 100, date % 100).ok_or(TimeError::BadFormat)?;
    Ok(Written {
        local_ms: date * DAY_MS + clock.ms_of_day().ok_or(TimeError::BadFormat)?,
        offset_minutes: None,
    })
}

/// Whether seconds since 1970 of the accepted years are `MMDDhhmmss` as well: those of September 2001 to
/// January 2009 whose digits are a time from October to December.
#[inline]
pub(super) fn is_de7(text: &[u8]) -> bool {
    text.len() == 10 && text < b"1232".as_slice() && is_without_year(text)
}

#[cold]
fn is_without_year(text: &[u8]) -> bool {
    let parts = text.as_chunks::<2>().0.iter();
    let mut parts = parts.filter_map(|[tens, ones]| two_digits(*tens, *ones));
    let mut part = || parts.next().unwrap_or(-1);
    let (month, day) = (part(), part());
    let clock = Clock {
        hour: part(),
        minute: part(),
        second: part(),
        ms: 0,
    };
    days(LEAP_YEAR, month, day).is_some() && clock.ms_of_day().is_some()
}

/// Any that has all days.
const LEAP_YEAR: i64 = 2000;

/// `length` digits at the start of `text` as a number, and what follows.
fn number(text: &[u8], length: usize) -> Option<(i64, &[u8])> {
    let (digits, rest) = text.split_at_checked(length)?;
    let value = digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i64::from(byte - b'0'))
    });
    Some((value?, rest))
}

/// How many digits `text` begins with.
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// `text` without the blanks that it begins with, of which there is one at least.
fn blanks(text: &[u8]) -> Option<&[u8]> {
    let rest = text.trim_ascii_start();
    (rest.len() < text.len()).then_some(rest)
}
