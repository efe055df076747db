//! What a catalog declares, as far as polars can compute it.
//!
//! The catalog is read by nothing that the engine uses, so that the two do not share a misunderstanding.
//! It is `tillwatch check` that finds its mistakes; here a key, an aggregate or a column that is not
//! known takes the feature out, with a line that says so: what is left in means the same to both.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::datatypes::DataType;
use serde::Deserialize;
use tillwatch_predicate::{Expression, Predicate, Scope};
use tillwatch_records::Column;
use tillwatch_records::column::ColumnType;
use tillwatch_records::units::DurationMs;

use crate::error::LabError;

/// What a family of features calls its window.
const WINDOW_PLACEHOLDER: &str = "{window}";

/// Keys that decide nothing about the value.
const WORDS: [&str; 2] = ["description", "unit"];

/// What is taken over the counted records of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their number.
    Count,
    /// Sum of an integer column.
    Sum,
    /// Mean of an integer column.
    Mean,
    /// Population standard deviation of an integer column.
    Stddev,
    /// Smallest value of a number column.
    Min,
    /// Largest value of a number column.
    Max,
    /// Value of the oldest.
    First,
    /// Value of the newest.
    Last,
    /// Share of those that satisfy the filter among those that satisfy the base.
    Ratio,
    /// Number of different values.
    Distinct,
    /// Seconds since the newest other one.
    TimeSinceLast,
    /// A number made from the record itself; evaluated by tillwatch's own expressions, so comparing it
    /// checks nothing.
    Value,
}

impl Aggregate {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "count" => Self::Count,
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "stddev" => Self::Stddev,
            "min" => Self::Min,
            "max" => Self::Max,
            "first" => Self::First,
            "last" => Self::Last,
            "ratio" => Self::Ratio,
            "distinct" => Self::Distinct,
            "time_since_last" => Self::TimeSinceLast,
            "value" => Self::Value,
            _ => return None,
        })
    }

    fn is_windowed(self) -> bool {
        !matches!(self, Self::TimeSinceLast | Self::Value)
    }
}

/// Records that count: those that satisfy the predicates and have a value in every column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Counted {
    /// SQL predicates.
    pub predicates: Vec<String>,
    /// Columns that are not null.
    pub columns: Vec<Column>,
}

/// One feature.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Name of its column.
    pub name: String,
    /// What is computed.
    pub aggregate: Aggregate,
    /// Columns it is computed over.
    pub columns: Vec<Column>,
    /// Records that count; the base of a ratio.
    pub counted: Counted,
    /// Of those the ones in the numerator of a ratio: the filter. Empty for other aggregates.
    pub part: Counted,
    /// The number of a `value`, as SQL.
    pub expression: Option<String>,
    /// Length of the window, milliseconds; 0 when the aggregate has none.
    pub window_ms: i64,
    /// How far before the record the window ends, milliseconds.
    pub delay_ms: i64,
    /// Whether records of the record's own time are left out.
    pub exclude_current: bool,
}

/// A feature that polars does not compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name, with `{window}` where it has several.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A catalog, split into what is computed and what is left out.
#[derive(Debug, Clone)]
pub struct Declared {
    /// In the catalog's order.
    pub features: Vec<Feature>,
    /// In the catalog's order.
    pub left_out: Vec<LeftOut>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    feature: Vec<Entry>,
}

/// A `[[feature]]` as written.
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
    /// Every other key.
    #[serde(flatten)]
    others: BTreeMap<String, toml::Value>,
}

