//! How times are written: a word, or a table where a word does not say enough.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor};

/// How a time is written: `"rfc3339"`, or a table such as `{ pattern = "%d/%m/%Y %H:%M", zone =
/// "Europe/Berlin" }`. What is finer than a millisecond is cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeSettings {
    /// A format, with the default of everything else.
    Format(TimeFormat),
    /// A format, a pattern or a base, with what belongs to it.
    Table(TimeTable),
}

/// Format of a time, in a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// Milliseconds since 1970, UTC.
    #[default]
    Ms,
    /// Seconds since 1970, UTC, with decimals or without.
    S,
    /// Microseconds since 1970, UTC.
    Us,
    /// Nanoseconds since 1970, UTC.
    Ns,
    /// RFC 3339 date and time, with `T` or a blank between them; of the configured zone where it names none.
    Rfc3339,
    /// `MMDDhhmmss` of ISO 8583's DE7, which has no year: that which puts it nearest to the record's
    /// Kafka timestamp. A zero in front may be missing.
    De7,
    /// Any of the others but DE7, and the other unambiguous forms of docs/records.md. As only the years
    /// 2000 to 2099 are accepted, the ranges of the four units are disjoint.
    Auto,
}

/// A time that a word does not describe. One of `format`, `pattern` and `base` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeTable {
    /// One of the words.
    pub format: Option<TimeFormat>,
    /// Text with conversions of strftime, as `%d/%m/%Y %H:%M:%S`. Without a year as for DE7.
    pub pattern: Option<String>,
    /// The zone of times that name none: a name of the IANA database or an offset as `+01:00`. Default: UTC.
    pub zone: Option<String>,
    /// When values are counted from: date, or date and time, as RFC 3339 writes them.
    pub base: Option<String>,
    /// What is counted from `base`.
    pub unit: Option<TimeUnit>,
    /// For times without a year in records without a Kafka timestamp, which those of files are: a day, or
    /// date and time, of which no record is more than half a year away. Default: such records are refused.
    pub near: Option<String>,
}

/// What is counted from a base. Decimals are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Minutes.
    Min,
    /// Hours.
    H,
    /// Days of 24 hours.
    D,
}

impl Default for TimeSettings {
    fn default() -> Self {
        TimeFormat::default().into()
    }
}

impl From<TimeFormat> for TimeSettings {
    fn from(format: TimeFormat) -> Self {
        Self::Format(format)
    }
}

/// By hand, so that a word or key that is not known is named, as it is everywhere else.
impl<'de> Deserialize<'de> for TimeSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = TimeSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a format of times in a word, { format = … }, { pattern = … } or { base = …, unit = … }")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<TimeSettings, E> {
        TimeFormat::deserialize(word.into_deserializer()).map(TimeSettings::Format)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<TimeSettings, A::Error> {
        TimeTable::deserialize(MapAccessDeserializer::new(table)).map(TimeSettings::Table)
    }
}
