//! What a model is to the rest of the product.

use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimestampMillisecondType};
use tillwatch_predicate::Scope;
use tillwatch_records::{Column, Reason};

/// A stateless model: the same inputs always give the same output, whatever came before and however
/// rows are batched. It is shared by all lanes.
///
/// Implement [`Model::info`] to say what is read, and [`Model::score`] to score whole batches. A
/// [`ModelFactory`](crate::ModelFactory) makes it once, at load; then `score` is called with one
/// batch at a time, from several threads at once, until the model is swapped and the last batch that
/// uses it is done. `score` gets the columns that `info` names, in that order, and must push exactly
/// one raw score and probability per row; reasons may come in any order of rows.
///
/// A model that learns belongs to one lane and its snapshot; it will have its own trait, which takes
/// the lane's state beside the batch.
pub trait Model: fmt::Debug + Send + Sync {
    /// Name, version, kind and inputs.
    fn info(&self) -> &ModelInfo;

    /// Scores `input.rows` rows.
    fn score(&self, input: &ModelInput<'_>, output: &mut ModelOutput);
}

/// What is fixed about a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// Name, unique among the members of a scorer.
    pub name: String,
    /// Version, as the author counts.
    pub version: String,
    /// Kind, as in model.toml.
    pub kind: String,
    /// Features, event columns and joined columns it reads, in the order of [`ModelInput::columns`].
    pub inputs: Vec<String>,
}

impl ModelInfo {
    /// `name@version`.
    pub fn versioned_name(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// The inputs of a batch.
#[derive(Debug, Clone, Copy)]
pub struct ModelInput<'a> {
    /// One array per input of [`ModelInfo::inputs`], each with `rows` rows: Float64 for a feature,
    /// the canonical type for an event column, its own for a joined one. Null where there is no value.
    pub columns: &'a [ArrayRef],
    /// Number of rows.
    pub rows: usize,
}

/// The output of a batch.
#[derive(Debug, Clone, Default)]
pub struct ModelOutput {
    /// Log-odds of each row.
    pub raw: Vec<f64>,
    /// Probability of each row, 0 to 1.
    pub probability: Vec<f64>,
    /// Reasons, in any order.
    pub signals: Vec<Signal>,
}

/// A reason for one row.
#[derive(Debug, Clone)]
pub struct Signal {
    /// The row.
    pub row: u32,
    /// The reason.
    pub reason: Reason,
    /// Whether something was established that may raise an alert by itself: a rule fired. The share
    /// of a feature in a learnt score is not.
    pub fired: bool,
}

impl ModelOutput {
    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.probability.clear();
        self.signals.clear();
    }

    /// Appends a reason of `row`.
    pub fn push_reason(&mut self, row: usize, reason: Reason, fired: bool) {
        self.signals.push(Signal {
            row: row as u32,
            reason,
            fired,
        });
    }
}

/// What models may read: the catalog's features, the event columns and what is joined to them. A
/// feature hides a column of the same name.
#[derive(Debug, Clone, Default)]
pub struct InputScope {
    /// Name of the catalog.
    pub catalog: String,
    /// Hash of the catalog, hexadecimal.
    pub catalog_version: String,
    /// Names of the catalog's features, all Float64.
    pub features: Vec<String>,
    /// Event columns that the source has.
    pub columns: Vec<Column>,
    /// Columns that are joined to the records, see [`tillwatch_records::EventBatch::joined`].
    pub joined: Vec<Field>,
    /// The catalogs of the stages, where features come from several; none where there is one. A model
    /// that was made for one of them fits too: its features are among these, by the same names.
    pub parts: Vec<CatalogId>,
}

/// Which catalog it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogId {
    /// Its name.
    pub name: String,
    /// Its hash, hexadecimal.
    pub version: String,
}

impl InputScope {
    /// The event column that the input `name` stands for; `None` for a feature or a stranger.
    pub fn event_column(&self, name: &str) -> Option<Column> {
        if self.features.iter().any(|feature| feature == name) {
            return None;
        }
        Column::from_name(name).filter(|column| self.columns.contains(column))
    }

    /// The joined column that the input `name` stands for; `None` for anything else.
    pub fn joined_column(&self, name: &str) -> Option<&Field> {
        if self.features.iter().any(|feature| feature == name) || Column::from_name(name).is_some()
        {
            return None;
        }
        self.joined.iter().find(|field| field.name() == name)
    }
}

impl Scope for InputScope {
    fn data_type(&self, name: &str) -> Option<DataType> {
        if self.features.iter().any(|feature| feature == name) {
            return Some(DataType::Float64);
        }
        let event = self.event_column(name);
        let event = event.map(|column| column.kind().data_type());
        event.or_else(|| Some(self.joined_column(name)?.data_type().clone()))
    }

    fn names(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|column| column.name().to_owned());
        let joined = self.joined.iter().map(|field| field.name().clone());
        let features = self.features.iter().cloned();
        features.chain(columns).chain(joined).collect()
    }
}

/// The value of a number, time or truth value as a double; NaN where there is none, and for text.
pub(crate) fn value_at(array: &ArrayRef, row: usize) -> f64 {
    if row >= array.len() || array.is_null(row) {
        return f64::NAN;
    }
    if let Some(array) = array.as_primitive_opt::<Float64Type>() {
        return array.value(row);
    }
    if let Some(array) = array.as_primitive_opt::<Int64Type>() {
        return array.value(row) as f64;
    }
    if let Some(array) = array.as_primitive_opt::<TimestampMillisecondType>() {
        return array.value(row) as f64;
    }
    match array.as_boolean_opt() {
        Some(array) => f64::from(u8::from(array.value(row))),
        None => f64::NAN,
    }
}

/// Calls `each` with every row of `rows` and its value as a double, NaN for null. `rows` must lie
/// within the array.
pub(crate) fn for_each_value(
    array: &ArrayRef,
    rows: std::ops::Range<usize>,
    mut each: impl FnMut(usize, f64),
) {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>()
        && let Some(values) = floats.values().get(rows.clone())
    {
        let pairs = values.iter().enumerate();
        match floats.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => pairs.for_each(|(position, value)| each(position, *value)),
            Some(nulls) => {
                let nulls = nulls.slice(rows.start, values.len());
                pairs
                    .zip(nulls.iter())
                    .for_each(|((position, value), known)| {
                        each(position, if known { *value } else { f64::NAN });
                    });
            }
        }
        return;
    }
    for (position, row) in rows.enumerate() {
        each(position, value_at(array, row));
    }
}
