//! Features as the text of a catalog.

use std::fmt::Write as _;

use tillwatch_records::units::DurationMs;
use tillwatch_records::{Column, RecordKind};

use super::{OracleAggregate, OracleFeature, WRAP};

/// The catalog of `features` as text. What has its default is left out.
pub fn catalog_toml(features: &[OracleFeature]) -> String {
    let mut text = String::from("name = \"random\"\n");
    for feature in features {
        text += &entry(feature);
    }
    text
}

fn entry(feature: &OracleFeature) -> String {
    let mut text = String::from("[[feature]]\n");
    // Writing to a string cannot fail.
    let mut quoted = |key: &str, value: &str| {
        let _ = writeln!(text, "{key} = \"{value}\"");
    };
    let duration = |ms: i64| DurationMs::from_ms(ms).to_string();
    quoted("name", &feature.name);
    quoted("aggregate", feature.aggregate.as_str());
    let predicates = [
        ("expression", feature.expression.map(|e| e.sql)),
        ("filter", feature.filter.map(|f| f.sql)),
        ("base", feature.base.map(|f| f.sql)),
        ("label", feature.label.map(|f| f.sql)),
    ];
    for (key, sql) in predicates {
        if let Some(sql) = sql {
            quoted(key, sql);
        }
    }
    let durations = [
        ("window", Some(feature.window_ms)),
        ("delay", Some(feature.delay_ms)),
        ("resolution", feature.resolution_ms),
        ("half_life", feature.half_life_ms),
    ];
    for (key, ms) in durations {
        if let Some(ms) = ms.filter(|ms| *ms != 0) {
            quoted(key, &duration(ms));
        }
    }
    if feature.record_type != RecordKind::Transaction {
        quoted("record_type", feature.record_type.as_str());
    }
    if feature.is_log {
        quoted("scale", "log");
    }
    let mut plain = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    let names = |columns: &[Column]| {
        let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
        format!("{names:?}")
    };
    if !feature.columns.is_empty() {
        plain("columns", names(&feature.columns));
    }
    if let Some(last) = feature.last {
        plain("last", last.to_string());
    }
    if feature.exclude_current {
        plain("exclude_current", "true".to_owned());
    }
    if feature.aggregate == OracleAggregate::Quantile {
        plain("quantile", format!("{:?}", feature.quantile));
    }
    if feature.wrap != WRAP {
        plain("wrap", feature.wrap.to_string());
    }
    if let Some(shrink) = &feature.shrink {
        plain("strength", format!("{:?}", shrink.strength));
        plain("prior", format!("{:?}", shrink.prior));
        if !shrink.cohort.is_empty() {
            plain("cohort", names(&shrink.cohort));
        }
    }
    text
}
