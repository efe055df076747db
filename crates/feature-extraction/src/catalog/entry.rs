//! From TOML to validated features.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use tillwatch_predicate::{Expression, Predicate};
use tillwatch_records::column::ColumnType;
use tillwatch_records::limits::{CONFIG_BYTES_MAX, FEATURES_MAX, WINDOW_MS_MAX};
use tillwatch_records::suggest::did_you_mean;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Column, RecordKind};

use super::{Aggregate, EventScope, FeatureSpec};
use crate::error::FeatureError;

/// Stands for the window's text in the name of a feature with several windows.
const WINDOW_PLACEHOLDER: &str = "{window}";

const CATALOG_KEYS: [&str; 3] = ["name", "description", "feature"];

const FEATURE_KEYS: [&str; 14] = [
    "name",
    "aggregate",
    "column",
    "columns",
    "expression",
    "filter",
    "base",
    "window",
    "windows",
    "delay",
    "exclude_current",
    "record_type",
    "description",
    "unit",
];

/// One `[[feature]]` as written.
#[derive(Deserialize)]
struct Entry {
    name: String,
    aggregate: String,
    column: Option<String>,
    #[serde(default)]
    columns: Vec<String>,
    expression: Option<String>,
    filter: Option<String>,
    base: Option<String>,
    window: Option<String>,
    #[serde(default)]
    windows: Vec<String>,
    delay: Option<String>,
    #[serde(default)]
    exclude_current: bool,
    record_type: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    unit: String,
}

/// Name, description and features of a catalog.
pub(super) fn read(text: &str) -> Result<(String, String, Vec<FeatureSpec>), FeatureError> {
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
        read_entry(position, entry, &mut features)?;
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
    let entry: Entry = table
        .try_into()
        .map_err(|error: toml::de::Error| fault(&place, error.to_string().trim_end()))?;
    let spec = check(&entry).map_err(|problem| fault(&entry.name, problem))?;
    let windows = windows_of(&entry, spec.aggregate).map_err(|p| fault(&entry.name, p))?;
    if windows.is_empty() {
        features.push(spec);
        return Ok(());
    }
    for text in windows {
        let window_ms = duration("window", &text)
            .and_then(|ms| match ms {
                1.. if ms + spec.delay_ms <= WINDOW_MS_MAX => Ok(ms),
                _ => Err("window and delay together must lie between 1ms and 400d".to_owned()),
            })
            .map_err(|problem| fault(&entry.name, problem))?;
        features.push(FeatureSpec {
            name: entry.name.replace(WINDOW_PLACEHOLDER, &text),
            window_ms,
            window_text: text,
            ..spec.clone()
        });
    }
    Ok(())
}

/// Everything but the window.
fn check(entry: &Entry) -> Result<FeatureSpec, String> {
    if !is_feature_name(&entry.name.replace(WINDOW_PLACEHOLDER, "w")) {
        return Err("a name is made of lower-case letters, digits and `_`, at most 128".into());
    }
    let aggregate = aggregate_of(&entry.aggregate)?;
    let columns = columns_of(entry, aggregate)?;
    let record_type = match entry.record_type.as_deref() {
        None => RecordKind::Transaction,
        Some(name) => RecordKind::from_name(name).ok_or_else(|| {
            let known = RecordKind::ALL.map(RecordKind::as_str);
            let hint = did_you_mean(name, known);
            format!(
                "unknown record_type `{name}`{hint}; known are {}",
                known.join(", ")
            )
        })?,
    };
    refuse(
        entry.base.is_some() && aggregate != Aggregate::Ratio,
        aggregate,
        "base",
    )?;
    if !aggregate.is_windowed() {
        refuse(entry.delay.is_some(), aggregate, "delay")?;
        refuse(entry.exclude_current, aggregate, "exclude_current")?;
    }
    let expression = match (aggregate, entry.expression.as_deref()) {
        (Aggregate::Value, Some(sql)) => {
            refuse(entry.filter.is_some(), aggregate, "filter")?;
            refuse(entry.record_type.is_some(), aggregate, "record_type")?;
            let parsed = Expression::parse(sql, &EventScope);
            Some(Arc::new(parsed.map_err(|e| format!("expression: {e}"))?))
        }
        (Aggregate::Value, None) => return Err("`value` needs an expression".into()),
        (_, Some(_)) => return Err(refusal(aggregate, "expression")),
        (_, None) => None,
    };
    if aggregate == Aggregate::Ratio && entry.filter.is_none() {
        return Err("`ratio` needs a filter: the records that it counts over the base".into());
    }
    Ok(FeatureSpec {
        name: entry.name.clone(),
        aggregate,
        columns,
        filter: predicate("filter", entry.filter.as_deref())?,
        base: predicate("base", entry.base.as_deref())?,
        expression,
        window_ms: 0,
        window_text: String::new(),
        delay_ms: match entry.delay.as_deref() {
            None => 0,
            Some(text) => duration("delay", text)?,
        },
        exclude_current: entry.exclude_current,
        record_type,
        description: entry.description.clone(),
        unit: entry.unit.clone(),
    })
}

