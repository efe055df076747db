//! A catalog compiled: filters, row fields, window bounds and accumulators, each once, and one
//! operation per feature that reads them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tillwatch_predicate::{Expression, Predicate};
use tillwatch_records::{Column, RecordKind};

use crate::catalog::Catalog;
use crate::error::FeatureError;
use crate::layout::Layout;
use crate::settings::EngineSettings;

mod compile;

/// Index of a [`Bit`] in the plan.
pub(crate) type BitId = usize;

/// "This record counts": its kind fits, the predicates hold and the columns are not null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bit {
    pub(crate) kind: RecordKind,
    /// Indexes into [`Plan::predicates`], ascending.
    pub(crate) predicates: Vec<usize>,
    pub(crate) not_null: Vec<Column>,
}

/// Where the number of counted records of a window comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CountSource {
    /// Every row counts: the difference of row numbers.
    Rows,
    /// A running count at this word of a row.
    Word(usize),
}

/// Where a window ends: at which bound, and whether the current record is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// Index into [`Plan::bounds_ms`].
    pub(crate) bound: usize,
    pub(crate) with_current: bool,
}

/// Rows from one bound to one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Index into [`Plan::bounds_ms`].
    pub(crate) start: usize,
    /// Index into [`Plan::ends`].
    pub(crate) end: usize,
}

/// How the value of a row is read for min and max.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtremeValue {
    /// Difference of a running sum, where the running count moved.
    Integer { sum: usize, count: usize },
    /// A raw float, NaN where the record does not count.
    Float { raw: usize },
}

/// One monotonic queue per key, shared by all windows of the same values and delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExtremeSpec {
    pub(crate) value: ExtremeValue,
    /// Keeps the smallest instead of the largest.
    pub(crate) smallest: bool,
    /// Index of the bound where its windows end.
    pub(crate) end_bound: usize,
    /// Delay plus its longest window: what is older leaves the queue.
    pub(crate) reach_ms: i64,
}

/// One counter per key and window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DistinctSpec {
    /// Word of the value's hash.
    pub(crate) raw: usize,
    pub(crate) start_bound: usize,
    pub(crate) end_bound: usize,
}

/// One pair of times per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SinceSpec {
    pub(crate) bit: BitId,
    pub(crate) count: CountSource,
}

/// How one feature is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Count {
        window: Window,
        count: CountSource,
    },
    Sum {
        window: Window,
        sum: usize,
    },
    Mean {
        window: Window,
        sum: usize,
        count: CountSource,
    },
    Stddev {
        window: Window,
        sum: usize,
        squares: usize,
        count: CountSource,
    },
    Ratio {
        window: Window,
        part: CountSource,
        whole: CountSource,
    },
    Extreme {
        window: Window,
        queue: usize,
    },
    Distinct {
        window: Window,
        slot: usize,
    },
    Since {
        slot: usize,
    },
    Value {
        expression: usize,
    },
}

/// What is known about a feature besides its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureInfo {
    /// Column name.
    pub name: String,
    /// What a person reads.
    pub description: String,
    /// The window as written (`1h`), empty when there is none.
    pub window: String,
    /// Unit of the value.
    pub unit: String,
}

/// A catalog ready to run. Immutable; shared by all lanes.
#[derive(Debug)]
pub struct Plan {
    version: String,
    features: Vec<FeatureInfo>,
    pub(crate) schema: SchemaRef,
    pub(crate) settings: EngineSettings,
    pub(crate) predicates: Vec<Arc<Predicate>>,
    pub(crate) expressions: Vec<Arc<Expression>>,
    pub(crate) bits: Vec<Bit>,
    pub(crate) layout: Layout,
    /// How far before the current record each bound lies; the first is 0, without repetition.
    pub(crate) bounds_ms: Vec<i64>,
    pub(crate) ends: Vec<End>,
    pub(crate) extremes: Vec<ExtremeSpec>,
    pub(crate) distincts: Vec<DistinctSpec>,
    pub(crate) sinces: Vec<SinceSpec>,
    /// One per feature, in catalog order.
    pub(crate) ops: Vec<Op>,
    /// Kinds of record that move state: transactions, and what some feature reads.
    pub(crate) kinds: Vec<RecordKind>,
    columns: Vec<Column>,
    pub(crate) longest_ms: i64,
    /// Words at the start of a key's state: cursors, then times, then counters.
    pub(crate) fixed_words: usize,
}

impl Plan {
    /// Compiles `catalog` for an engine with `settings`.
    pub fn compile(catalog: &Catalog, settings: &EngineSettings) -> Result<Self, FeatureError> {
        settings.validate()?;
        Ok(compile::compile(catalog, settings))
    }

    /// Columns that must be decoded, without repetition, besides those of the entity key: a column
    /// that is not there counts as null in every record.
    pub fn columns_needed(&self) -> Vec<Column> {
        self.columns.clone()
    }

    /// Names of the features in output order.
    pub fn feature_names(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|feature| feature.name.as_str())
    }

    /// What is known about each feature, in output order.
    pub fn features(&self) -> &[FeatureInfo] {
        &self.features
    }

    /// The feature called `name`.
    pub fn feature(&self, name: &str) -> Option<&FeatureInfo> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// Hash of the catalog, see [`Catalog::version`].
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Schema of the feature columns: `Float64`, nullable.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Longest window with its delay, in milliseconds: how far back a lane must read to be whole.
    pub fn longest_window_ms(&self) -> i64 {
        self.longest_ms
    }

    /// How long a key keeps a record, in milliseconds: the longest window plus the allowed lateness.
    pub fn retention_ms(&self) -> i64 {
        self.longest_ms + self.settings.time.allowed_lateness.as_ms()
    }

    /// Event time without a record after which a key starts afresh, in milliseconds.
    pub fn idle_ttl_ms(&self) -> i64 {
        self.settings
            .state
            .idle_ttl
            .as_ms()
            .max(self.retention_ms())
    }

    /// Word of the cursor of a bound other than the first.
    pub(crate) fn cursor_at(bound: usize) -> usize {
        bound - 1
    }

    /// Words of the two times of a [`SinceSpec`].
    pub(crate) fn since_at(&self, slot: usize) -> usize {
        self.bounds_ms.len() - 1 + 4 * slot
    }

    /// Word of the counter of a [`DistinctSpec`].
    pub(crate) fn distinct_at(&self, slot: usize) -> usize {
        self.since_at(self.sinces.len()) + slot
    }

    fn schema_of(features: &[FeatureInfo]) -> SchemaRef {
        let fields = features
            .iter()
            .map(|feature| Field::new(&feature.name, DataType::Float64, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}
