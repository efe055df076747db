//! Times to milliseconds since 1970, UTC.

use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};

use super::number::{Excess, NumberError, scaled};
use crate::settings::TimeFormat;

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeError {
    /// Not in the format.
    BadFormat,
    /// Outside what is accepted.
    OutOfRange,
}

/// Milliseconds since 1970 of `text`, cut off towards the past.
pub(crate) fn milliseconds(text: &[u8], format: TimeFormat) -> Result<i64, TimeError> {
    let scale = match format {
        TimeFormat::S => 3,
        TimeFormat::Ms => 0,
        TimeFormat::Us => -3,
        TimeFormat::Ns => -6,
        TimeFormat::Rfc3339 => return accepted(rfc3339(text).ok_or(TimeError::BadFormat)?),
        TimeFormat::Auto => return any(text),
    };
    accepted(epoch(text, scale)?)
}

fn epoch(text: &[u8], scale: i64) -> Result<i64, TimeError> {
    scaled(text, scale, Excess::Cut).map_err(|error| match error {
        NumberError::TooLarge => TimeError::OutOfRange,
        NumberError::NotANumber | NumberError::TooPrecise => TimeError::BadFormat,
    })
}

/// `ms` where it lies in the years that are accepted.
pub(crate) fn accepted(ms: i64) -> Result<i64, TimeError> {
    if (EVENT_TIME_MS_MIN..EVENT_TIME_MS_MAX).contains(&ms) {
        Ok(ms)
    } else {
        Err(TimeError::OutOfRange)
    }
}

/// A time in whatever format: only one of the epoch units can give an accepted time.
fn any(text: &[u8]) -> Result<i64, TimeError> {
    // The fifth byte of a date is its first hyphen, which no number has there.
    if text.get(4) == Some(&b'-') {
        return accepted(rfc3339(text).ok_or(TimeError::BadFormat)?);
    }
    for scale in [0, 3, -3, -6] {
        match epoch(text, scale).and_then(accepted) {
            Err(TimeError::OutOfRange) => {}
            found => return found,
        }
    }
    Err(TimeError::OutOfRange)
}

/// RFC 3339 date and time: `T`, `t` or a blank in the middle, up to nine decimals of the second, a
/// zone `Z`, `±hh:mm`, `±hhmm` or none for UTC. A leap second counts as the second before it.
fn rfc3339(text: &[u8]) -> Option<i64> {
    let (fixed, rest) = text.split_first_chunk::<19>()?;
    let separators = [fixed[4], fixed[7], fixed[13], fixed[16]];
    if separators != *b"--::" || !matches!(fixed[10], b'T' | b't' | b' ') {
        return None;
    }
    let pair = |at: usize| two_digits(fixed[at], fixed[at + 1]);
    let year = pair(0)? * 100 + pair(2)?;
    let (month, day) = (pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let valid = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    if !valid {
        return None;
    }
    let (fraction_ms, zone) = fraction(rest)?;
    let offset_minutes = zone_minutes(zone)?;
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    Some((minutes * 60 + second.min(59)) * 1000 + fraction_ms)
}

fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens * 10 + ones))
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
    let ms = (0..3).fold(0, |ms, position| {
        ms * 10
            + digits
                .get(position)
                .map_or(0, |byte| i64::from(byte - b'0'))
    });
    Some((ms, zone))
}

/// How far local time is ahead of UTC.
fn zone_minutes(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match *zone {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign, a, b, b':', c, d] | [sign, a, b, c, d] => {
            (sign, two_digits(a, b)?, two_digits(c, d)?)
        }
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    match sign {
        b'+' => Some(hours * 60 + minutes),
        b'-' => Some(-(hours * 60 + minutes)),
        _ => None,
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar: Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `days_from_civil`, for years from 0.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, format: TimeFormat) -> Result<i64, TimeError> {
        milliseconds(text.as_bytes(), format)
    }

    #[test]
    fn reads_every_unit() {
        const MS: i64 = 1_522_540_831_250;
        for (text, format) in [
            ("1522540831250", TimeFormat::Ms),
            ("1522540831.25", TimeFormat::S),
            ("1.52254083125e9", TimeFormat::S),
            ("1522540831250999", TimeFormat::Us),
            ("1522540831250999999", TimeFormat::Ns),
            ("2018-04-01T00:00:31.25Z", TimeFormat::Rfc3339),
            ("2018-04-01 00:00:31.250999", TimeFormat::Rfc3339),
            ("2018-04-01T02:00:31.25+02:00", TimeFormat::Rfc3339),
            ("2018-03-31t19:30:31.25-0430", TimeFormat::Rfc3339),
        ] {
            assert_eq!(read(text, format), Ok(MS), "{text}");
            assert_eq!(read(text, TimeFormat::Auto), Ok(MS), "{text}");
        }
    }

    #[test]
    fn refuses_other_units_and_shapes() {
        assert_eq!(
            read("1522540831", TimeFormat::Ms),
            Err(TimeError::OutOfRange)
        );
        assert_eq!(
            read("1522540831250", TimeFormat::S),
            Err(TimeError::OutOfRange)
        );
        assert_eq!(read("1e300", TimeFormat::Auto), Err(TimeError::OutOfRange));
        assert_eq!(read("5", TimeFormat::Auto), Err(TimeError::OutOfRange));
        for text in [
            "2018-02-29T00:00:00Z",
            "2018-13-01T00:00:00Z",
            "2018-04-01",
            "2018-04-01T24:00:00Z",
            "2018-04-01T00:00:61Z",
            "2018-04-01T00:00:00.Z",
            "2018-04-01T00:00:00+25:00",
            "2018-04-01T00:00:00 Z",
            "2018/04/01T00:00:00",
            "",
            "soon",
            "2018-04-01T00:00:00Zx",
        ] {
            assert_eq!(
                read(text, TimeFormat::Rfc3339),
                Err(TimeError::BadFormat),
                "{text}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            rng_seed: proptest::test_runner::RngSeed::Fixed(7),
            ..ProptestConfig::with_cases(2000)
        })]

        #[test]
        fn agrees_with_jiff(
            ns in 946_684_800_000_000_000_i128..4_102_444_800_000_000_000,
            offset_minutes in -1439_i32..1439,
            decimals in 0_usize..10,
        ) {
            let timestamp = jiff::Timestamp::from_nanosecond(ns).unwrap();
            let offset = jiff::tz::Offset::from_seconds(offset_minutes * 60).unwrap();
            let local = offset.to_datetime(timestamp);
            let mut text = local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            if decimals > 0 {
                let digits = format!("{:09}", local.subsec_nanosecond());
                text = format!("{text}.{}", &digits[..decimals]);
            }
            let sign = if offset_minutes < 0 { '-' } else { '+' };
            let minutes = offset_minutes.abs();
            text = format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60);
            let expected: jiff::Timestamp = text.parse().unwrap();
            prop_assert_eq!(rfc3339(text.as_bytes()), Some(expected.as_millisecond()));
        }

        #[test]
        fn dates_agree_with_jiff(month in 0_u8..14, day in 0_u8..33, year in 1999_i16..2101) {
            let text = format!("{year:04}-{month:02}-{day:02}T12:00:00Z");
            let expected = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
            prop_assert_eq!(rfc3339(text.as_bytes()), expected);
        }
    }
}