fn aggregate_of(name: &str) -> Result<Aggregate, String> {
    let known = Aggregate::ALL.map(Aggregate::as_str);
    Aggregate::ALL
        .into_iter()
        .find(|aggregate| aggregate.as_str() == name)
        .ok_or_else(|| {
            let hint = did_you_mean(name, known);
            format!(
                "unknown aggregate `{name}`{hint}; known are {}",
                known.join(", ")
            )
        })
}

fn columns_of(entry: &Entry, aggregate: Aggregate) -> Result<Vec<Column>, String> {
    if entry.column.is_some() && !entry.columns.is_empty() {
        return Err("give either `column` or `columns`".into());
    }
    let names = entry.column.iter().chain(&entry.columns);
    let columns = names
        .map(|name| {
            Column::from_name(name).ok_or_else(|| {
                let hint = did_you_mean(name, Column::names());
                format!("column `{name}` is not a known column{hint}")
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    use Aggregate as A;
    let (least, most) = match aggregate {
        A::Count => (0, 1),
        A::Sum | A::Mean | A::Stddev | A::Min | A::Max => (1, 1),
        A::Distinct => (1, usize::MAX),
        A::Ratio | A::TimeSinceLast | A::Value => (0, 0),
    };
    if columns.len() < least {
        return Err(format!("`{}` needs a column", aggregate.as_str()));
    }
    if columns.len() > most {
        let takes = if most == 0 { "no column" } else { "one column" };
        return Err(format!("`{}` takes {takes}", aggregate.as_str()));
    }
    for column in &columns {
        let (kind, name) = (column.kind(), column.name());
        let fits = match aggregate {
            A::Sum | A::Mean | A::Stddev => kind == ColumnType::Int64,
            A::Min | A::Max => matches!(kind, ColumnType::Int64 | ColumnType::Float64),
            _ => true,
        };
        if !fits {
            let wanted = match aggregate {
                A::Min | A::Max => "a number",
                _ => "an integer, so that sums are exact",
            };
            let aggregate = aggregate.as_str();
            return Err(format!(
                "column `{name}` is {kind:?}, `{aggregate}` needs {wanted}"
            ));
        }
    }
    Ok(columns)
}

/// The windows as written; empty for an aggregate without one.
fn windows_of(entry: &Entry, aggregate: Aggregate) -> Result<Vec<String>, String> {
    let windows: Vec<String> = entry.window.iter().chain(&entry.windows).cloned().collect();
    if entry.window.is_some() && !entry.windows.is_empty() {
        return Err("give either `window` or `windows`".into());
    }
    if !aggregate.is_windowed() {
        refuse(!windows.is_empty(), aggregate, "window")?;
    } else if windows.is_empty() {
        return Err(format!(
            "`{}` needs a window such as \"1h\"",
            aggregate.as_str()
        ));
    } else if windows.len() > 1 && !entry.name.contains(WINDOW_PLACEHOLDER) {
        return Err("with several windows the name must contain `{window}`".into());
    }
    Ok(windows)
}

fn predicate(key: &str, sql: Option<&str>) -> Result<Option<Arc<Predicate>>, String> {
    sql.map(|sql| Predicate::parse(sql, &EventScope).map(Arc::new))
        .transpose()
        .map_err(|error| format!("{key}: {error}"))
}

fn duration(key: &str, text: &str) -> Result<i64, String> {
    let parsed: DurationMs = text.parse().map_err(|error| format!("{key}: {error}"))?;
    match parsed.as_ms() {
        ms @ 0..=WINDOW_MS_MAX => Ok(ms),
        _ => Err(format!("{key}: `{text}` is longer than 400d")),
    }
}

fn refuse(given: bool, aggregate: Aggregate, key: &str) -> Result<(), String> {
    if given {
        Err(refusal(aggregate, key))
    } else {
        Ok(())
    }
}

fn refusal(aggregate: Aggregate, key: &str) -> String {
    format!("`{}` takes no `{key}`; remove it", aggregate.as_str())
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
