//! Features from their definition: every accepted record is kept and looked at again for every
//! feature of every record. Slow, obvious, and written without the engine's help.
//!
//! Kernel: arrival, definition, detector, distinct, ewma, feature, moments, quantile, random, ratio,
//! reuse, slope, table, top_share and window need each other because a feature names its aggregate by the
//! table, and an aggregate is defined, and drawn at random, over features.

use std::collections::BTreeMap;

use tillwatch_records::{Flags, RecordKind, RecordKinds};

use crate::stream::Event;

mod arrival;
mod case;
mod catalog;
mod definition;
mod detector;
mod distinct;
mod ewma;
mod feature;
mod judge;
mod moments;
mod quantile;
mod random;
mod ratio;
mod reuse;
mod shrink;
mod slope;
mod table;
#[cfg(test)]
mod tests;
mod top_share;
mod value;
mod window;

pub use case::Case;
pub use catalog::catalog_toml;
pub use feature::{
    OracleExpression, OracleFeature, OracleFilter, OracleSettings, OracleShrink, WRAP,
};
pub use shrink::shrink;
pub use table::OracleAggregate;
pub use value::OracleValue;

use judge::judge;
use window::{Key, Moment, idle_ttl_ms, retention_ms};

/// What an engine gave for one scored record.
#[derive(Debug, Clone, PartialEq)]
pub struct OracleRow {
    /// One value per feature; `None` where there is none.
    pub values: Vec<Option<f64>>,
    /// `LATE`, `DUPLICATE`, `CLOCK_SKEW` and `ID_REUSED`.
    pub flags: Flags,
}

/// What is expected of one scored record.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// One value per feature.
    pub values: Vec<OracleValue>,
    /// `LATE`, `DUPLICATE`, `CLOCK_SKEW`, `ID_REUSED` and `OVERFLOW`.
    pub flags: Flags,
}

impl Expected {
    /// What is wrong with `got`, in words; `None` if it is as expected.
    pub fn objection(&self, features: &[OracleFeature], got: &OracleRow) -> Option<String> {
        if self.flags != got.flags {
            return Some(format!("flags {:?}, expected {:?}", got.flags, self.flags));
        }
        if got.values.len() != self.values.len() {
            return Some(format!(
                "{} values, expected {}",
                got.values.len(),
                self.values.len()
            ));
        }
        let mut pairs = self.values.iter().zip(&got.values).zip(features);
        pairs
            .find(|((expected, got), _)| !expected.admits(**got))
            .map(|((expected, got), feature)| {
                format!("{}: {got:?}, expected {expected}", feature.name)
            })
    }
}

/// The features of every transaction of `events`, which is the whole input of one lane.
pub fn evaluate(
    features: &[OracleFeature],
    settings: &OracleSettings,
    events: &[Event],
) -> Vec<Expected> {
    evaluate_scored(features, settings, RecordKinds::TRANSACTIONS, events)
}

/// As [`evaluate`], of every record whose kind is `scored`. Records of a kind that no feature reads are not
/// accepted: they are judged and looked at, and nothing remembers them.
pub fn evaluate_scored(
    features: &[OracleFeature],
    settings: &OracleSettings,
    scored: RecordKinds,
    events: &[Event],
) -> Vec<Expected> {
    let retention_ms = retention_ms(features, settings);
    let ttl_ms = idle_ttl_ms(features, settings);
    let joins_labels = features.iter().any(|feature| feature.label.is_some());
    let mut keys: BTreeMap<&str, Key<'_>> = BTreeMap::new();
    let mut lane: Vec<&Event> = Vec::new();
    let mut rows = Vec::new();
    for event in events {
        let forgotten_ms = |key: &Key<'_>| {
            key.watermark_ms
                .map_or(i64::MIN, |time| time - retention_ms)
        };
        let key = keys.entry(&event.terminal_id).or_default();
        if event.kind == RecordKind::Label && joins_labels {
            key.join(event, forgotten_ms(key));
        }
        let is_read = event.kind == RecordKind::Transaction
            || features
                .iter()
                .any(|feature| feature.record_type == event.kind);
        let is_scored = scored.contains(event.kind);
        if !(is_read || is_scored) {
            continue;
        }
        let now_ms = event.event_time_ms;
        let flags = judge(settings, event, key);
        let is_idle = key.watermark_ms.is_some_and(|time| now_ms - time > ttl_ms);
        let is_accepted = is_read && flags.changes_state();
        if is_accepted && is_idle {
            *key = Key::default();
        }
        let moment = Moment {
            event,
            flags,
            key,
            lane: &lane,
            forgotten_ms: forgotten_ms(key),
        };
        if is_scored {
            let values = values_of(features, &moment);
            let mut marks = flags;
            marks.set(Flags::OVERFLOW, values.contains(&OracleValue::Overflow));
            rows.push(Expected {
                values,
                flags: marks,
            });
        }
        if is_accepted {
            let current = moment.current();
            key.accepted.push(current);
            key.watermark_ms = key.watermark_ms.max(Some(now_ms));
            lane.push(event);
        }
    }
    rows
}

fn values_of(features: &[OracleFeature], moment: &Moment<'_, '_>) -> Vec<OracleValue> {
    let values = features.iter();
    values
        .map(|feature| (feature.aggregate.definition().evaluate)(feature, moment))
        .collect()
}
