//! From a row for each scored record to a row for each record.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use tillwatch_records::{EventBatch, RecordKinds};

/// The columns of `features` at the positions `read`, which have a row for each record of `events` of a type
/// that is `scored`, with a row for each of its records: null for those of another type.
///
/// # Errors
/// Fails where there are not as many rows as scored records.
pub(super) fn spread(
    events: &EventBatch,
    scored: RecordKinds,
    features: &RecordBatch,
    read: &[usize],
) -> Result<Vec<ArrayRef>, ArrowError> {
    let columns = read.iter().map(|at| features.column(*at));
    if features.num_rows() == events.len() {
        return Ok(columns.cloned().collect());
    }
    let mut next = 0_u32;
    let rows = events.kinds.iter().map(|kind| {
        let row = scored.contains(*kind).then_some(next)?;
        next += 1;
        Some(row)
    });
    let rows: UInt32Array = rows.collect();
    // `take` does not look whether there is such a row.
    if next as usize != features.num_rows() {
        let found = features.num_rows();
        let what = format!("{found} rows of features for {next} scored records");
        return Err(ArrowError::InvalidArgumentError(what));
    }
    columns.map(|column| take(column, &rows, None)).collect()
}

/// A batch of `rows` rows, also where it has no column.
pub(super) fn batch_of(
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options)
}
