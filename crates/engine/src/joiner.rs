//! Reference data joined to the records of one lane.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema};
use arrow::error::ArrowError;
use tillwatch_records::EventBatch;
use tillwatch_reference::ReferenceTable;

use crate::reference::SharedReference;

/// A lane's share of the reference data.
#[derive(Debug)]
pub(crate) struct Joiner {
    reference: Arc<SharedReference>,
    /// The table of the last batch; before the first, the active one.
    table: Arc<ReferenceTable>,
}

impl Joiner {
    pub(crate) fn new(reference: &Arc<SharedReference>) -> Self {
        Self {
            table: reference.current(),
            reference: Arc::clone(reference),
        }
    }

    /// Joins the active table to a batch, beside what is joined to it already.
    ///
    /// # Errors
    /// Fails where that does not have as many rows as the batch.
    pub(crate) fn join(&mut self, events: &mut EventBatch) -> Result<(), ArrowError> {
        self.table = self.reference.current();
        let wanted = self.reference.wanted();
        if wanted.fields().is_empty() {
            return Ok(());
        }
        let keys = self.reference.key().of(events);
        let joined = self.table.join(events, &keys, wanted);
        events.joined = Some(match events.joined.take() {
            None => joined,
            Some(before) => beside(&before, &joined, events.len())?,
        });
        Ok(())
    }

    /// Version of the table of the last batch.
    pub(crate) fn version(&self) -> &str {
        self.table.version()
    }
}

/// The columns of both batches, which have `rows` rows.
fn beside(
    first: &RecordBatch,
    second: &RecordBatch,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let fields = [first, second].map(|batch| batch.schema_ref().fields().iter());
    let fields: Vec<FieldRef> = fields.into_iter().flatten().cloned().collect();
    let columns = [first, second].map(|batch| batch.columns().iter());
    let columns: Vec<ArrayRef> = columns.into_iter().flatten().cloned().collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}
