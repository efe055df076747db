//! Feature values into Arrow columns.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, MutableArrayData, RecordBatch, StringArray,
    StructArray, make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::Fields;
use tillwatch_records::{Emissions, EventBatch, FeatureBatch, Flags, RecordKind, RecordKinds};

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

    /// One `Float64` column per feature.
    pub(crate) fn finish(self, plan: &Plan) -> RecordBatch {
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
        batch_of(plan.schema().fields(), columns.collect(), rows)
    }
}

/// A batch of `columns`, which fit `fields` and have `rows` rows each. Whoever makes the columns makes
/// them for these fields, so that there is nothing here to refuse.
fn batch_of(fields: &Fields, columns: Vec<ArrayRef>, rows: usize) -> RecordBatch {
    if fields.is_empty() {
        return StructArray::new_empty_fields(rows, None).into();
    }
    StructArray::new(fields.clone(), columns, None).into()
}

/// The batch of the scored records alone; `features` and `flags` hold only those already.
pub(crate) fn keep_scored(
    events: EventBatch,
    keys: StringArray,
    features: RecordBatch,
    flags: Vec<Flags>,
    scored: RecordKinds,
) -> FeatureBatch {
    if flags.len() == events.len() {
        return FeatureBatch {
            emissions: Emissions::of_records(keys, &events, scored),
            events,
            features,
            flags,
        };
    }
    let kept = runs(&events.kinds, scored);
    let pick = |values: &[i64]| -> Vec<i64> {
        let runs = kept.iter().map(|run| &values[run.clone()]);
        runs.flatten().copied().collect()
    };
    let keep_rows = |batch: &RecordBatch| {
        let columns = batch.columns().iter();
        let columns = columns.map(|column| keep(column, &kept, flags.len()));
        batch_of(batch.schema_ref().fields(), columns.collect(), flags.len())
    };
    let keys = keep(&keys, &kept, flags.len()).as_string::<i32>().clone();
    let kinds = events.kinds.iter().copied();
    let events = EventBatch {
        offsets: pick(&events.offsets),
        record_timestamps_ms: pick(&events.record_timestamps_ms),
        kinds: kinds.filter(|kind| scored.contains(*kind)).collect(),
        columns: keep_rows(&events.columns),
        joined: events.joined.as_ref().map(keep_rows),
        source: events.source,
        projection: events.projection,
    };
    FeatureBatch {
        emissions: Emissions::of_records(keys, &events, scored),
        events,
        features,
        flags,
    }
}

/// Runs of neighbouring rows that are kept.
fn runs(kinds: &[RecordKind], scored: RecordKinds) -> Vec<Range<usize>> {
    let mut start = 0;
    let of_a_kind = kinds.chunk_by(|a, b| a == b).map(|run| {
        let rows = start..start + run.len();
        start = rows.end;
        (run, rows)
    });
    of_a_kind
        .filter(|(run, _)| run.first().is_some_and(|kind| scored.contains(*kind)))
        .map(|(_, rows)| rows)
        .collect()
}

/// The rows of `array` in `runs`, which are `rows` together.
fn keep(array: &dyn Array, runs: &[Range<usize>], rows: usize) -> ArrayRef {
    let data = array.to_data();
    let mut kept = MutableArrayData::new(vec![&data], false, rows);
    for run in runs {
        #[expect(
            deprecated,
            reason = "a part of an array does not overflow what the array itself keeps to"
        )]
        kept.extend(0, run.start, run.end);
    }
    make_array(kept.freeze())
}
