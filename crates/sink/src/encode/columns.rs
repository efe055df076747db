//! Scores as a table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, TimestampMillisecondArray, UInt16Array, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tillwatch_records::column::ColumnType;
use tillwatch_records::{Column, ScoreBatch, Versions};

use super::score::encode_reason;
use crate::error::SinkError;

/// A table with one row per score: `score_id` text, `event_id` text, `key` text, `event_time` timestamp
/// (ms, UTC; of a timer, what it was set for), `score` u16, `probability` f64, `band` text, `flags` list of
/// text, `reason_codes` list of text, `reasons` text (a JSON array as in a JSON score, null when there is
/// none), `attribution` text, `model` text, `model_hash` text, `catalog` text, `cause` text (`transaction`,
/// `terminal_event`, `label` or `timer`, only where not transactions alone are scored), `registry` text
/// (version of the reference table, only when there is one), `topic` text, `partition` i32, `offset` i64;
/// then one f64 column `shadow_<name>@<version>` per shadow (its probability, null where it was skipped),
/// and one per feature, in catalog order, when `features` is set.
///
/// # Errors
/// [`SinkError::Table`] when a column of the batch has another number of rows than the batch.
pub fn scores_to_record_batch(
    batch: &ScoreBatch,
    features: bool,
) -> Result<RecordBatch, SinkError> {
    let rows = batch.len();
    let events = &batch.events;
    let emissions = &batch.emissions;
    let event_ids = events.text(Column::EventId).map_or_else(
        || new_null_array(&DataType::Utf8, rows),
        |ids| Arc::new(ids.clone()) as ArrayRef,
    );
    let times = TimestampMillisecondArray::from(emissions.times_ms.clone()).with_timezone("UTC");
    let same = |text: &str| Arc::new(StringArray::from_iter_values((0..rows).map(|_| text)));
    let versions = |of: &dyn Fn(&Versions) -> &str| {
        let values = (0..rows).map(|row| of(batch.versions_of(row)));
        Arc::new(StringArray::from_iter_values(values))
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(batch.score_ids())),
        event_ids,
        Arc::new(emissions.keys.clone()),
        Arc::new(times),
        Arc::new(UInt16Array::from(batch.scores.clone())),
        Arc::new(Float64Array::from(batch.probabilities.clone())),
        Arc::new(StringArray::from_iter_values(
            batch.bands.iter().map(|band| band.as_str()),
        )),
        lists((0..rows).map(|row| batch.flags[row].names())),
        lists((0..rows).map(|row| {
            let reasons = batch.reasons.row(row).iter();
            reasons.map(|reason| reason.definition.code.as_str())
        })),
        Arc::new(
            (0..rows)
                .map(|row| reasons_json(batch, row))
                .collect::<StringArray>(),
        ),
        Arc::new(StringArray::from_iter_values(
            batch.attributions.iter().map(|how| how.as_str()),
        )),
        versions(&|versions| &versions.model),
        versions(&|versions| &versions.model_hash),
        same(&batch.versions.catalog),
    ];
    if emissions.is_mixed() {
        columns.push(Arc::new(StringArray::from_iter_values(
            emissions.causes.iter().map(|cause| cause.as_str()),
        )));
    }
    if let Some(registry) = &batch.versions.reference {
        columns.push(same(registry));
    }
    let position: [ArrayRef; 3] = [
        same(&events.source.topic),
        Arc::new(Int32Array::from(vec![events.source.partition; rows])),
        Arc::new(Int64Array::from(events.offsets.clone())),
    ];
    columns.extend(position);
    columns.extend(shadow_columns(batch));
    if features {
        columns.extend(batch.features.columns().iter().cloned());
    }
    RecordBatch::try_new(score_schema(batch, features), columns).map_err(|error| SinkError::Table {
        detail: error.to_string(),
    })
}

/// The schema of [`scores_to_record_batch`].
fn score_schema(batch: &ScoreBatch, features: bool) -> SchemaRef {
    let list = DataType::new_list(DataType::Utf8, true);
    let text = DataType::Utf8;
    let mut fields: Vec<Field> = vec![
        Field::new("score_id", text.clone(), false),
        Field::new("event_id", text.clone(), true),
        Field::new("key", text.clone(), true),
        Field::new("event_time", ColumnType::TimestampMs.data_type(), true),
        Field::new("score", DataType::UInt16, false),
        Field::new("probability", DataType::Float64, false),
        Field::new("band", text.clone(), false),
        Field::new("flags", list.clone(), false),
        Field::new("reason_codes", list, false),
        Field::new("reasons", text.clone(), true),
        Field::new("attribution", text.clone(), false),
        Field::new("model", text.clone(), false),
        Field::new("model_hash", text.clone(), false),
        Field::new("catalog", text.clone(), false),
    ];
    if batch.emissions.is_mixed() {
        fields.push(Field::new("cause", text.clone(), false));
    }
    if batch.versions.reference.is_some() {
        fields.push(Field::new("registry", text.clone(), false));
    }
    fields.extend([
        Field::new("topic", text, false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
    ]);
    fields.extend(
        batch
            .shadows
            .iter()
            .map(|shadow| Field::new(format!("shadow_{}", shadow.model), DataType::Float64, true)),
    );
    if features {
        let schema = batch.features.schema_ref();
        fields.extend(schema.fields().iter().map(|field| field.as_ref().clone()));
    }
    Arc::new(Schema::new(fields))
}

/// One column of probabilities per shadow, null where it was skipped.
fn shadow_columns(batch: &ScoreBatch) -> impl Iterator<Item = ArrayRef> {
    let rows = batch.len();
    batch.shadows.iter().map(move |shadow| -> ArrayRef {
        let value = |row: usize| {
            let probability = shadow.probabilities.get(row);
            probability.filter(|p| !p.is_nan()).copied()
        };
        Arc::new((0..rows).map(value).collect::<Float64Array>())
    })
}

fn lists<'a, I: Iterator<Item = &'a str>>(rows: impl Iterator<Item = I>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in rows {
        for item in row {
            builder.values().append_value(item);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn reasons_json(batch: &ScoreBatch, row: usize) -> Option<String> {
    let reasons = batch.reasons.row(row);
    if reasons.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(256 * reasons.len());
    for (position, reason) in reasons.iter().enumerate() {
        out.push(if position == 0 { b'[' } else { b',' });
        encode_reason(reason, &mut out);
    }
    out.push(b']');
    String::from_utf8(out).ok()
}
