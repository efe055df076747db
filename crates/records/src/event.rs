//! Decoded records.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{Schema, TimestampMillisecondType};
use arrow::error::ArrowError;

use crate::column::{Column, Projection};
use crate::flags::Flags;
use crate::kind::RecordKind;
use crate::position::{TopicId, TopicPartition};

/// Records of one partition in offset order, as columns. A refused record has no row, so offsets may
/// have gaps.
///
/// Within a [`FeatureBatch`](crate::FeatureBatch) and a [`ScoreBatch`](crate::ScoreBatch) there is a row for
/// each emission instead. The row of a timer has offset, timestamp and kind of the record that made time pass
/// it, and in its columns nulls but for key and time; so several rows may have one offset.
#[derive(Debug, Clone)]
pub struct EventBatch {
    /// The partition that all rows came from.
    pub source: TopicPartition,
    /// The id of its topic; `None` where topics have none.
    pub topic_id: Option<TopicId>,
    /// Offset of each row; increasing, and strictly so for records.
    pub offsets: Vec<i64>,
    /// Kafka timestamp of each row in milliseconds since 1970; the row's own event time where the
    /// source has none.
    pub record_timestamps_ms: Vec<i64>,
    /// Kind of each row.
    pub kinds: Vec<RecordKind>,
    /// Which columns [`EventBatch::columns`] holds.
    pub projection: Arc<Projection>,
    /// One array per projected column, as many rows as `offsets`. A column that a record lacks is
    /// null there.
    pub columns: RecordBatch,
    /// Columns by name that are not canonical: the site's own, and what was joined to the records on their
    /// way, which is reference data of the entity and features of an earlier stage. As many rows as
    /// `offsets`; no name is that of a canonical column.
    pub joined: Option<RecordBatch>,
    /// What decode has to say of each row; empty where it has nothing to say of any. Feature-extraction makes
    /// marks of emissions of them, so that a batch of emissions has none here.
    pub marks: Vec<Flags>,
}

impl EventBatch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// What the ids of the scores of these rows begin with: `topic@id/partition/`, or `topic/partition/`
    /// where topics have no ids. It depends on the records alone, not on who reads them when.
    pub fn score_id_prefix(&self) -> String {
        self.source.id_prefix(self.topic_id.as_ref())
    }

    /// The array of `column`, if projected.
    pub fn column(&self, column: Column) -> Option<&ArrayRef> {
        self.projection
            .index_of(column)
            .map(|index| self.columns.column(index))
    }

    /// The array called `name`: a projected canonical column, else a joined one.
    pub fn named(&self, name: &str) -> Option<&ArrayRef> {
        match Column::from_name(name) {
            Some(column) => self.column(column),
            None => self.joined.as_ref()?.column_by_name(name),
        }
    }

    /// Joins `columns`, of as many rows, to those that are joined already.
    ///
    /// # Errors
    /// Fails when the number of rows is another; nothing is joined then.
    pub fn join(&mut self, columns: RecordBatch) -> Result<(), ArrowError> {
        let rows = self.offsets.len();
        if self.joined.is_none() && columns.num_rows() == rows {
            self.joined = Some(columns);
            return Ok(());
        }
        let parts = || self.joined.iter().chain([&columns]);
        let fields = parts().flat_map(|part| part.schema_ref().fields()).cloned();
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let arrays = parts().flat_map(RecordBatch::columns).cloned().collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        self.joined = Some(RecordBatch::try_new_with_options(schema, arrays, &options)?);
        Ok(())
    }

    /// The text array of `column`, if projected and text.
    pub fn text(&self, column: Column) -> Option<&StringArray> {
        self.column(column)
            .and_then(|array| array.as_string_opt::<i32>())
    }

    /// Event times in milliseconds since 1970, if projected. Decoding refuses records without one, so
    /// there is no null among them.
    pub fn event_times_ms(&self) -> Option<&[i64]> {
        let array = self.column(Column::EventTime)?;
        Some(
            array
                .as_primitive_opt::<TimestampMillisecondType>()?
                .values(),
        )
    }

    /// Whether every row is a transaction.
    pub fn all_transactions(&self) -> bool {
        self.kinds
            .iter()
            .all(|kind| *kind == RecordKind::Transaction)
    }

    /// A copy of the rows from `first` on, which are `rows`.
    pub(crate) fn rows_from(&self, first: usize, rows: &UInt32Array) -> Result<Self, ArrowError> {
        let joined = self.joined.as_ref();
        Ok(Self {
            source: self.source.clone(),
            topic_id: self.topic_id.clone(),
            offsets: self.offsets[first..].to_vec(),
            record_timestamps_ms: self.record_timestamps_ms[first..].to_vec(),
            kinds: self.kinds[first..].to_vec(),
            projection: Arc::clone(&self.projection),
            columns: take_columns(&self.columns, rows)?,
            joined: joined
                .map(|joined| take_columns(joined, rows))
                .transpose()?,
            marks: self.marks.get(first..).unwrap_or_default().to_vec(),
        })
    }

    /// The rows of all `batches`, of which there is one at least, copied into one batch in their order: what
    /// came in many small batches then takes the room of its rows.
    ///
    /// # Errors
    /// Fails when they are of different partitions or columns.
    pub fn concat(batches: &[&Self]) -> Result<Self, ArrowError> {
        let Some(first) = batches.first() else {
            return Err(ArrowError::InvalidArgumentError("no batch".to_owned()));
        };
        let is_other =
            |batch: &&Self| batch.source != first.source || batch.topic_id != first.topic_id;
        if batches.iter().any(is_other) {
            let what = "batches of several partitions".to_owned();
            return Err(ArrowError::InvalidArgumentError(what));
        }
        let joined: Vec<&RecordBatch> = batches.iter().flat_map(|b| &b.joined).collect();
        if !joined.is_empty() && joined.len() != batches.len() {
            let what = "some batches have joined columns, others have not".to_owned();
            return Err(ArrowError::SchemaError(what));
        }
        Ok(Self {
            source: first.source.clone(),
            topic_id: first.topic_id.clone(),
            offsets: batches.iter().flat_map(|b| &b.offsets).copied().collect(),
            record_timestamps_ms: batches
                .iter()
                .flat_map(|b| &b.record_timestamps_ms)
                .copied()
                .collect(),
            kinds: batches.iter().flat_map(|b| &b.kinds).copied().collect(),
            projection: Arc::clone(&first.projection),
            columns: concat_columns(batches.iter().map(|batch| &batch.columns))?,
            joined: match joined.is_empty() {
                true => None,
                false => Some(concat_columns(joined.into_iter())?),
            },
            marks: concat_marks(batches),
        })
    }
}

