//! The plan: everything that folding takes from the catalog and the settings.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tillwatch_predicate::{Expression, Predicate, PredicateSet};
use tillwatch_records::{Column, RecordKind};

use super::column::Column as FeatureColumn;
use super::layout::Layout;
use super::reads::Reads;
use super::spec::{
    Bit, Bound, CohortSpec, DecayedSpec, End, EventSpec, ExtremeSpec, HoldingSpec, LabelledSpec,
    Lasting, MemorySpec, SinceSpec,
};
use super::uses::Uses;
use super::whole::Wholeness;
use crate::catalog::InputColumn;
use crate::identity::IdHasher;
use crate::settings::EngineSettings;

/// A number of a record, taken once per batch.
#[derive(Debug, Clone)]
pub(crate) enum Number {
    Column(InputColumn),
    Expression(Arc<Expression>),
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

/// How a feature is made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) column: Box<dyn FeatureColumn>,
    pub(crate) uses: Uses,
    /// What it is, in words.
    pub(crate) formula: String,
    /// What reading it takes, in words.
    pub(crate) cost: String,
}

/// A catalog ready to run. Immutable; shared by all lanes.
#[derive(Debug)]
pub struct Plan {
    pub(crate) version: String,
    pub(crate) features: Vec<FeatureInfo>,
    /// What decides the values of each feature, in words.
    pub(crate) definitions: Vec<String>,
    pub(crate) schema: SchemaRef,
    pub(crate) settings: EngineSettings,
    /// Hashes event ids under the site's secret.
    pub(crate) ids: IdHasher,
    /// Most event ids that a key remembers.
    pub(crate) ids_max: usize,
    pub(crate) predicates: Vec<Arc<Predicate>>,
    /// At most [`LABELS_MAX`].
    pub(crate) labels: Vec<Arc<Predicate>>,
    pub(crate) numbers: Vec<Number>,
    /// The predicates, and the expressions among the numbers, in order.
    pub(crate) filters: PredicateSet,
    /// The labels.
    pub(crate) label_filters: PredicateSet,
    /// Tuples of columns whose hash is asked for.
    pub(crate) hashes: Vec<Vec<InputColumn>>,
    /// Which of them each raw field of the layout holds, if it holds one.
    pub(crate) raw_hashes: Vec<Option<usize>>,
    pub(crate) bits: Vec<Bit>,
    pub(crate) layout: Layout,
    /// The first is the record itself; without repetition.
    pub(crate) bounds: Vec<Bound>,
    /// The first is that of a window that ends with the record itself.
    pub(crate) ends: Vec<End>,
    pub(crate) extremes: Vec<ExtremeSpec>,
    pub(crate) holdings: Vec<HoldingSpec>,
    /// Without repetition.
    pub(crate) lasting: Vec<Lasting>,
    pub(crate) labelled: Vec<LabelledSpec>,
    pub(crate) sinces: Vec<SinceSpec>,
    pub(crate) memories: Vec<MemorySpec>,
    /// Word of each memory in the fixed part.
    pub(crate) memories_at: Vec<usize>,
    pub(crate) events: Vec<EventSpec>,
    pub(crate) decayed: Vec<DecayedSpec>,
    pub(crate) cohorts: Vec<CohortSpec>,
    /// Word of the identity of a row's transaction and of its label bits, where labels are joined.
    pub(crate) label_words: Option<(usize, usize)>,
    /// What is taken of a record.
    pub(crate) reads: Reads,
    /// How each feature is made of that, in catalog order.
    pub(crate) made: Vec<Made>,
    /// Features that are made of sums in a way that may not fit though each of the sums does.
    pub(crate) products: Vec<usize>,
    /// Features whose value is divided in the end, and by what.
    pub(crate) divisors: Vec<(usize, f64)>,
    /// Kinds of record that move state: transactions, and what some feature reads.
    pub(crate) kinds: Vec<RecordKind>,
    pub(crate) columns: Vec<Column>,
    pub(crate) joined: Vec<InputColumn>,
    /// Longest window with its delay and resolution, and the longest that keeps single records.
    pub(crate) longest_ms: i64,
    pub(crate) exact_ms: i64,
    /// Whether some window has a resolution, so that old rows are compacted.
    pub(crate) has_panes: bool,
    /// When features are whole where records are missing.
    pub(crate) whole: Wholeness,
    /// Words of the fixed part of a key's state: cursors, then times, then counters, then memories.
    pub(crate) fixed_words: usize,
}

