//! What a format implements, and the loop over the records of a batch around it.

use std::fmt;
use std::sync::Arc;

use tillwatch_records::limits::PAYLOAD_BYTES_MAX;
use tillwatch_records::{RawBatch, RawRecord, RecordKind, UnknownCodes};

use crate::buffer::Buffers;
use crate::error::DecodeError;
use crate::kind::KindRule;
use crate::refusal::{Fault, RefusalReason};
use crate::row::{KindPlan, Scratch, Taken, write_row};
use crate::settings::{OnInvalid, RecordType};
use crate::token::{Coding, Fields};
use crate::tree::FieldTree;

/// A format that the settings may name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormatKind {
    /// As in `[decode] format`.
    pub(crate) name: &'static str,
    /// The causes of refusals that only its records have.
    pub(crate) reasons: &'static [RefusalReason],
    /// The format for the fields of a tree, in an encoding. The format checks both against each other.
    pub(crate) make: fn(Arc<FieldTree>, &Encoding<'_>) -> Made,
}

/// What is said of an encoding beside its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoding<'a> {
    /// What it needs to be understood (a schema), as the bytes of its file; empty for none.
    pub(crate) schema: &'a [u8],
    /// What becomes of numbers that are none.
    pub(crate) nan: OnInvalid,
}

/// A format, or why there is none for these fields and this schema.
pub(crate) type Made = Result<Arc<dyn Format>, DecodeError>;

/// How records of one encoding are read. Made once for a plan, with whatever the encoding needs to be
/// understood (a schema), and shared by all lanes.
pub(crate) trait Format: fmt::Debug + Send + Sync {
    /// What a lane reads the payloads with: [`Rows`] around the format's [`Reader`].
    fn rows(&self) -> Box<dyn BatchReader>;
}

/// Takes the payload of a record apart. One per lane, so that it may remember what helps with the next
/// record; what it remembers never changes a result.
///
/// Called once for each record, in their order, with a payload that is not empty and at most
/// [`PAYLOAD_BYTES_MAX`] long. It checks all of it: what is not mapped may not be looked at by anybody
/// else. It says what is wrong with the encoding alone; what a value may be is for the conversion, which
/// is the same for all formats, card numbers in clear included.
pub(crate) trait Reader: fmt::Debug + Send {
    /// How this format writes text.
    type Coding: Coding;

    /// The value of every slot of the field tree that the reader was made for.
    fn read<'a>(&'a mut self, payload: &'a [u8]) -> Result<Fields<'a>, Fault>;
}

/// Makes rows of batches. The only call through a table of functions: one per batch.
pub(crate) trait BatchReader: fmt::Debug + Send {
    /// Writes every record of `raw` that can be read as a row of `buffers`, which are empty.
    fn read(&mut self, raw: &RawBatch, plan: &RowPlan, buffers: &mut Buffers) -> Read;
}

/// How records become rows, whatever their format.
#[derive(Debug)]
pub(crate) struct RowPlan {
    /// By [`RecordKind`].
    pub(crate) kinds: [KindPlan; RecordKind::ALL.len()],
    pub(crate) kind_rule: KindRule,
}

/// What became of the records of a batch: the rows, and the others.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// One per row.
    pub(crate) offsets: Vec<i64>,
    /// One per row, milliseconds since 1970.
    pub(crate) timestamps_ms: Vec<i64>,
    /// One per row.
    pub(crate) kinds: Vec<RecordKind>,
    /// Indices of records in the batch, ascending.
    pub(crate) faults: Vec<(usize, Fault)>,
    /// Indices of records that are ignored, ascending.
    pub(crate) ignored: Vec<usize>,
    /// Codes of the rows that are not known.
    pub(crate) unknown_codes: UnknownCodes,
    /// What was found of the fields of the rows.
    pub(crate) notes: Taken,
}

/// Makes rows with a reader: a copy of the loop for each format, in which nothing is dispatched.
#[derive(Debug)]
pub(crate) struct Rows<R> {
    reader: R,
    scratch: Scratch,
}

impl<R: Reader> Rows<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            scratch: Scratch::default(),
        }
    }

    /// Writes one record to the buffers as row number `row`: its kind and timestamp; `None` for a record that
    /// is ignored.
    fn record(
        &mut self,
        record: &RawRecord<'_>,
        row: usize,
        of_topic: RecordType,
        plan: &RowPlan,
        buffers: &mut Buffers,
    ) -> Result<Option<(RecordKind, i64)>, Fault> {
        if plan.kind_rule.ignores_unread(record, of_topic) {
            return Ok(None);
        }
        let payload = check_payload(record.payload)?;
        let fields = self.reader.read(payload)?;
        let told = plan.kind_rule.of::<R::Coding>(record, fields)?;
        let Some(kind) = told.unwrap_or(of_topic).kind() else {
            return Ok(None);
        };
        let kind_plan = &plan.kinds[kind as usize];
        let timestamp_ms =
            write_row::<R::Coding>(kind_plan, row, buffers, fields, record, &mut self.scratch)?;
        Ok(Some((kind, timestamp_ms)))
    }
}

impl<R: Reader> BatchReader for Rows<R> {
    fn read(&mut self, raw: &RawBatch, plan: &RowPlan, buffers: &mut Buffers) -> Read {
        let rows_max = raw.len();
        let of_topic = plan.kind_rule.of_topic(&raw.source().topic);
        let mut read = Read {
            offsets: Vec::with_capacity(rows_max),
            timestamps_ms: Vec::with_capacity(rows_max),
            kinds: Vec::with_capacity(rows_max),
            faults: Vec::new(),
            ignored: Vec::new(),
            unknown_codes: UnknownCodes::default(),
            notes: Taken::default(),
        };
        buffers.reserve(rows_max);
        for (index, record) in raw.iter().enumerate() {
            match self.record(&record, read.offsets.len(), of_topic, plan, buffers) {
                Ok(Some((kind, timestamp_ms))) => {
                    self.scratch.codes.keep();
                    self.scratch.notes.keep(read.offsets.len());
                    read.offsets.push(record.offset);
                    read.timestamps_ms.push(timestamp_ms);
                    read.kinds.push(kind);
                }
                Ok(None) => read.ignored.push(index),
                Err(fault) => {
                    self.scratch.codes.forget();
                    self.scratch.notes.forget();
                    buffers.truncate(read.offsets.len());
                    read.faults.push((index, fault));
                }
            }
        }
        read.unknown_codes = self.scratch.codes.take();
        read.notes = self.scratch.notes.take();
        read
    }
}

/// The payload, of a size that can be read.
fn check_payload(payload: Option<&[u8]>) -> Result<&[u8], Fault> {
    let payload = payload.unwrap_or_default();
    if payload.is_empty() {
        let what = "the record has no payload";
        return Err(Fault::new(RefusalReason::EMPTY_PAYLOAD, what));
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        let what = "the payload is larger than one may be";
        return Err(Fault::new(RefusalReason::PAYLOAD_TOO_LARGE, what));
    }
    Ok(payload)
}