/// The marks of the rows of all `batches`; none where no row has any.
fn concat_marks(batches: &[&EventBatch]) -> Vec<Flags> {
    let mut marks = Vec::new();
    let mut rows = 0;
    for batch in batches {
        if !batch.marks.is_empty() {
            marks.resize(rows, Flags::empty());
            marks.extend_from_slice(&batch.marks);
        }
        rows += batch.len();
    }
    if !marks.is_empty() {
        marks.resize(rows, Flags::empty());
    }
    marks
}

/// A copy of `rows` of a batch, which has so many.
pub(crate) fn take_columns(
    batch: &RecordBatch,
    rows: &UInt32Array,
) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter();
    let columns: Result<Vec<ArrayRef>, ArrowError> =
        columns.map(|column| take(column, rows, None)).collect();
    // A batch may have rows and no column.
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(batch.schema(), columns?, &options)
}

/// One batch of the rows of all, which have the same columns.
pub(crate) fn concat_columns<'a>(
    batches: impl Iterator<Item = &'a RecordBatch> + Clone,
) -> Result<RecordBatch, ArrowError> {
    let mut schemas = batches.clone().map(RecordBatch::schema_ref);
    let Some(schema) = schemas.next() else {
        return Err(ArrowError::InvalidArgumentError("no batch".to_owned()));
    };
    if schemas.any(|other| other != schema) {
        let what = "batches of different columns".to_owned();
        return Err(ArrowError::SchemaError(what));
    }
    concat_batches(schema, batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of rows without columns, from `first` on.
    fn batch(first: i64, rows: usize, marks: &[Flags]) -> EventBatch {
        let projection = Arc::new(Projection::new([]));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(projection.schema());
        EventBatch {
            joined: None,
            marks: marks.to_vec(),
            source: TopicPartition::new("t", 0),
            topic_id: None,
            offsets: (first..).take(rows).collect(),
            record_timestamps_ms: vec![0; rows],
            kinds: vec![RecordKind::Transaction; rows],
            columns: RecordBatch::try_new_with_options(schema, Vec::new(), &options).unwrap(),
            projection,
        }
    }

    #[test]
    fn marks_stay_with_their_rows() {
        let (none, mark) = (Flags::empty(), Flags::FIELD_INVALID);
        let (plain, marked) = (batch(0, 2, &[]), batch(2, 2, &[none, mark]));
        let after = batch(4, 1, &[]);
        let whole = EventBatch::concat(&[&plain, &marked, &after]).unwrap();
        assert_eq!(whole.marks, [none, none, none, mark, none]);
        let whole = EventBatch::concat(&[&plain, &after]).unwrap();
        assert!(whole.marks.is_empty());
        let rows = UInt32Array::from(vec![1]);
        assert_eq!(marked.rows_from(1, &rows).unwrap().marks, [mark]);
        assert!(plain.rows_from(1, &rows).unwrap().marks.is_empty());
    }
}
