//! From TOML to validated features.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use tillwatch_predicate::{Expression, Predicate};
use tillwatch_records::limits::{CONFIG_BYTES_MAX, FEATURES_MAX, WINDOW_MS_MAX};
use tillwatch_records::suggest::did_you_mean;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Column, RecordKind};

use super::aggregate::{Span, Takes};
use super::{Aggregate, EventScope, FeatureSpec, Shrinkage, Source};
use crate::error::FeatureError;

/// Stands for the window's text in the name of a feature with several windows.
const WINDOW_PLACEHOLDER: &str = "{window}";

const CATALOG_KEYS: [&str; 3] = ["name", "description", "feature"];

const FEATURE_KEYS: [&str; 24] = [
    "name",
    "aggregate",
    "column",
    "columns",
    "expression",
    "filter",
    "base",
    "label",
    "window",
    "windows",
    "delay",
    "resolution",
    "last",
    "half_life",
    "exclude_current",
    "record_type",
    "quantile",
    "scale",
    "strength",
    "prior",
    "cohort",
    "wrap",
    "description",
    "unit",
];

/// Most of the newest records that `last` may ask for: they are looked at one by one.
const LAST_MAX: u32 = 256;

/// Most panes of a window with a resolution: each is a row of the key's state.
const PANES_MAX: i64 = 4096;

/// Age at which a record counts half where the catalog does not say: four weeks, so that a season is
/// followed and a quiet week is not.
const HALF_LIFE_MS: i64 = 28 * 24 * 3600 * 1000;

/// Numbers of DE11 before it starts again.
const STAN_WRAP: i64 = 1_000_000;

/// Largest `wrap`: numbers up to it are exact as doubles.
const WRAP_MAX: i64 = 1 << 53;

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
    label: Option<String>,
    window: Option<String>,
    #[serde(default)]
    windows: Vec<String>,
    delay: Option<String>,
    resolution: Option<String>,
    last: Option<u32>,
    half_life: Option<String>,
    #[serde(default)]
    exclude_current: bool,
    record_type: Option<String>,
    quantile: Option<f64>,
    scale: Option<String>,
    strength: Option<f64>,
    prior: Option<f64>,
    #[serde(default)]
    cohort: Vec<String>,
    wrap: Option<i64>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    unit: String,
}

