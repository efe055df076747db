//! Patterns of strftime: made once, read without another look at the pattern's text.

mod items;
mod read;

use items::{Field, Item, items};
use read::Parts;

use super::civil::{DAY_MS, weekday};
use super::error::{TimeError, accepted};
use super::year::nearest;
use super::zone::Zone;

/// A pattern that says at least the day of the year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// As it was written.
    text: String,
    /// Each field once.
    items: Vec<Item>,
    has_year: bool,
    has_zone: bool,
}

impl Pattern {
    /// The pattern that is written as `text`.
    pub(super) fn of_setting(text: &str) -> Result<Self, String> {
        let items = items(text).map_err(|problem| {
            format!(
                "has the pattern `{text}`, which {problem}; docs/records.md lists the conversions"
            )
        })?;
        let has = |field: Field| items.iter().any(|item| item.count(field) > 0);
        Ok(Self {
            text: text.to_owned(),
            has_year: has(Field::Year) || has(Field::YearOfCentury),
            has_zone: items.contains(&Item::Zone),
            items,
        })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether its times say their year.
    pub(super) fn has_year(&self) -> bool {
        self.has_year
    }

    /// Whether its times say their zone.
    pub(super) fn has_zone(&self) -> bool {
        self.has_zone
    }

    /// Milliseconds since 1970 of `text`, of `zone` where it names none. `arrival` is when the record was
    /// written, and `near` stands in for it where a year must be inferred; both in milliseconds since 1970.
    pub(super) fn milliseconds(
        &self,
        text: &[u8],
        zone: &Zone,
        arrival: Option<i64>,
        near: Option<i64>,
    ) -> Result<i64, TimeError> {
        let parts = Parts::read(&self.items, text).ok_or(TimeError::BadFormat)?;
        let ms_of_day = parts.ms_of_day().ok_or(TimeError::BadFormat)?;
        let date = match parts.year {
            Some(year) => parts.days(year),
            None => {
                let arrival = arrival.filter(|ms| accepted(*ms).is_ok());
                let near = arrival.or(near).ok_or(TimeError::NoYear)?;
                let near = match parts.offset_ms {
                    Some(offset_ms) => near + offset_ms,
                    None => zone.local(near),
                };
                nearest(parts.month, parts.day, ms_of_day, near)
            }
        };
        let date = date.ok_or(TimeError::BadFormat)?;
        if parts.weekday.is_some_and(|day| day != weekday(date)) {
            return Err(TimeError::BadFormat);
        }
        let local_ms = date * DAY_MS + ms_of_day;
        Ok(match parts.offset_ms {
            Some(offset_ms) => local_ms - offset_ms,
            None => zone.instant(local_ms, arrival),
        })
    }
}
