//! A batch of raw records to a batch of rows.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::error::ArrowError;
use tillwatch_records::limits::PAYLOAD_BYTES_MAX;
use tillwatch_records::{EventBatch, RawBatch, RawRecord, RecordKind};

use crate::buffer::ColumnBuffer;
use crate::format::json::escape::unescape;
use crate::format::json::extract::{Extractor, Token, TokenKind};
use crate::plan::DecodePlan;
use crate::refusal::{Fault, Refusal, RefusalReason};
use crate::row::{Scratch, write_row};

/// What became of a raw batch: every record is a row or a refusal.
#[derive(Debug)]
pub struct Decoded {
    /// The records that could be read, in offset order.
    pub events: EventBatch,
    /// The others, in offset order.
    pub refusals: Vec<Refusal>,
}

/// Turns raw batches into rows. One per lane: it holds memory that it reuses and the field order of
/// the records before, neither of which changes a result.
#[derive(Debug)]
pub struct Decoder {
    plan: Arc<DecodePlan>,
    extractor: Extractor,
    /// One per column of the plan; empty between batches.
    buffers: Vec<ColumnBuffer>,
    scratch: Scratch,
}

impl Decoder {
    /// A decoder that follows `plan`.
    pub fn new(plan: Arc<DecodePlan>) -> Self {
        Self {
            extractor: Extractor::new(&plan.tree),
            buffers: plan
                .columns
                .iter()
                .map(|column| ColumnBuffer::new(column.kind()))
                .collect(),
            scratch: Scratch::default(),
            plan,
        }
    }

    /// Decodes every record of `raw`. Never fails as a whole: a record that cannot be read is refused
    /// alone.
    pub fn decode(&mut self, raw: &RawBatch) -> Decoded {
        let rows_max = raw.len();
        let topic_kind = self.plan.kind_rule.of_topic(&raw.source().topic);
        let mut offsets = Vec::with_capacity(rows_max);
        let mut record_timestamps_ms = Vec::with_capacity(rows_max);
        let mut kinds = Vec::with_capacity(rows_max);
        let mut refusals = Vec::new();
        for buffer in &mut self.buffers {
            buffer.reserve(rows_max);
        }
        for (index, record) in raw.iter().enumerate() {
            match self.record(&record, offsets.len(), topic_kind) {
                Ok((kind, timestamp_ms)) => {
                    offsets.push(record.offset);
                    record_timestamps_ms.push(timestamp_ms);
                    kinds.push(kind);
                }
                Err(fault) => {
                    for buffer in &mut self.buffers {
                        buffer.truncate(offsets.len());
                    }
                    refusals.push(fault.into_refusal(index));
                }
            }
        }
        let columns = self.columns(offsets.len()).unwrap_or_else(|error| {
            debug_assert!(
                false,
                "columns of one length, of the schema's types: {error}"
            );
            // Cannot be; but if it were, nothing may go missing silently.
            offsets.clear();
            record_timestamps_ms.clear();
            kinds.clear();
            let fault = Fault::new(RefusalReason::BadJson, "the batch did not make columns");
            refusals = (0..raw.len()).map(|i| fault.into_refusal(i)).collect();
            RecordBatch::new_empty(self.plan.projection.schema().clone())
        });
        Decoded {
            events: EventBatch {
                joined: None,
                source: raw.source().clone(),
                offsets,
                record_timestamps_ms,
                kinds,
                projection: Arc::clone(&self.plan.projection),
                columns,
            },
            refusals,
        }
    }

    /// Writes one record to the buffers as row number `row`: its kind and timestamp.
    fn record(
        &mut self,
        record: &RawRecord<'_>,
        row: usize,
        topic_kind: RecordKind,
    ) -> Result<(RecordKind, i64), Fault> {
        let payload = check_payload(record.payload)?;
        self.extractor.extract(&self.plan.tree, payload)?;
        let kind = self.kind(record, payload)?.unwrap_or(topic_kind);
        let timestamp_ms = write_row(
            &self.plan.kinds[kind as usize],
            row,
            &mut self.buffers,
            &self.extractor.tokens,
            payload,
            record.timestamp_ms,
            &mut self.scratch,
        )?;
        Ok((kind, timestamp_ms))
    }

    /// The kind that the record itself tells.
    fn kind(&self, record: &RawRecord<'_>, payload: &[u8]) -> Result<Option<RecordKind>, Fault> {
        let rule = &self.plan.kind_rule;
        let unknown = || {
            let what = "the record type is not a mapped word";
            Fault::new(RefusalReason::UnknownRecordType, what)
        };
        if let Some(slot) = rule.slot {
            let token: Token = self.extractor.tokens[usize::from(slot)];
            let mut unescaped = Vec::new();
            let word = match token.kind {
                TokenKind::Absent | TokenKind::Null => return Ok(None),
                TokenKind::Composite => return Err(unknown()),
                TokenKind::Escaped => {
                    unescape(token.of(payload), &mut unescaped).map_err(|_| unknown())?;
                    &unescaped
                }
                _ => token.of(payload),
            };
            return rule.of_word(word).map(Some).ok_or_else(unknown);
        }
        let Some(word) = rule.header.as_deref().and_then(|name| record.header(name)) else {
            return Ok(None);
        };
        rule.of_word(word).map(Some).ok_or_else(unknown)
    }

    /// The projected columns of `rows` rows; empties all buffers.
    fn columns(&mut self, rows: usize) -> Result<RecordBatch, ArrowError> {
        let schema = self.plan.projection.schema();
        let (projected, helpers) = self.buffers.split_at_mut(schema.fields().len());
        for helper in helpers {
            helper.truncate(0);
        }
        let arrays = projected
            .iter_mut()
            .map(|buffer| buffer.finish(rows))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
    }
}

/// The payload, of a size and encoding that can be read.
fn check_payload(payload: Option<&[u8]>) -> Result<&[u8], Fault> {
    let payload = payload.unwrap_or_default();
    if payload.is_empty() {
        let what = "the record has no payload";
        return Err(Fault::new(RefusalReason::EmptyPayload, what));
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        let what = "the payload is larger than one may be";
        return Err(Fault::new(RefusalReason::PayloadTooLarge, what));
    }
    if payload.starts_with(b"\xef\xbb\xbf") {
        let what = "the payload starts with a byte order mark";
        return Err(Fault::new(RefusalReason::ByteOrderMark, what));
    }
    if let Err(error) = std::str::from_utf8(payload) {
        let what = "not UTF-8";
        return Err(Fault::at_byte(
            RefusalReason::InvalidUtf8,
            what,
            error.valid_up_to(),
        ));
    }
    Ok(payload)
}
