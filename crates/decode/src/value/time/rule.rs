//! How the times of a column are written: the settings, checked.

use std::io::Write as _;
use std::sync::Arc;

use super::error::{TimeError, accepted};
use super::forms;
use super::offset::Offset;
use super::pattern::Pattern;
use super::rfc3339::{Written, rfc3339};
use super::zone::Zone;
use crate::settings::{TimeFormat, TimeSettings, TimeTable};
use crate::value::number::{Excess, NumberError, scaled};

/// How the times of a column are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeRule {
    /// Since 1970, UTC: the power of ten that makes milliseconds of them.
    Epoch(i64),
    /// RFC 3339, in this zone where a text names none.
    Rfc3339(Zone),
    /// Whatever says itself what it is, in this zone where it names none.
    Auto(Zone),
    /// Counted from an instant.
    Offset(Arc<Offset>),
    Pattern(Arc<PatternRule>),
}

/// A pattern with what belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PatternRule {
    pub(super) pattern: Pattern,
    /// Of texts that name none.
    pub(super) zone: Zone,
    /// When records without a Kafka timestamp were written, more or less; milliseconds since 1970.
    near: Option<i64>,
}

/// ISO 8583's DE7.
const DE7: &str = "%m%d%H%M%S";

impl TimeRule {
    /// The rule that `settings` ask for, or what is wrong with them and what to write.
    pub(crate) fn new(settings: &TimeSettings) -> Result<Self, String> {
        let table = match settings {
            TimeSettings::Format(format) => &TimeTable {
                format: Some(*format),
                ..TimeTable::default()
            },
            TimeSettings::Table(table) => table,
        };
        let rule = match (table.format, &table.pattern, &table.base) {
            (Some(format), None, None) => Self::of_format(format, table),
            (None, Some(pattern), None) => Self::of_pattern(pattern, table),
            (None, None, Some(base)) => Self::of_base(base, table),
            _ => Err("must have one of `format`, `pattern` and `base`".to_owned()),
        }?;
        if table.unit.is_some() && table.base.is_none() {
            return Err("has a `unit`, which belongs to `base`; remove one of them".to_owned());
        }
        let needs_near = matches!(&rule, Self::Pattern(rule) if !rule.pattern.has_year());
        if table.near.is_some() && !needs_near {
            return Err("has `near`, which belongs to times without a year; remove it".to_owned());
        }
        Ok(rule)
    }

    fn of_format(format: TimeFormat, table: &TimeTable) -> Result<Self, String> {
        let epoch = |scale| match table.zone {
            None => Ok(Self::Epoch(scale)),
            Some(_) => Err("has a `zone`, but counts from 1970 in UTC; remove it".to_owned()),
        };
        match format {
            TimeFormat::S => epoch(3),
            TimeFormat::Ms => epoch(0),
            TimeFormat::Us => epoch(-3),
            TimeFormat::Ns => epoch(-6),
            TimeFormat::Rfc3339 => Ok(Self::Rfc3339(zone_of(table)?)),
            TimeFormat::Auto => Ok(Self::Auto(zone_of(table)?)),
            TimeFormat::De7 => Self::of_pattern(DE7, table),
        }
    }

    fn of_pattern(pattern: &str, table: &TimeTable) -> Result<Self, String> {
        let (pattern, zone) = (Pattern::of_setting(pattern)?, zone_of(table)?);
        if table.zone.is_some() && pattern.has_zone() {
            let what = "has a `zone`, and each of its times says its own; remove `zone` or `%z`";
            return Err(what.to_owned());
        }
        let near = match &table.near {
            Some(near) => Some(instant(near, &zone, "near")?),
            None => None,
        };
        Ok(Self::Pattern(Arc::new(PatternRule {
            pattern,
            zone,
            near,
        })))
    }

    fn of_base(base: &str, table: &TimeTable) -> Result<Self, String> {
        let Some(unit) = table.unit else {
            let what = "has a `base` without a `unit`: write \"ns\", \"us\", \"ms\", \"s\", \"min\", \"h\" \
                        or \"d\"";
            return Err(what.to_owned());
        };
        let base_ms = instant(base, &zone_of(table)?, "base")?;
        Ok(Self::Offset(Arc::new(Offset::new(base_ms, unit))))
    }

