//! A text read by the items of a pattern.

use super::super::civil::{Clock, MONTHS, WEEKDAYS, days, days_of_year, named};
use super::super::rfc3339::thousandths;
use super::super::zone::leading_offset;
use super::items::{Field, Item};

/// What a text says.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) year: Option<i64>,
    /// From 1; 0 where it has the day of the year.
    pub(super) month: i64,
    /// Of the month, or of the year, from 1.
    pub(super) day: i64,
    /// From 0 for Sunday.
    pub(super) weekday: Option<i64>,
    /// How far its zone is ahead of UTC.
    pub(super) offset_ms: Option<i64>,
    clock: Clock,
    /// Whether it is after noon, where hours go to 12.
    is_afternoon: Option<bool>,
}

impl Parts {
    /// What all of `text` says, if it is as `items` are.
    pub(super) fn read(items: &[Item], text: &[u8]) -> Option<Self> {
        let mut parts = Self::default();
        let mut rest = text;
        for item in items {
            rest = parts.item(item, rest)?;
        }
        rest.is_empty().then_some(parts)
    }

    /// Milliseconds since midnight, if there is such a time.
    pub(super) fn ms_of_day(&self) -> Option<i64> {
        let mut clock = self.clock;
        if let Some(is_afternoon) = self.is_afternoon {
            if !(1..=12).contains(&clock.hour) {
                return None;
            }
            clock.hour = clock.hour % 12 + if is_afternoon { 12 } else { 0 };
        }
        clock.ms_of_day()
    }

    /// Days since 1970 of its date in `year`, if there is such a date.
    pub(super) fn days(&self, year: i64) -> Option<i64> {
        match self.month {
            0 => days_of_year(year, self.day),
            month => days(year, month, self.day),
        }
    }

    /// Takes what `item` is from the start of `text`; what follows it.
    fn item<'t>(&mut self, item: &Item, text: &'t [u8]) -> Option<&'t [u8]> {
        Some(match item {
            Item::Digits(fields) => self.digits(fields, text)?,
            Item::Padding => text.trim_ascii_start(),
            Item::Decimals => self.decimals(text)?,
            Item::PointAndDecimals => match text.strip_prefix(b".") {
                Some(decimals) => self.decimals(decimals)?,
                None => text,
            },
            Item::Month => {
                let (month, rest) = named(text, &MONTHS)?;
                self.month = month + 1;
                rest
            }
            Item::Weekday => {
                let (day, rest) = named(text, &WEEKDAYS)?;
                self.weekday = Some(day);
                rest
            }
            Item::Half => {
                let (half, rest) = text.split_at_checked(2)?;
                self.is_afternoon = Some(half.eq_ignore_ascii_case(b"pm"));
                let is_half = half.eq_ignore_ascii_case(b"am") || half.eq_ignore_ascii_case(b"pm");
                is_half.then_some(rest)?
            }
            Item::Zone => {
                let (minutes, rest) = leading_offset(text)?;
                self.offset_ms = Some(minutes * 60 * 1000);
                rest
            }
            Item::Blanks => {
                let rest = text.trim_ascii_start();
                (rest.len() < text.len()).then_some(rest)?
            }
            Item::Literal(literal) => text.strip_prefix(literal.as_slice())?,
        })
    }

    /// A number of at most as many digits as `fields` have together, and at least one.
    fn digits<'t>(&mut self, fields: &[(Field, u8)], text: &'t [u8]) -> Option<&'t [u8]> {
        let width = fields.iter().map(|(_, digits)| usize::from(*digits)).sum();
        let (digits, rest) = text.split_at_checked(leading_digits(text).min(width))?;
        if digits.is_empty() {
            return None;
        }
        let missing = std::iter::repeat_n(&b'0', width - digits.len());
        let mut digits = missing.chain(digits);
        for (field, length) in fields {
            let digits = digits.by_ref().take(usize::from(*length));
            let value = digits.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
            match field {
                Field::Year => self.year = Some(value),
                Field::YearOfCentury => {
                    self.year = Some(value + if value < 69 { 2000 } else { 1900 });
                }
                Field::Month => self.month = value,
                Field::Day | Field::DayOfYear => self.day = value,
                Field::Hour | Field::HourOfHalf => self.clock.hour = value,
                Field::Minute => self.clock.minute = value,
                Field::Second => self.clock.second = value,
                // Three digits or more.
                Field::Fraction => {
                    self.clock.ms = value / 10_i64.pow(u32::from(*length).saturating_sub(3));
                }
            }
        }
        // A month of the value 0 is none, and not the sign of a day of the year.
        let is_month = |(field, _): &(Field, u8)| *field == Field::Month;
        (self.month > 0 || !fields.iter().any(is_month)).then_some(rest)
    }

    fn decimals<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let (digits, rest) = text.split_at_checked(leading_digits(text))?;
        self.clock.ms = thousandths(digits);
        (!digits.is_empty()).then_some(rest)
    }
}

fn leading_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}
