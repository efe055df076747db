//! Reference data joined to the records of one lane.

use std::sync::Arc;

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
        events.join(joined)
    }

    /// Version of the table of the last batch.
    pub(crate) fn version(&self) -> &str {
        self.table.version()
    }
}
