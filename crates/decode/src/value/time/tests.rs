//! Values read by the settings that describe them.

mod auto;
mod inferred;
mod patterns;
mod settings;
mod units;

use super::*;
use crate::settings::TimeSettings;

/// The settings that are written as `settings` in TOML: a word in quotes, or a table.
fn settings(settings: &str) -> TimeSettings {
    let table = format!("event_time = {settings}");
    let mut units: std::collections::BTreeMap<String, TimeSettings> =
        toml::from_str(&table).unwrap();
    units.remove("event_time").unwrap()
}

fn rule(written: &str) -> TimeRule {
    TimeRule::new(&settings(written)).unwrap()
}

/// `text` read as `written` says, from a record without a Kafka timestamp.
fn read(written: &str, text: &str) -> Result<i64, TimeError> {
    rule(written).milliseconds(text.as_bytes(), None)
}

/// As [`read`], from a record with the Kafka timestamp `arrival`.
fn read_at(written: &str, text: &str, arrival: &str) -> Result<i64, TimeError> {
    rule(written).milliseconds(text.as_bytes(), Some(ms(arrival)))
}

/// Milliseconds since 1970 of an RFC 3339 text.
fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}
