//! What stands in rules.toml.

use serde::Deserialize;
use serde::de::Error as _;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Severity, Typology};
use toml::value::Datetime;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default = "default_prior")]
    pub(super) prior: f64,
    #[serde(default, rename = "group")]
    pub(super) groups: Vec<Group>,
    #[serde(rename = "rule")]
    pub(super) rules: Vec<Entry>,
}

/// Card-present fraud is of the order of one in a thousand.
fn default_prior() -> f64 {
    0.001
}

/// Rules that are switched or counted together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) name: String,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) combine: Combine,
}

fn yes() -> bool {
    true
}

/// How the rules of a group that fire on a row count.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Combine {
    /// Each, as rules without a group do.
    #[default]
    NoisyOr,
    /// The one of the most evidence.
    Max,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) code: String,
    pub(super) typology: Option<Typology>,
    pub(super) severity: Severity,
    pub(super) group: Option<String>,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    pub(super) flag: Option<String>,
    pub(super) from: Option<Moment>,
    pub(super) until: Option<Moment>,
    pub(super) when: Option<String>,
    pub(super) all: Option<Vec<String>>,
    pub(super) any: Option<Vec<String>>,
    pub(super) min_count: Option<MinCount>,
    pub(super) probability: f64,
    #[serde(default = "one")]
    pub(super) weight: f64,
    pub(super) cooldown: Option<DurationMs>,
    pub(super) feature: String,
    pub(super) baseline: Option<String>,
    pub(super) threshold: Option<f64>,
    #[serde(default)]
    pub(super) window: String,
    pub(super) words: String,
    #[serde(default)]
    pub(super) action: String,
}

fn one() -> f64 {
    1.0
}

/// The rule fires only where `feature` is at least `count`: ratios of a handful say nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MinCount {
    pub(super) feature: String,
    pub(super) count: f64,
}

/// A date, a time of day and an offset, as RFC 3339 writes them; in quotes or as TOML's own.
pub(super) struct Moment(pub(super) Datetime);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a time such as \"2026-01-31T00:00:00Z\""
        )]
        enum Written {
            Time(Datetime),
            Text(String),
        }
        let time = match Written::deserialize(deserializer)? {
            Written::Time(time) => time,
            Written::Text(text) => text.parse().map_err(|error| {
                D::Error::custom(format!(
                    "`{text}` is no time ({error}); write one such as \"2026-01-31T00:00:00Z\""
                ))
            })?,
        };
        if time.date.is_none() || time.time.is_none() || time.offset.is_none() {
            return Err(D::Error::custom(format!(
                "`{time}` lacks its date, time of day or offset from UTC; write for \
                 example \"2026-01-31T00:00:00Z\""
            )));
        }
        Ok(Self(time))
    }
}