/// Words of the two times of a [`SinceSpec`].
pub(crate) const SINCE_WORDS: usize = 4;

/// Words of the total of a [`LabelledSpec`]: a sum of integers may have more than 64 bits on its way.
pub(crate) const LABELLED_WORDS: usize = 4;

/// Label predicates of a catalog: one bit each in a word of a row.
pub(crate) const LABELS_MAX: usize = 32;

impl Plan {
    /// Columns that must be decoded, without repetition, besides those of the entity key: a column
    /// that is not there counts as null in every record.
    pub fn columns_needed(&self) -> Vec<Column> {
        let mut columns = self.columns.clone();
        columns.extend(self.columns_compared());
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The columns among [`Plan::columns_needed`] that the catalog reads, besides event id and time.
    pub fn columns_read(&self) -> Vec<Column> {
        self.columns.clone()
    }

    /// The columns among [`Plan::columns_needed`] by which a record is compared with others of its event id:
    /// amount, currency, card and message type, of other kinds of record what they report. A record may lack
    /// them.
    pub fn columns_compared(&self) -> Vec<Column> {
        let mut columns = vec![
            Column::AmountMinor,
            Column::Currency,
            Column::CardToken,
            Column::Mti,
        ];
        if self.kinds.contains(&RecordKind::TerminalEvent) {
            columns.push(Column::EventType);
        }
        if self.kinds.contains(&RecordKind::Label) {
            columns.push(Column::LabelKind);
        }
        columns
    }

    /// Columns that must be joined to the records, without repetition.
    pub fn joined_needed(&self) -> &[InputColumn] {
        &self.joined
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

    /// Hash of the catalog, see [`Catalog::version`](crate::catalog::Catalog::version).
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

    /// How long a key keeps a record by itself, in milliseconds: the longest exact window plus the
    /// allowed lateness. Beyond, panes are kept.
    pub fn retention_ms(&self) -> i64 {
        self.exact_ms + self.lateness_ms()
    }

    /// Event time without a record after which a key starts afresh, in milliseconds.
    pub fn idle_ttl_ms(&self) -> i64 {
        let setting = self.settings.state.idle_ttl.as_ms();
        setting.max(self.longest_ms + self.lateness_ms())
    }

    /// How much older than the newest record of its key a record may be and still be remembered, in
    /// milliseconds.
    pub fn lateness_ms(&self) -> i64 {
        self.settings.time.allowed_lateness.as_ms()
    }

    /// Whether keys or cohorts remember anything beyond windows: the last value, say, or all earlier records
    /// weighted by age.
    pub fn outlives_windows(&self) -> bool {
        !(self.whole.remembered.is_empty() && self.cohorts.is_empty())
    }

    /// Word of the cursor of a bound other than the first.
    pub(crate) fn cursor_at(bound: usize) -> usize {
        bound - 1
    }

    /// Words of the two times of a [`SinceSpec`].
    pub(crate) fn since_at(&self, slot: usize) -> usize {
        self.bounds.len() - 1 + SINCE_WORDS * slot
    }

    /// Words of the total of a [`LabelledSpec`].
    pub(crate) fn labelled_at(&self, slot: usize) -> usize {
        self.since_at(self.sinces.len()) + LABELLED_WORDS * slot
    }

    /// Word of the row where the next label is looked for first.
    pub(crate) fn label_hint_at(&self) -> usize {
        self.labelled_at(self.labelled.len())
    }

    pub(crate) fn schema_of(features: &[FeatureInfo]) -> SchemaRef {
        let fields = features
            .iter()
            .map(|feature| Field::new(&feature.name, DataType::Float64, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}
