//! The keys of a feature, one by one: what each may say.

use std::sync::Arc;

use tillwatch_predicate::{Expression, Predicate};
use tillwatch_records::limits::WINDOW_MS_MAX;
use tillwatch_records::suggest::did_you_mean;
use tillwatch_records::units::DurationMs;
use tillwatch_records::{Column, RecordKind};

use super::entry::{Entry, WINDOW_PLACEHOLDER};
use super::input::{EventScope, InputColumn};
use super::spec::{Aggregate, FeatureSpec, Shrinkage};
use super::takes::{Span, Takes};

/// Most of the newest records that `last` may ask for: they are looked at one by one.
const LAST_MAX: u32 = 256;

/// Most panes of a window with a resolution: each is a row of the key's state.
const PANES_MAX: i64 = 4096;

/// Age at which a record counts half where the catalog does not say: four weeks, so that a season is
/// followed and a quiet week is not.
pub(crate) const HALF_LIFE_MS: i64 = 28 * 24 * 3600 * 1000;

/// Largest `wrap`: numbers up to it are exact as doubles.
const WRAP_MAX: i64 = 1 << 53;

pub(super) fn record_kind(name: &str) -> Result<RecordKind, String> {
    RecordKind::from_name(name).ok_or_else(|| {
        let known = RecordKind::ALL.map(RecordKind::as_str);
        let hint = did_you_mean(name, known);
        format!(
            "unknown record_type `{name}`{hint}; known are {}",
            known.join(", ")
        )
    })
}

pub(super) fn is_label_column(name: &str) -> bool {
    Column::from_name(name)
        .is_some_and(|column| column.spec().carried_by.contains(&RecordKind::Label))
}

pub(super) fn last_of(entry: &Entry) -> Result<u32, String> {
    match entry.last {
        None => Ok(0),
        Some(last @ 1..=LAST_MAX) => Ok(last),
        Some(last) => Err(format!(
            "last is {last}; it must lie between 1 and {LAST_MAX}"
        )),
    }
}

/// 0 where the entry says nothing.
pub(super) fn half_life_of(entry: &Entry) -> Result<i64, String> {
    let given = entry.half_life.as_deref();
    given.map_or(Ok(0), |text| positive("half_life", text))
}

pub(super) fn quantile_of(entry: &Entry) -> Result<f64, String> {
    match entry.quantile {
        Some(q) if !(0.0..=1.0).contains(&q) => {
            Err(format!("quantile is {q}; it must lie between 0 and 1"))
        }
        q => Ok(q.unwrap_or(0.5)),
    }
}

pub(super) fn shrinkage_of(
    entry: &Entry,
    scope: &EventScope<'_>,
) -> Result<Option<Shrinkage>, String> {
    let (strength, prior) = match (entry.strength, entry.prior) {
        (None, None) if entry.cohort.is_empty() => return Ok(None),
        (Some(strength), Some(prior)) => (strength, prior),
        _ => {
            return Err(
                "a ratio is shrunk by `strength` (in records) to `prior`: give both, and `cohort` if the \
                 prior is to be learnt"
                    .into(),
            );
        }
    };
    let is_weight = strength > 0.0 && strength.is_finite();
    if !is_weight || !(0.0..=1.0).contains(&prior) {
        return Err("strength must be positive, prior must lie between 0 and 1".into());
    }
    let cohort = entry.cohort.iter().map(|name| scope.input(name));
    Ok(Some(Shrinkage {
        strength,
        prior,
        cohort: cohort.collect::<Result<_, _>>()?,
    }))
}

/// 0 where the entry says nothing.
pub(super) fn wrap_of(entry: &Entry) -> Result<i64, String> {
    match entry.wrap {
        None => Ok(0),
        Some(wrap @ 2..=WRAP_MAX) => Ok(wrap),
        Some(wrap) => Err(format!("wrap is {wrap}; it must lie between 2 and 2^53")),
    }
}

pub(super) fn divisor_of(entry: &Entry) -> Result<Option<f64>, String> {
    match entry.divisor {
        Some(divisor) if !(divisor > 0.0 && divisor.is_finite()) => {
            Err(format!("divisor is {divisor}; it must be positive"))
        }
        divisor => Ok(divisor),
    }
}

pub(super) fn window_of(text: &str, spec: &FeatureSpec) -> Result<i64, String> {
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

pub(super) fn aggregate_of(name: &str, known: &[Aggregate]) -> Result<Aggregate, String> {
    let found = known.iter().find(|aggregate| aggregate.as_str() == name);
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = known.iter().map(|aggregate| aggregate.as_str()).collect();
        let hint = did_you_mean(name, known.iter().copied());
        format!(
            "unknown aggregate `{name}`{hint}; known are {}",
            known.join(", ")
        )
    })
}

/// The expression, which some aggregates take in place of a column.
pub(super) fn expression_of(
    entry: &Entry,
    aggregate: Aggregate,
    scope: &EventScope<'_>,
) -> Result<Option<Arc<Expression>>, String> {
    let takes = aggregate.signature().takes;
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

pub(super) fn columns_of(
    entry: &Entry,
    aggregate: Aggregate,
    has_expression: bool,
    scope: &EventScope<'_>,
) -> Result<Vec<InputColumn>, String> {
    if entry.column.is_some() && !entry.columns.is_empty() {
        return Err("give either `column` or `columns`".into());
    }
    let names = entry.column.iter().chain(&entry.columns);
    let mut columns = names
        .map(|name| scope.input(name))
        .collect::<Result<Vec<_>, _>>()?;
    let (name, takes) = (aggregate.as_str(), aggregate.signature().takes);
    if takes == Takes::Place && columns.is_empty() {
        columns = vec![
            InputColumn::event(Column::Lat),
            InputColumn::event(Column::Lon),
        ];
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
    for input in &columns {
        if let Some(wanted) = takes.objection(input.kind) {
            let (column, kind) = (&input.name, input.kind);
            return Err(format!(
                "column `{column}` is {kind:?}, `{name}` needs {wanted}"
            ));
        }
    }
    Ok(columns)
}

/// The windows as written; empty for an aggregate without one.
pub(super) fn windows_of(entry: &Entry, aggregate: Aggregate) -> Result<Vec<String>, String> {
    let windows: Vec<String> = entry.window.iter().chain(&entry.windows).cloned().collect();
    if entry.window.is_some() && !entry.windows.is_empty() {
        return Err("give either `window` or `windows`".into());
    }
    let name = aggregate.as_str();
    match aggregate.signature().span {
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

pub(super) fn predicate(
    key: &str,
    sql: Option<&str>,
    scope: &EventScope<'_>,
) -> Result<Option<Arc<Predicate>>, String> {
    sql.map(|sql| Predicate::parse(sql, scope).map(Arc::new))
        .transpose()
        .map_err(|error| format!("{key}: {error}"))
}

pub(super) fn duration(key: &str, text: &str) -> Result<i64, String> {
    let parsed: DurationMs = text.parse().map_err(|error| format!("{key}: {error}"))?;
    match parsed.as_ms() {
        ms @ 0..=WINDOW_MS_MAX => Ok(ms),
        _ => Err(format!("{key}: `{text}` is longer than 400d")),
    }
}

pub(super) fn positive(key: &str, text: &str) -> Result<i64, String> {
    match duration(key, text)? {
        0 => Err(format!("{key}: it must be at least 1ms")),
        ms => Ok(ms),
    }
}
