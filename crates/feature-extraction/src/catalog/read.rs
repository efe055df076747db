//! From TOML to validated features.

use std::collections::HashSet;
use std::sync::Arc;

use tillwatch_predicate::Predicate;
use tillwatch_records::RecordKind;
use tillwatch_records::limits::{CONFIG_BYTES_MAX, FEATURES_MAX};
use tillwatch_records::suggest::did_you_mean;

use super::entry::{Entry, FEATURE_KEYS, WINDOW_PLACEHOLDER};
use super::input::EventScope;
use super::spec::{Aggregate, FeatureSpec};
use super::values::{
    aggregate_of, columns_of, divisor_of, duration, expression_of, half_life_of, is_label_column,
    last_of, positive, predicate, quantile_of, record_kind, shrinkage_of, window_of, windows_of,
    wrap_of,
};
use crate::error::FeatureError;

const CATALOG_KEYS: [&str; 3] = ["name", "description", "feature"];

/// Name, description and features of a catalog.
pub(super) fn read(
    text: &str,
    scope: &EventScope<'_>,
    known: &[Aggregate],
) -> Result<(String, String, Vec<FeatureSpec>), FeatureError> {
    let syntax = |message: String| FeatureError::Syntax { message };
    if text.len() > CONFIG_BYTES_MAX {
        return Err(syntax(format!(
            "{} bytes, at most {CONFIG_BYTES_MAX} are read; split the catalog",
            text.len()
        )));
    }
    let mut table: toml::Table =
        toml::from_str(text).map_err(|error| syntax(error.to_string().trim_end().to_owned()))?;
    if let Some(key) = unknown_key(&table, &CATALOG_KEYS) {
        return Err(FeatureError::UnknownKey {
            hint: did_you_mean(&key, CATALOG_KEYS),
            key,
        });
    }
    let mut text_of = |key: &str| match table.remove(key) {
        Some(toml::Value::String(text)) => Ok(text),
        Some(_) => Err(syntax(format!("`{key}` must be text"))),
        None => Ok(String::new()),
    };
    let (name, description) = (text_of("name")?, text_of("description")?);
    if name.is_empty() {
        return Err(syntax("`name` is missing; give the catalog a name".into()));
    }
    let entries = match table.remove("feature") {
        Some(toml::Value::Array(entries)) => entries,
        Some(_) => {
            return Err(syntax(
                "`feature` must be written as [[feature]] tables".into(),
            ));
        }
        None => Vec::new(),
    };
    let mut features = Vec::new();
    for (position, entry) in entries.into_iter().enumerate() {
        read_entry(position, entry, scope, known, &mut features)?;
        if features.len() > FEATURES_MAX {
            return Err(FeatureError::TooMany {
                count: features.len(),
                max: FEATURES_MAX,
            });
        }
    }
    let mut seen = HashSet::new();
    match features.iter().find(|spec| !seen.insert(&spec.name)) {
        Some(twice) => Err(fault(&twice.name, "the name is used twice")),
        None => Ok((name, description, features)),
    }
}

fn read_entry(
    position: usize,
    entry: toml::Value,
    scope: &EventScope<'_>,
    known: &[Aggregate],
    features: &mut Vec<FeatureSpec>,
) -> Result<(), FeatureError> {
    let place = format!("#{}", position + 1);
    let toml::Value::Table(table) = entry else {
        return Err(fault(&place, "write it as a [[feature]] table"));
    };
    let place = table
        .get("name")
        .and_then(toml::Value::as_str)
        .map_or(place, str::to_owned);
    if let Some(key) = unknown_key(&table, &FEATURE_KEYS) {
        let hint = did_you_mean(&key, FEATURE_KEYS);
        return Err(fault(&place, format!("unknown key `{key}`{hint}")));
    }
    let table_keys: Vec<String> = table.keys().cloned().collect();
    let entry: Entry = table
        .try_into()
        .map_err(|error: toml::de::Error| fault(&place, error.to_string().trim_end()))?;
    let mut say = |problem: String| fault(&entry.name, problem);
    let aggregate = aggregate_of(&entry.aggregate, known).map_err(&mut say)?;
    for key in table_keys {
        refuse_key(aggregate, &key, known).map_err(&mut say)?;
    }
    let spec = check(&entry, aggregate, scope).map_err(&mut say)?;
    let windows = windows_of(&entry, aggregate).map_err(&mut say)?;
    if windows.is_empty() {
        features.push(spec);
        return Ok(());
    }
    for text in windows {
        let window_ms = window_of(&text, &spec).map_err(&mut say)?;
        features.push(FeatureSpec {
            name: entry.name.replace(WINDOW_PLACEHOLDER, &text),
            window_ms,
            window_text: text,
            ..spec.clone()
        });
    }
    Ok(())
}