    /// Milliseconds since 1970 of `text`, cut off towards the past. `arrival` is Kafka's timestamp of the
    /// record, if it has one: milliseconds since 1970.
    #[inline]
    pub(crate) fn milliseconds(&self, text: &[u8], arrival: Option<i64>) -> Result<i64, TimeError> {
        match self {
            Self::Epoch(scale) => accepted(epoch(text, *scale)?),
            Self::Rfc3339(zone) => {
                let written = rfc3339(text).ok_or(TimeError::BadFormat)?;
                accepted(instant_of(written, zone, arrival))
            }
            Self::Auto(zone) => any(text, zone, arrival),
            Self::Offset(offset) => {
                or_rfc3339(offset.milliseconds(text), text, &Zone::UTC, arrival)
            }
            Self::Pattern(rule) => {
                or_rfc3339(rule.milliseconds(text, arrival), text, &rule.zone, arrival)
            }
        }
    }
}

impl PatternRule {
    fn milliseconds(&self, text: &[u8], arrival: Option<i64>) -> Result<i64, TimeError> {
        let read = |text| {
            self.pattern
                .milliseconds(text, &self.zone, arrival, self.near)
        };
        match read(text) {
            Err(TimeError::BadFormat) => {
                let mut room = [0; 20];
                let digits = whole_double(text, &mut room);
                digits.map_or(Err(TimeError::BadFormat), read)
            }
            found => found,
        }
    }
}

/// The digits of a number with a point or an exponent that is whole, as tables write integers of columns
/// that have nulls: 105080104.0.
#[cold]
fn whole_double<'r>(text: &[u8], room: &'r mut [u8; 20]) -> Option<&'r [u8]> {
    let is_double = text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    let value = scaled(text, 0, Excess::Refuse).ok().filter(|_| is_double)?;
    let mut rest = &mut room[..];
    write!(rest, "{value}").ok()?;
    let left = rest.len();
    room.get(..room.len() - left)
}

/// What was found, or what RFC 3339 makes of a text that has not the configured form: so come the times
/// that a file holds as such, whatever topics write.
#[inline]
fn or_rfc3339(
    found: Result<i64, TimeError>,
    text: &[u8],
    zone: &Zone,
    arrival: Option<i64>,
) -> Result<i64, TimeError> {
    match found {
        Ok(ms) => accepted(ms),
        Err(TimeError::BadFormat) => {
            let written = rfc3339(text).ok_or(TimeError::BadFormat)?;
            accepted(instant_of(written, zone, arrival))
        }
        Err(error) => Err(error),
    }
}

fn epoch(text: &[u8], scale: i64) -> Result<i64, NumberError> {
    scaled(text, scale, Excess::Cut)
}

#[inline]
fn instant_of(written: Written, zone: &Zone, arrival: Option<i64>) -> i64 {
    match written.offset_minutes {
        Some(minutes) => written.local_ms - minutes * 60 * 1000,
        None => zone.instant(written.local_ms, arrival),
    }
}

/// A time that says itself what it is: only one of the epoch units can give an accepted time, and nothing
/// else has the form of a date.
fn any(text: &[u8], zone: &Zone, arrival: Option<i64>) -> Result<i64, TimeError> {
    // The fifth byte of a date is its first hyphen, which no number has there.
    if text.get(4) == Some(&b'-')
        && let Some(written) = rfc3339(text)
    {
        return accepted(instant_of(written, zone, arrival));
    }
    for scale in [0, 3, -3, -6] {
        match epoch(text, scale)
            .map_err(TimeError::from)
            .and_then(accepted)
        {
            Ok(_) if scale == 3 && forms::is_de7(text) => return Err(TimeError::Ambiguous),
            Ok(ms) => return Ok(ms),
            Err(TimeError::OutOfRange) => {}
            Err(_) => {
                let written = forms::other(text).ok_or(TimeError::BadFormat)?;
                return accepted(instant_of(written, zone, arrival));
            }
        }
    }
    accepted(instant_of(forms::digits_of_time(text)?, zone, arrival))
}

fn zone_of(table: &TimeTable) -> Result<Zone, String> {
    match &table.zone {
        Some(zone) => Zone::of_setting(zone),
        None => Ok(Zone::UTC),
    }
}

/// The instant of a setting, milliseconds since 1970.
fn instant(text: &str, zone: &Zone, name: &str) -> Result<i64, String> {
    let written = forms::date_or_time(text.trim().as_bytes()).ok_or_else(|| {
        format!("has the {name} `{text}`, which is no time; write one as \"2017-12-01T00:00:00Z\"")
    })?;
    Ok(instant_of(written, zone, None))
}
