//! Dates and times of day of the Gregorian calendar, in no zone.

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A time of day. A leap second counts as the second before it. Midnight is 00:00:00: what writes 24:00:00
/// may mean the end of its day (ISO 8601) or its beginning (`kk` of Java), so nobody takes it for a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    /// 0 to 999.
    pub(super) ms: i64,
}

impl Clock {
    /// Milliseconds since midnight, if there is such a time.
    #[inline]
    pub(super) fn ms_of_day(self) -> Option<i64> {
        let valid = (0..=23).contains(&self.hour)
            && (0..=59).contains(&self.minute)
            && (0..=60).contains(&self.second);
        let minutes = self.hour * 60 + self.minute;
        valid.then_some((minutes * 60 + self.second.min(59)) * 1000 + self.ms)
    }
}

/// Days from 1970-01-01 to a date, if there is such a date. `year` is 0 to 9999.
#[inline]
pub(super) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let valid = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    valid.then(|| days_since_1970(year, month, day))
}

/// Days from 1970-01-01 to a day of a year, counted from 1.
pub(super) fn days_of_year(year: i64, day: i64) -> Option<i64> {
    let length = if is_leap(year) { 366 } else { 365 };
    (1..=length)
        .contains(&day)
        .then(|| days_since_1970(year, 1, 1) + day - 1)
}

/// The year of a day that is counted from 1970-01-01.
pub(super) fn year_of(days: i64) -> i64 {
    // No year is further from its mean beginning than two days.
    let guess = 1970 + (days * 400).div_euclid(146_097);
    let years = [guess + 1, guess];
    let begun = years
        .into_iter()
        .find(|year| days_since_1970(*year, 1, 1) <= days);
    begun.unwrap_or(guess - 1)
}

/// The day of the week, from 0 for Sunday.
pub(super) fn weekday(days: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (days + 4).rem_euclid(7)
}

pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// From Sunday.
pub(super) const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

/// Which of `names` `text` begins with, whole or by its first three letters, in capitals or not, and what
/// follows it.
pub(super) fn named<'t>(text: &'t [u8], names: &[&str]) -> Option<(i64, &'t [u8])> {
    let starts = |start: &str| {
        let head = text.get(..start.len())?;
        head.eq_ignore_ascii_case(start.as_bytes())
            .then(|| &text[start.len()..])
    };
    (0_i64..).zip(names).find_map(|(at, name)| {
        let rest = starts(name).or_else(|| starts(name.get(..3)?))?;
        Some((at, rest))
    })
}

#[inline]
pub(super) fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens * 10 + ones))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`, for years from 0.
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
    use super::*;

    #[test]
    fn days_years_and_weekdays_agree_with_jiff() {
        let epoch = jiff::civil::date(1970, 1, 1);
        // Every day of two centuries, on both sides of the century that is no leap year.
        let mut date = jiff::civil::date(1899, 12, 28);
        while date < jiff::civil::date(2101, 1, 3) {
            let (year, month, day) = (date.year().into(), date.month().into(), date.day().into());
            let since = i64::from(epoch.until(date).unwrap().get_days());
            assert_eq!(days(year, month, day), Some(since), "{date}");
            assert_eq!(days_of_year(year, date.day_of_year().into()), Some(since));
            assert_eq!(year_of(since), year, "{date}");
            let sunday = i64::from(date.weekday().to_sunday_zero_offset());
            assert_eq!(weekday(since), sunday, "{date}");
            date = date.tomorrow().unwrap();
        }
        assert_eq!((days(2023, 2, 29), days(2023, 0, 1)), (None, None));
        assert_eq!(
            (days_of_year(2023, 366), days_of_year(2023, 0)),
            (None, None)
        );
    }

    #[test]
    fn midnight_is_written_in_one_way_alone() {
        let at = |hour, minute, second| {
            let clock = Clock {
                hour,
                minute,
                second,
                ms: 7,
            };
            clock.ms_of_day()
        };
        assert_eq!(at(0, 0, 0), Some(7));
        assert_eq!(at(23, 59, 60), at(23, 59, 59));
        assert_eq!(
            (at(24, 0, 0), at(0, 60, 0), at(0, 0, 61)),
            (None, None, None)
        );
    }

    #[test]
    fn names_are_whole_or_three_letters() {
        assert_eq!(named(b"JAN 26", &MONTHS), Some((0, &b" 26"[..])));
        assert_eq!(named(b"January26", &MONTHS), Some((0, &b"26"[..])));
        assert_eq!(named(b"may", &MONTHS), Some((4, &b""[..])));
        assert_eq!(named(b"Mi", &WEEKDAYS), None);
    }
}