/// A key that the aggregate does not take is refused, naming those that do.
fn refuse_key(aggregate: Aggregate, key: &str, known: &[Aggregate]) -> Result<(), String> {
    let meant = if key == "windows" { "window" } else { key };
    if aggregate.takes_key(meant) {
        return Ok(());
    }
    let name = aggregate.as_str();
    let others = known.iter().filter(|other| other.takes_key(meant));
    let others: Vec<&str> = others.map(|other| other.as_str()).collect();
    let others = others.join(", ");
    if key == "resolution"
        && let Some(instead) = aggregate.instead_of_resolution()
    {
        return Err(format!(
            "`{name}` needs every record of its window by itself and takes no `resolution`; \
             {instead}, or use one of {others}"
        ));
    }
    Err(format!(
        "`{name}` takes no `{key}`; remove it, or use one of {others}"
    ))
}

/// Everything but the window.
fn check(
    entry: &Entry,
    aggregate: Aggregate,
    scope: &EventScope<'_>,
) -> Result<FeatureSpec, String> {
    if !is_feature_name(&entry.name.replace(WINDOW_PLACEHOLDER, "w")) {
        return Err("a name is made of lower-case letters, digits and `_`, at most 128".into());
    }
    let record_type = match entry.record_type.as_deref() {
        None => RecordKind::Transaction,
        Some(name) => record_kind(name)?,
    };
    let label = label_of(entry, record_type, scope)?;
    if entry.last.is_some() && entry.resolution.is_some() {
        return Err(
            "`last` looks at single records, which a `resolution` does not keep; remove one of them"
                .into(),
        );
    }
    let expression = expression_of(entry, aggregate, scope)?;
    let mut spec = FeatureSpec {
        name: entry.name.clone(),
        aggregate,
        columns: columns_of(entry, aggregate, expression.is_some(), scope)?,
        expression,
        filter: predicate("filter", entry.filter.as_deref(), scope)?,
        base: predicate("base", entry.base.as_deref(), scope)?,
        label,
        window_ms: 0,
        window_text: String::new(),
        delay_ms: match entry.delay.as_deref() {
            None => 0,
            Some(text) => duration("delay", text)?,
        },
        resolution_ms: match entry.resolution.as_deref() {
            None => 0,
            Some(text) => positive("resolution", text)?,
        },
        last: last_of(entry)?,
        half_life_ms: half_life_of(entry)?,
        exclude_current: entry.exclude_current,
        record_type,
        quantile: quantile_of(entry)?,
        is_log: match entry.scale.as_deref() {
            None | Some("linear") => false,
            Some("log") => true,
            Some(other) => {
                return Err(format!("scale is \"linear\" or \"log\", not \"{other}\""));
            }
        },
        shrinkage: shrinkage_of(entry, scope)?,
        wrap: wrap_of(entry)?,
        divisor: divisor_of(entry)?,
        description: entry.description.clone(),
        unit: entry.unit.clone(),
    };
    (aggregate.signature().check)(entry, &mut spec)?;
    Ok(spec)
}

/// The label predicate, which is over the columns of labels alone.
fn label_of(
    entry: &Entry,
    record_type: RecordKind,
    scope: &EventScope<'_>,
) -> Result<Option<Arc<Predicate>>, String> {
    let label = predicate("label", entry.label.as_deref(), scope)?;
    if let Some(label) = &label {
        let foreign = label.inputs().iter().find(|name| !is_label_column(name));
        if let Some(name) = foreign {
            return Err(format!(
                "label: `{name}` is no column of a label; put what is about the transaction into `filter`"
            ));
        }
        if record_type != RecordKind::Transaction || entry.resolution.is_some() {
            return Err(
                "`label` counts labelled transactions, without `resolution`; remove one of them"
                    .into(),
            );
        }
    }
    if label.is_some() && (entry.last.is_some() || !entry.cohort.is_empty()) {
        return Err("`label` goes with neither `last` nor `cohort`; remove one of them".into());
    }
    Ok(label)
}

fn is_feature_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn unknown_key(table: &toml::Table, known: &[&str]) -> Option<String> {
    table
        .keys()
        .find(|key| !known.contains(&key.as_str()))
        .cloned()
}

fn fault(feature: &str, problem: impl Into<String>) -> FeatureError {
    FeatureError::Feature {
        feature: feature.to_owned(),
        problem: problem.into(),
    }
}
