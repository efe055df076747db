//! A batch of raw records to a batch of rows.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use tillwatch_records::{EventBatch, FieldCounts, RawBatch, UnknownCodes};

use crate::buffer::{BufferId, Buffers};
use crate::format::rows::{BatchReader, Read};
use crate::plan::DecodePlan;
use crate::refusal::{Fault, Refusal, RefusalReason};

/// What became of a raw batch: every record is a row, a refusal or ignored.
#[derive(Debug)]
pub struct Decoded {
    /// The records that could be read, in offset order.
    pub events: EventBatch,
    /// The others, in offset order.
    pub refusals: Vec<Refusal>,
    /// Those that are ignored because of their type, by their index in the raw batch, ascending.
    pub ignored: Vec<usize>,
    /// How many codes of the rows are in no form that is known, or on no list; they are in the rows as they
    /// came.
    pub unknown_codes: UnknownCodes,
    /// Fields of the rows that could not be read and are null there, by column and by the code of what is
    /// wrong.
    pub invalid_fields: FieldCounts,
}

/// Turns raw batches into rows. It holds buffers that it reuses and what its format remembers of the records
/// before, neither of which changes a result: lanes that follow one plan may share it, one after the other.
#[derive(Debug)]
pub struct Decoder {
    plan: Arc<DecodePlan>,
    reader: Box<dyn BatchReader>,
    /// One per column of the plan; empty between batches.
    buffers: Buffers,
}

impl Decoder {
    /// A decoder that follows `plan`.
    pub fn new(plan: Arc<DecodePlan>) -> Self {
        Self {
            reader: plan.format.rows(),
            buffers: Buffers::new(&plan.buffers),
            plan,
        }
    }

    /// Whether it follows this very `plan`.
    pub fn follows(&self, plan: &Arc<DecodePlan>) -> bool {
        Arc::ptr_eq(&self.plan, plan)
    }

    /// Bytes allocated for columns, which is nearly all that it takes.
    pub fn bytes(&self) -> usize {
        self.buffers.bytes()
    }

    /// Decodes every record of `raw`. Never fails as a whole: a record that cannot be read is refused
    /// alone.
    pub fn decode(&mut self, raw: &RawBatch) -> Decoded {
        let mut read = self.reader.read(raw, &self.plan.rows, &mut self.buffers);
        let columns = self.columns(read.offsets.len());
        self.buffers.truncate(0);
        let (columns, joined) = columns.unwrap_or_else(|_| {
            refuse_all(&mut read, raw.len());
            let schema = self.plan.projection().schema();
            (RecordBatch::new_empty(Arc::clone(schema)), None)
        });
        let own = &self.plan.own_schema;
        let refused = read.faults.into_iter();
        let marks = read.notes.marks(read.offsets.len());
        Decoded {
            ignored: read.ignored,
            invalid_fields: read.notes.invalid(own),
            unknown_codes: read.unknown_codes,
            refusals: refused
                .map(|(index, fault)| fault.into_refusal(index, own))
                .collect(),
            events: EventBatch {
                joined,
                marks,
                source: raw.source().clone(),
                topic_id: raw.topic_id().cloned(),
                offsets: read.offsets,
                record_timestamps_ms: read.timestamps_ms,
                kinds: read.kinds,
                projection: Arc::clone(self.plan.projection()),
                columns,
            },
        }
    }

    /// The projected columns of `rows` rows, and the site's own where some are read.
    fn columns(&mut self, rows: usize) -> Result<(RecordBatch, Option<RecordBatch>), ArrowError> {
        let plan = &self.plan;
        let projected = plan.projection().schema();
        let columns = finish(&mut self.buffers, &plan.projected, projected, rows)?;
        let joined = match plan.own.is_empty() {
            true => None,
            false => Some(finish(
                &mut self.buffers,
                &plan.own,
                &plan.own_schema,
                rows,
            )?),
        };
        Ok((columns, joined))
    }
}

fn finish(
    buffers: &mut Buffers,
    ids: &[BufferId],
    schema: &SchemaRef,
    rows: usize,
) -> Result<RecordBatch, ArrowError> {
    let arrays = ids.iter().map(|id| buffers.finish(*id, rows));
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
}

/// Takes back all rows of a batch of `records` records: nothing goes missing silently, whatever a format
/// has done to the buffers.
fn refuse_all(read: &mut Read, records: usize) {
    let mut refused = std::mem::take(&mut read.faults).into_iter().peekable();
    let ignored = std::mem::take(&mut read.ignored);
    let what =
        "the rows of the batch did not become columns, which is a defect of the decoder; report it";
    let defect = Fault::new(RefusalReason::DECODER_DEFECT, what);
    let rows = (0..records).filter(|index| ignored.binary_search(index).is_err());
    let faults = rows.map(|index| {
        let own = refused.next_if(|(refused, _)| *refused == index);
        own.unwrap_or((index, defect))
    });
    *read = Read {
        faults: faults.collect(),
        ignored,
        ..Read::default()
    };
}