/// Name, description and features of a catalog.
pub(super) fn read(
    text: &str,
    scope: &EventScope<'_>,
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
        read_entry(position, entry, scope, &mut features)?;
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
    let aggregate = aggregate_of(&entry.aggregate).map_err(&mut say)?;
    for key in table_keys {
        refuse_key(aggregate, &key).map_err(&mut say)?;
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
fn refuse_key(aggregate: Aggregate, key: &str) -> Result<(), String> {
    let meant = if key == "windows" { "window" } else { key };
    if aggregate.takes_key(meant) {
        return Ok(());
    }
    let name = aggregate.as_str();
    Err(format!(
        "`{name}` takes no `{key}`; remove it, or use one of {}",
        Aggregate::that_take(meant)
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
    if aggregate == Aggregate::Ratio && entry.filter.is_none() && label.is_none() {
        return Err(
            "`ratio` needs a filter or a label: the records that it counts over the base".into(),
        );
    }
    let expression = expression_of(entry, aggregate, scope)?;
    Ok(FeatureSpec {
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
        half_life_ms: half_life_of(entry, aggregate)?,
        exclude_current: entry.exclude_current,
        record_type,
        quantile: quantile_of(entry, aggregate)?,
        is_log: match entry.scale.as_deref() {
            None | Some("linear") => false,
            Some("log") => true,
            Some(other) => {
                return Err(format!("scale is \"linear\" or \"log\", not \"{other}\""));
            }
        },
        shrinkage: shrinkage_of(entry, scope)?,
        wrap: wrap_of(entry, aggregate)?,
        description: entry.description.clone(),
        unit: entry.unit.clone(),
    })
}

fn record_kind(name: &str) -> Result<RecordKind, String> {
    RecordKind::from_name(name).ok_or_else(|| {
        let known = RecordKind::ALL.map(RecordKind::as_str);
        let hint = did_you_mean(name, known);
        format!(
            "unknown record_type `{name}`{hint}; known are {}",
            known.join(", ")
        )
    })
}

fn is_label_column(name: &str) -> bool {
    Column::from_name(name)
        .is_some_and(|column| column.spec().carried_by.contains(&RecordKind::Label))
}

fn last_of(entry: &Entry) -> Result<u32, String> {
    match entry.last {
        None => Ok(0),
        Some(last @ 1..=LAST_MAX) => Ok(last),
        Some(last) => Err(format!(
            "last is {last}; it must lie between 1 and {LAST_MAX}"
        )),
    }
}

fn half_life_of(entry: &Entry, aggregate: Aggregate) -> Result<i64, String> {
    if aggregate == Aggregate::Ratio && entry.cohort.is_empty() {
        let given = entry.half_life.is_some();
        return if given {
            Err("`half_life` is how a cohort ages; name the cohort's columns in `cohort`".into())
        } else {
            Ok(0)
        };
    }
    match (entry.half_life.as_deref(), aggregate) {
        (Some(text), _) => positive("half_life", text),
        (None, Aggregate::HourOfWeekRate | Aggregate::Ratio) => Ok(HALF_LIFE_MS),
        (None, _) if aggregate.span() == Span::Memory => Err(format!(
            "`{}` needs a half_life such as \"7d\": the age at which a record counts half",
            aggregate.as_str()
        )),
        (None, _) => Ok(0),
    }
}

fn quantile_of(entry: &Entry, aggregate: Aggregate) -> Result<f64, String> {
    match (aggregate, entry.quantile) {
        (Aggregate::Quantile, None) => {
            Err("`quantile` needs quantile = 0.5 or another rank from 0 to 1".into())
        }
        (_, Some(q)) if !(0.0..=1.0).contains(&q) => {
            Err(format!("quantile is {q}; it must lie between 0 and 1"))
        }
        (_, q) => Ok(q.unwrap_or(0.5)),
    }
}

fn shrinkage_of(entry: &Entry, scope: &EventScope<'_>) -> Result<Option<Shrinkage>, String> {
    let (strength, prior) = match (entry.strength, entry.prior) {
        (None, None) if entry.cohort.is_empty() => return Ok(None),
        (Some(strength), Some(prior)) => (strength, prior),
        _ => {
            return Err(
                "a ratio is shrunk by `strength` (in records) to `prior`: give both, and `cohort` if the prior is to be learnt"
                    .into(),
            );
        }
    };
    let is_weight = strength > 0.0 && strength.is_finite();
    if !is_weight || !(0.0..=1.0).contains(&prior) {
        return Err("strength must be positive, prior must lie between 0 and 1".into());
    }
    let cohort = entry.cohort.iter().map(|name| scope.source(name));
    Ok(Some(Shrinkage {
        strength,
        prior,
        cohort: cohort.collect::<Result<_, _>>()?,
    }))
}

fn wrap_of(entry: &Entry, aggregate: Aggregate) -> Result<i64, String> {
    match entry.wrap {
        None if aggregate.takes() == Takes::Sequence => Ok(STAN_WRAP),
        None => Ok(0),
        Some(wrap @ 2..=WRAP_MAX) => Ok(wrap),
        Some(wrap) => Err(format!("wrap is {wrap}; it must lie between 2 and 2^53")),
    }
}

fn window_of(text: &str, spec: &FeatureSpec) -> Result<i64, String> {
    let window_ms = positive("window", text)?;
    if window_ms + spec.delay_ms > WINDOW_MS_MAX {
        return Err("window and delay together must lie between 1ms and 400d".into());
    }
    if spec.resolution_ms > 0
        && (spec.resolution_ms > window_ms || window_ms / spec.resolution_ms > PANES_MAX)
    {
        return Err(format!(
            "a window has between 1 and {PANES_MAX} panes of its resolution; change one of them"
        ));
    }
    Ok(window_ms)
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

/// The expression, which some aggregates take in place of a column.
fn expression_of(
    entry: &Entry,
    aggregate: Aggregate,
    scope: &EventScope<'_>,
) -> Result<Option<Arc<Expression>>, String> {
    let takes = aggregate.takes();
    let Some(sql) = entry.expression.as_deref() else {
        return match takes {
            Takes::Expression => Err(format!("`{}` needs an expression", aggregate.as_str())),
            _ => Ok(None),
        };
    };
    if !matches!(takes, Takes::Expression | Takes::Number | Takes::Sequence) {
        return Err(format!(
            "`{}` takes no `expression`; remove it",
            aggregate.as_str()
        ));
    }
    let parsed = Expression::parse(sql, scope).map_err(|error| format!("expression: {error}"))?;
    Ok(Some(Arc::new(parsed)))
}

fn columns_of(
    entry: &Entry,
    aggregate: Aggregate,
    has_expression: bool,
    scope: &EventScope<'_>,
) -> Result<Vec<Source>, String> {
    if entry.column.is_some() && !entry.columns.is_empty() {
        return Err("give either `column` or `columns`".into());
    }
    let names = entry.column.iter().chain(&entry.columns);
    let mut columns = names
        .map(|name| scope.source(name))
        .collect::<Result<Vec<_>, _>>()?;
    let (name, takes) = (aggregate.as_str(), aggregate.takes());
    if takes == Takes::Place && columns.is_empty() {
        columns = vec![Source::event(Column::Lat), Source::event(Column::Lon)];
    }
    if has_expression {
        return if columns.is_empty() {
            Ok(columns)
        } else {
            Err("give either a column or an `expression`".into())
        };
    }
    let (least, most) = match takes {
        Takes::Nothing | Takes::Expression => (0, 0),
        Takes::OptionalColumn => (0, 1),
        Takes::Integer | Takes::Number | Takes::Sequence => (1, 1),
        Takes::Tuple => (1, usize::MAX),
        Takes::Place => (2, 2),
    };
    if columns.len() < least {
        return Err(format!("`{name}` needs a column"));
    }
    if columns.len() > most {
        let most = [
            "no column",
            "one column",
            "two columns: latitude and longitude",
        ][most];
        return Err(format!("`{name}` takes {most}"));
    }
    for source in &columns {
        if let Some(wanted) = takes.objection(source.kind) {
            let (column, kind) = (&source.name, source.kind);
            return Err(format!(
                "column `{column}` is {kind:?}, `{name}` needs {wanted}"
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
    let name = aggregate.as_str();
    match aggregate.span() {
        Span::Window if windows.is_empty() => {
            return Err(format!("`{name}` needs a window such as \"1h\""));
        }
        Span::WindowOrMemory if windows.is_empty() == entry.half_life.is_none() => {
            return Err(format!(
                "`{name}` needs either a window or a half_life such as \"28d\""
            ));
        }
        Span::WindowOrMemory if entry.half_life.is_some() => {
            let windowed = [
                ("delay", entry.delay.is_some()),
                ("last", entry.last.is_some()),
                ("exclude_current", entry.exclude_current),
            ];
            if let Some((key, _)) = windowed.iter().find(|(_, given)| *given) {
                return Err(format!("`{key}` goes with a window, not with a half_life"));
            }
        }
        _ => {}
    }
    if windows.len() > 1 && !entry.name.contains(WINDOW_PLACEHOLDER) {
        return Err("with several windows the name must contain `{window}`".into());
    }
    Ok(windows)
}

fn predicate(
    key: &str,
    sql: Option<&str>,
    scope: &EventScope<'_>,
) -> Result<Option<Arc<Predicate>>, String> {
    sql.map(|sql| Predicate::parse(sql, scope).map(Arc::new))
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

fn positive(key: &str, text: &str) -> Result<i64, String> {
    match duration(key, text)? {
        0 => Err(format!("{key}: it must be at least 1ms")),
        ms => Ok(ms),
    }
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
