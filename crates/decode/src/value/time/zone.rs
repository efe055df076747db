//! Where the clock hangs that a time was read from.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use tillwatch_records::suggest::did_you_mean;

use super::civil::two_digits;

/// The zone of times that name none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Always this many milliseconds ahead of UTC.
    Fixed(i64),
    /// With summer time, or another one before.
    Named(TimeZone),
}

impl Zone {
    pub(super) const UTC: Self = Self::Fixed(0);

    /// The zone that is written as `text`: an offset or a name of the IANA database. That is compiled in,
    /// so a name means the same on every machine.
    pub(super) fn of_setting(text: &str) -> Result<Self, String> {
        if let Some((minutes, b"")) = leading_offset(text.as_bytes()) {
            return Ok(Self::Fixed(minutes * MINUTE_MS));
        }
        let database = TimeZoneDatabase::bundled();
        let Ok(zone) = database.get(text) else {
            let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
            let hint = did_you_mean(text, names.iter().map(String::as_str));
            return Err(format!(
                "has the zone `{text}`, which is none{hint}; write a name of the IANA database, as \
                 \"Europe/Berlin\", or an offset, as \"+01:00\""
            ));
        };
        Ok(Self::Named(zone))
    }

    /// The instant at which its clocks show `local_ms`, milliseconds since 1970 by them.
    ///
    /// What they show twice, at the end of summer time, is that which is nearer to `near`, or the first. What
    /// they never show, at its beginning, was read from a clock that nobody had changed yet: 02:30 is 03:30.
    #[inline]
    pub(super) fn instant(&self, local_ms: i64, near: Option<i64>) -> i64 {
        match self {
            Self::Fixed(offset_ms) => local_ms - offset_ms,
            Self::Named(zone) => named_instant(zone, local_ms, near),
        }
    }

    /// What its clocks show at `ms`, in milliseconds since 1970 by them.
    pub(super) fn local(&self, ms: i64) -> i64 {
        match self {
            Self::Fixed(offset_ms) => ms + offset_ms,
            Self::Named(zone) => {
                let at = Timestamp::from_millisecond(ms);
                at.map_or(ms, |at| ms + offset_ms(zone.to_offset(at)))
            }
        }
    }
}

const MINUTE_MS: i64 = 60 * 1000;

fn named_instant(zone: &TimeZone, local_ms: i64, near: Option<i64>) -> i64 {
    let Ok(shown) = Timestamp::from_millisecond(local_ms) else {
        // Beyond the years that the library has, and so beyond those that are accepted.
        return local_ms;
    };
    let found = zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(shown));
    match found.offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Gap { before: offset, .. } => {
            local_ms - offset_ms(offset)
        }
        AmbiguousOffset::Fold { before, after } => {
            let (first, second) = (local_ms - offset_ms(before), local_ms - offset_ms(after));
            match near {
                Some(near) if near.abs_diff(second) < near.abs_diff(first) => second,
                _ => first,
            }
        }
    }
}

fn offset_ms(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * 1000
}

/// How far ahead of UTC `zone` is: `Z`, `±hh:mm` or `±hhmm`.
#[inline]
pub(super) fn offset_minutes(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match *zone {
        [b'Z' | b'z'] => return Some(0),
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

/// How far ahead of UTC the zone is that `text` begins with, and what follows it: `Z`, `UTC`, `UT` or
/// `GMT`, in capitals or not, `±hh`, `±hhmm` or `±hh:mm`.
pub(super) fn leading_offset(text: &[u8]) -> Option<(i64, &[u8])> {
    for name in ["utc", "gmt", "ut", "z"] {
        if let Some((head, rest)) = text.split_at_checked(name.len())
            && head.eq_ignore_ascii_case(name.as_bytes())
        {
            return Some((0, rest));
        }
    }
    let (&[sign @ (b'+' | b'-'), tens, ones], rest) = text.split_first_chunk()? else {
        return None;
    };
    let hours = two_digits(tens, ones)?;
    let (minutes, rest) = match rest {
        [b':', tens, ones, rest @ ..] => (two_digits(*tens, *ones)?, rest),
        [tens, ones, rest @ ..] if tens.is_ascii_digit() => (two_digits(*tens, *ones)?, rest),
        _ => (0, rest),
    };
    let ahead = hours * 60 + minutes;
    let is_offset = hours <= 23 && minutes <= 59;
    is_offset.then_some((if sign == b'-' { -ahead } else { ahead }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn settings_are_offsets_and_names() {
        for (text, minutes) in [
            ("UTC", 0),
            ("Z", 0),
            ("+01", 60),
            ("+01:00", 60),
            ("-0330", -210),
        ] {
            let fixed = Zone::Fixed(minutes * MINUTE_MS);
            assert_eq!(Zone::of_setting(text), Ok(fixed), "{text}");
        }
        let wrong = Zone::of_setting("Europe/Berln").unwrap_err();
        assert!(wrong.contains("did you mean `Europe/Berlin`?"), "{wrong}");
        for text in ["", "+1", "+24:00", "+01:60", "+01:", "UTC+1", "local"] {
            assert!(Zone::of_setting(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_clocks_show_twice_or_never_is_decided() {
        let berlin = Zone::of_setting("Europe/Berlin").unwrap();
        let at = |local, near: Option<&str>| berlin.instant(ms(local), near.map(ms));
        // Summer and winter.
        assert_eq!(at("2026-07-01T12:00:00Z", None), ms("2026-07-01T10:00:00Z"));
        assert_eq!(at("2026-01-01T12:00:00Z", None), ms("2026-01-01T11:00:00Z"));
        // 02:30 on the last Sunday of October, first by summer time.
        let (first, second) = (ms("2026-10-25T00:30:00Z"), ms("2026-10-25T01:30:00Z"));
        let twice = "2026-10-25T02:30:00Z";
        assert_eq!(at(twice, None), first);
        assert_eq!(at(twice, Some("2026-10-25T00:31:00Z")), first);
        assert_eq!(at(twice, Some("2026-10-25T01:00:00Z")), first);
        assert_eq!(at(twice, Some("2026-10-25T01:31:00Z")), second);
        // 02:30 on the last Sunday of March is not there: 03:30 by summer time.
        let never = "2026-03-29T02:30:00Z";
        assert_eq!(at(never, None), ms("2026-03-29T01:30:00Z"));
        assert_eq!(at("2026-03-29T03:30:00Z", None), ms("2026-03-29T01:30:00Z"));
    }

    #[test]
    fn local_time_is_the_way_back() {
        for name in [
            "Europe/Berlin",
            "America/St_Johns",
            "Asia/Kolkata",
            "+05:45",
        ] {
            let zone = Zone::of_setting(name).unwrap();
            for hours in 0..24 * 400 {
                let at = ms("2026-01-05T08:01:04.966Z") + hours * 60 * MINUTE_MS;
                assert_eq!(zone.instant(zone.local(at), Some(at)), at, "{name} {at}");
            }
        }
    }
}