impl Declared {
    /// Reads the catalog in the file `path`.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Declared::parse`].
    pub fn open(path: &Path) -> Result<Self, LabError> {
        let text = std::fs::read_to_string(path).map_err(|source| LabError::File {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Reads a catalog's text.
    ///
    /// # Errors
    /// It is no TOML, or a feature lacks its name or aggregate.
    pub fn parse(text: &str) -> Result<Self, LabError> {
        let file: File = toml::from_str(text).map_err(|error| LabError::Declaration {
            message: error.to_string().trim_end().to_owned(),
        })?;
        let mut declared = Self {
            features: Vec::new(),
            left_out: Vec::new(),
        };
        for entry in &file.feature {
            match translate(entry) {
                Ok(features) => declared.features.extend(features),
                Err(reason) => declared.left_out.push(LeftOut {
                    name: entry.name.clone(),
                    reason,
                }),
            }
        }
        Ok(declared)
    }

    /// Every canonical column that the features read, sorted.
    pub fn inputs(&self) -> Vec<Column> {
        let mut inputs = Vec::new();
        for feature in &self.features {
            inputs.extend(&feature.columns);
            for counted in [&feature.counted, &feature.part] {
                inputs.extend(&counted.columns);
                let parsed = counted
                    .predicates
                    .iter()
                    .filter_map(|sql| predicate(sql).ok());
                inputs.extend(parsed.flat_map(|p| columns_called(p.inputs())));
            }
            let parsed = feature.expression.as_deref().map(expression);
            inputs.extend(
                parsed
                    .into_iter()
                    .flatten()
                    .flat_map(|e| columns_called(e.inputs())),
            );
        }
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }
}

/// Parses a predicate over the canonical columns.
pub(crate) fn predicate(sql: &str) -> Result<Predicate, String> {
    Predicate::parse(sql, &Canonical).map_err(|error| error.to_string())
}

/// Parses an expression over the canonical columns.
pub(crate) fn expression(sql: &str) -> Result<Expression, String> {
    Expression::parse(sql, &Canonical).map_err(|error| error.to_string())
}

fn columns_called(names: &[String]) -> Vec<Column> {
    let found = names.iter().filter_map(|name| Column::from_name(name));
    found.collect()
}

/// The features of one entry, one per window, or why there are none.
fn translate(entry: &Entry) -> Result<Vec<Feature>, String> {
    if let Some(key) = entry.others.keys().find(|k| !WORDS.contains(&k.as_str())) {
        return Err(format!("`{key}` is not translated to polars"));
    }
    if let Some(kind) = entry.record_type.as_deref().filter(|k| *k != "transaction") {
        return Err(format!(
            "only transactions are read, not record_type `{kind}`"
        ));
    }
    let aggregate = Aggregate::from_name(&entry.aggregate).ok_or_else(|| {
        format!(
            "aggregate `{}` is not translated to polars",
            entry.aggregate
        )
    })?;
    let columns = columns_of(entry)?;
    fits(aggregate, &columns, entry)?;
    let (counted, part) = counted_of(aggregate, &columns, entry)?;
    if let Some(sql) = &entry.expression {
        expression(sql)?;
    }
    let feature = Feature {
        name: entry.name.clone(),
        aggregate,
        columns,
        counted,
        part,
        expression: entry.expression.clone(),
        window_ms: 0,
        delay_ms: entry.delay.as_deref().map_or(Ok(0), milliseconds)?,
        exclude_current: entry.exclude_current,
    };
    if !aggregate.is_windowed() {
        return Ok(vec![feature]);
    }
    let windows = entry.window.iter().chain(&entry.windows);
    let features = windows.map(|window| {
        Ok(Feature {
            name: feature.name.replace(WINDOW_PLACEHOLDER, window),
            window_ms: milliseconds(window)?,
            ..feature.clone()
        })
    });
    let features = features.collect::<Result<Vec<_>, String>>()?;
    if features.is_empty() {
        return Err("without a window it is not translated to polars".into());
    }
    Ok(features)
}

fn columns_of(entry: &Entry) -> Result<Vec<Column>, String> {
    let names = entry.column.iter().chain(&entry.columns);
    let columns = names.map(|name| {
        Column::from_name(name).ok_or_else(|| format!("`{name}` is not a canonical column"))
    });
    columns.collect()
}

/// Whether the aggregate is one of these columns, rather than of an expression or a text.
fn fits(aggregate: Aggregate, columns: &[Column], entry: &Entry) -> Result<(), String> {
    use Aggregate as A;
    let number = |column: &Column| matches!(column.kind(), ColumnType::Int64 | ColumnType::Float64);
    let ok = match aggregate {
        A::Sum | A::Mean | A::Stddev => {
            matches!(columns, [only] if only.kind() == ColumnType::Int64)
        }
        A::Min | A::Max | A::First | A::Last => matches!(columns, [only] if number(only)),
        A::Distinct => !columns.is_empty(),
        A::Count => columns.len() <= 1,
        A::Ratio | A::TimeSinceLast => columns.is_empty(),
        A::Value => columns.is_empty() && entry.expression.is_some(),
    };
    if !ok || (entry.expression.is_some() && aggregate != A::Value) {
        return Err(format!(
            "`{}` of this column or expression is not translated to polars",
            entry.aggregate
        ));
    }
    Ok(())
}

fn counted_of(
    aggregate: Aggregate,
    columns: &[Column],
    entry: &Entry,
) -> Result<(Counted, Counted), String> {
    for sql in entry.filter.iter().chain(&entry.base) {
        predicate(sql)?;
    }
    let mut columns = columns.to_vec();
    columns.sort_unstable();
    let counted = |predicates: &[&Option<String>]| {
        let given = predicates.iter().filter_map(|p| (*p).clone());
        let mut predicates: Vec<String> = given.collect();
        predicates.sort_unstable();
        Counted {
            predicates,
            columns: columns.clone(),
        }
    };
    Ok(match aggregate {
        Aggregate::Ratio => (
            counted(&[&entry.base]),
            counted(&[&entry.filter, &entry.base]),
        ),
        _ => (counted(&[&entry.filter]), Counted::default()),
    })
}

fn milliseconds(text: &str) -> Result<i64, String> {
    text.parse::<DurationMs>().map(DurationMs::as_ms)
}

/// The canonical columns as names that SQL may use.
struct Canonical;

impl Scope for Canonical {
    fn data_type(&self, name: &str) -> Option<DataType> {
        Column::from_name(name).map(|column| column.kind().data_type())
    }

    fn names(&self) -> Vec<String> {
        Column::names().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_known_takes_the_feature_out() {
        let declared = Declared::parse(
            r#"
name = "x"
[[feature]]
name = "count_{window}"
aggregate = "count"
windows = ["1h", "1d"]
delay = "7d"
description = "kept"
[[feature]]
name = "panes"
aggregate = "count"
window = "30d"
resolution = "1d"
[[feature]]
name = "typical"
aggregate = "quantile"
column = "amount_minor"
quantile = 0.5
window = "1h"
[[feature]]
name = "alarms"
aggregate = "count"
record_type = "terminal_event"
window = "1h"
"#,
        )
        .unwrap();
        let names: Vec<_> = declared.features.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["count_1h", "count_1d"]);
        assert_eq!(declared.features[1].window_ms, 86_400_000);
        assert_eq!(declared.features[1].delay_ms, 7 * 86_400_000);
        let reasons: Vec<_> = declared
            .left_out
            .iter()
            .map(|l| l.reason.as_str())
            .collect();
        assert_eq!(
            reasons,
            [
                "`resolution` is not translated to polars",
                "`quantile` is not translated to polars",
                "only transactions are read, not record_type `terminal_event`",
            ]
        );
    }

    #[test]
    fn inputs_are_what_filters_and_columns_name() {
        let declared = Declared::parse(
            r#"
name = "x"
[[feature]]
name = "share"
aggregate = "ratio"
filter = "entry_mode = '07'"
base = "response_code = '00'"
window = "1h"
[[feature]]
name = "spent"
aggregate = "sum"
column = "amount_minor"
window = "1h"
[[feature]]
name = "late_hour"
aggregate = "value"
expression = "epoch_ms(event_time) % 2"
"#,
        )
        .unwrap();
        assert_eq!(declared.left_out, []);
        assert_eq!(
            declared.inputs(),
            [
                Column::EventTime,
                Column::AmountMinor,
                Column::EntryMode,
                Column::ResponseCode,
            ]
        );
    }
}
