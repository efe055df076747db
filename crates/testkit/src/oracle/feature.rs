//! What is asked of the oracle: features as data, with every condition twice, as SQL and as a function.

use tillwatch_records::{Column, RecordKind};

use super::definition::Number;
use super::table::OracleAggregate;
use crate::stream::Event;

/// A filter twice: as SQL and as a function.
#[derive(Debug, Clone, Copy)]
pub struct OracleFilter {
    /// What the catalog says.
    pub sql: &'static str,
    /// What it means.
    pub holds: fn(&Event) -> bool,
}

/// A number of a record twice: as SQL and as a function.
#[derive(Debug, Clone, Copy)]
pub struct OracleExpression {
    /// What the catalog says.
    pub sql: &'static str,
    /// What it means; `None` is NULL.
    pub value: fn(&Event) -> Option<f64>,
}

/// What a ratio is shrunk to.
#[derive(Debug, Clone, PartialEq)]
pub struct OracleShrink {
    /// How many records the prior weighs.
    pub strength: f64,
    /// The ratio of a cohort that nothing is known of.
    pub prior: f64,
    /// Columns whose values make a cohort; empty when the prior holds for all.
    pub cohort: Vec<Column>,
}

/// A feature to compute.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of a catalog entry")]
pub struct OracleFeature {
    pub name: String,
    pub aggregate: OracleAggregate,
    pub columns: Vec<Column>,
    /// Instead of a column.
    pub expression: Option<OracleExpression>,
    pub filter: Option<OracleFilter>,
    pub base: Option<OracleFilter>,
    /// Over the label, as an event.
    pub label: Option<OracleFilter>,
    /// 0 without a window.
    pub window_ms: i64,
    pub last: Option<usize>,
    pub delay_ms: i64,
    pub resolution_ms: Option<i64>,
    pub half_life_ms: Option<i64>,
    pub exclude_current: bool,
    pub record_type: RecordKind,
    /// Of `quantile` only.
    pub quantile: f64,
    /// `scale = "log"`.
    pub is_log: bool,
    pub shrink: Option<OracleShrink>,
    /// Of the sequence detectors only.
    pub wrap: i64,
}

/// How time is judged.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields are those of the engine's settings")]
pub struct OracleSettings {
    pub allowed_lateness_ms: i64,
    pub max_future_skew_ms: i64,
    pub dedup_horizon_ms: i64,
    pub idle_ttl_ms: i64,
}

/// `wrap` where a catalog says nothing: the numbers of DE11.
pub const WRAP: i64 = 1_000_000;

impl OracleFeature {
    /// A feature of all transactions, with nothing else said.
    pub fn new(name: impl Into<String>, aggregate: OracleAggregate) -> Self {
        Self {
            name: name.into(),
            aggregate,
            columns: Vec::new(),
            expression: None,
            filter: None,
            base: None,
            label: None,
            window_ms: 0,
            last: None,
            delay_ms: 0,
            resolution_ms: None,
            half_life_ms: None,
            exclude_current: false,
            record_type: RecordKind::Transaction,
            quantile: 0.5,
            is_log: false,
            shrink: None,
            wrap: WRAP,
        }
    }

    /// Whether `event` passes kind and filter.
    pub(super) fn passes(&self, event: &Event) -> bool {
        event.kind == self.record_type && self.filter.is_none_or(|filter| (filter.holds)(event))
    }

    /// Whether `event` counts: it passes, and no column that is read is null.
    pub(super) fn counts(&self, event: &Event) -> bool {
        self.passes(event) && self.reads(event)
    }

    /// Whether what the aggregate reads of `event` is there.
    pub(super) fn reads(&self, event: &Event) -> bool {
        let has_columns = self
            .columns_read()
            .iter()
            .all(|column| !event.is_null(*column));
        let has_number = !self.reads_number() || self.number(event).is_some();
        has_columns && has_number
    }

    /// Its columns; those that the aggregate reads by default where it has none.
    pub(super) fn columns_read(&self) -> &[Column] {
        if self.columns.is_empty() {
            return self.aggregate.definition().default_columns;
        }
        &self.columns
    }

    /// Whether the aggregate folds one number of each record.
    fn reads_number(&self) -> bool {
        self.aggregate.definition().number != Number::None
    }

    /// The number of `event` that the aggregate reads; of logarithms, what they are taken of.
    pub(super) fn number(&self, event: &Event) -> Option<f64> {
        let number = match (&self.expression, self.columns.first()) {
            (Some(expression), _) => (expression.value)(event),
            (None, Some(column)) => event.number(*column),
            (None, None) => None,
        };
        number.filter(|number| !number.is_nan() && (!self.is_log || *number > 0.0))
    }
}
