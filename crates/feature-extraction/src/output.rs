//! Feature values into Arrow columns.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, RecordBatchOptions, StringArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::compute::{filter, filter_record_batch};
use arrow::error::ArrowError;
use tillwatch_records::{Emissions, EventBatch, FeatureBatch, Flags, RecordKinds};

use crate::plan::Plan;

/// Values per cache line.
const LINE_VALUES: usize = 8;

/// Bytes of features that share an allocation. One allocation for all would be so large that the
/// allocator returns it to the system after every batch, which then has to clear it again.
const GROUP_BYTES: usize = 64 * 1024;

/// The values of all features of a batch, feature after feature. NaN means "no value".
pub(crate) struct Columns {
    /// `per_group` features each, the last one perhaps fewer.
    groups: Vec<Vec<f64>>,
    per_group: usize,
    /// Values from one feature to the next: at least one, and one cache line more than the rows, so
    /// that the columns of a batch of 2ⁿ rows do not compete for the same cache lines.
    stride: usize,
    rows: usize,
}

impl Columns {
    pub(crate) fn new(features: usize, rows: usize) -> Self {
        let stride = rows.next_multiple_of(LINE_VALUES) + LINE_VALUES;
        let per_group = (GROUP_BYTES / (stride * size_of::<f64>())).max(1);
        let groups = (0..features).step_by(per_group).map(|first| {
            let count = per_group.min(features - first);
            vec![0.0; count * stride]
        });
        Self {
            groups: groups.collect(),
            per_group,
            stride,
            rows,
        }
    }

    /// Some rows of a feature.
    #[inline]
    pub(crate) fn run(&mut self, feature: usize, rows: Range<usize>) -> &mut [f64] {
        let group = &mut self.groups[feature / self.per_group];
        let start = feature % self.per_group * self.stride;
        &mut group[start + rows.start..start + rows.end]
    }

    /// Lets no feature have a value in `row`.
    pub(crate) fn clear_row(&mut self, row: usize) {
        for group in &mut self.groups {
            let features = group.chunks_exact_mut(self.stride);
            features.for_each(|feature| feature[row] = f64::NAN);
        }
    }

    /// One `Float64` column per feature.
    pub(crate) fn finish(self, plan: &Plan) -> Result<RecordBatch, ArrowError> {
        let (rows, stride) = (self.rows, self.stride);
        let groups = self.groups.into_iter().map(Buffer::from_vec);
        let columns = groups.flat_map(|group| {
            let features = group.len() / size_of::<f64>() / stride;
            (0..features).map(move |feature| -> ArrayRef {
                let values = ScalarBuffer::<f64>::new(group.clone(), feature * stride, rows);
                // Without a way out of the loop, many are looked at at a time.
                let has_nan = values.iter().fold(false, |any, value| any | value.is_nan());
                let nulls = if has_nan {
                    let valid = BooleanBuffer::collect_bool(rows, |row| !values[row].is_nan());
                    Some(NullBuffer::new(valid))
                } else {
                    None
                };
                Arc::new(Float64Array::new(values, nulls))
            })
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(plan.schema());
        RecordBatch::try_new_with_options(schema, columns.collect(), &options)
    }
}

/// The batch of the scored records alone; `features` and `flags` hold only those already.
pub(crate) fn keep_scored(
    mut events: EventBatch,
    keys: StringArray,
    features: RecordBatch,
    mut flags: Vec<Flags>,
    scored: RecordKinds,
) -> Result<FeatureBatch, ArrowError> {
    mark_rows(&mut events, scored, &mut flags);
    if flags.len() == events.len() {
        return Ok(FeatureBatch {
            emissions: Emissions::of_records(keys, &events, scored),
            events,
            features,
            flags,
        });
    }
    let kinds = events.kinds.iter();
    let is_kept: BooleanArray = kinds.map(|kind| Some(scored.contains(*kind))).collect();
    let keys = filter(&keys, &is_kept)?.as_string::<i32>().clone();
    let joined = events.joined.as_ref();
    let joined = joined.map(|joined| filter_record_batch(joined, &is_kept));
    let events = EventBatch {
        offsets: pick(&events.offsets, &is_kept),
        record_timestamps_ms: pick(&events.record_timestamps_ms, &is_kept),
        kinds: pick(&events.kinds, &is_kept),
        columns: filter_record_batch(&events.columns, &is_kept)?,
        joined: joined.transpose()?,
        source: events.source,
        topic_id: events.topic_id,
        projection: events.projection,
        marks: events.marks,
    };
    Ok(FeatureBatch {
        emissions: Emissions::of_records(keys, &events, scored),
        events,
        features,
        flags,
    })
}

/// Takes the marks of rows from `events` and adds them to `flags`, which has those of the scored records.
fn mark_rows(events: &mut EventBatch, scored: RecordKinds, flags: &mut [Flags]) {
    let marks = std::mem::take(&mut events.marks);
    let rows = marks.into_iter().zip(&events.kinds);
    let rows = rows.filter(|(_, kind)| scored.contains(**kind));
    for ((mark, _), flags) in rows.zip(flags) {
        *flags |= mark;
    }
}

fn pick<T: Copy>(values: &[T], is_kept: &BooleanArray) -> Vec<T> {
    let pairs = values.iter().zip(is_kept.values());
    let kept = pairs.filter(|(_, is_kept)| *is_kept);
    kept.map(|(value, _)| *value).collect()
}
