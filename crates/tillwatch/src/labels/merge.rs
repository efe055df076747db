//! Labels merged into the decoded rows of a file, as if the file held them as records.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, RecordBatch, RecordBatchOptions, StringArray, TimestampMillisecondArray, UInt64Array,
    new_null_array,
};
use arrow::compute::{interleave_record_batch, take_record_batch};
use arrow::error::ArrowError;
use tillwatch_decode::DecodeSettings;
use tillwatch_records::{Column, EventBatch, Flags, KeySpec, RawBatch, RecordKind};

use super::outcome::{NoOutcome, Outcome};
use super::refused::RefusedLabels;
use super::words::{FRAUD, NO_FRAUD, is_constant};
use crate::config::LabelSettings;

/// Holds the label of each transaction back for the delay and merges it into the rows that come then. A
/// label waits as its transaction's row without the columns that labels do not have, so what waits is
/// bounded by the transactions within one delay.
pub struct LabelMerge {
    outcome: Outcome,
    delay_ms: i64,
    /// Columns that a label has from its transaction.
    kept: Vec<Column>,
    waiting: VecDeque<Waiting>,
}

/// Labels of one batch that have not all taken effect.
struct Waiting {
    /// A row for each row of the batch, as its label has it.
    labels: RecordBatch,
    /// Rows that have a label, with the time when it takes effect.
    rows: VecDeque<(usize, i64)>,
}

/// A row of the merged batch: of which batch of the sources, and which of its rows.
type Place = (usize, usize);

impl LabelMerge {
    /// Labels as `settings` say. They have the event id and the columns of `key` from their
    /// transactions, and what `decode` says is the same in every record.
    pub fn new(settings: &LabelSettings, decode: &DecodeSettings, key: &KeySpec) -> Self {
        let constants = Column::ALL.iter().copied().filter(|column| {
            is_constant(decode, *column) && column.spec().carried_by.contains(&RecordKind::Label)
        });
        Self {
            outcome: Outcome::new(&settings.column),
            delay_ms: settings.delay.as_ms(),
            kept: [Column::EventId]
                .into_iter()
                .chain(key.columns().iter().copied())
                .chain(constants)
                .collect(),
            waiting: VecDeque::new(),
        }
    }

    /// `events`, the rows that were decoded from `raw`, with the labels that take effect before each of
    /// them. A label has the offset of the row that it comes before. Rows whose label cannot be read are
    /// noted in `refused` by the number that `number` gives for their offset.
    pub fn merge(
        &mut self,
        raw: &RawBatch,
        events: EventBatch,
        number: impl Fn(i64) -> i64,
        refused: &mut RefusedLabels,
    ) -> Result<EventBatch> {
        let own = self.waiting.len();
        self.hold_back(raw, &events, number, refused)?;
        let times = events.event_times_ms().unwrap_or_default();
        let mut places: Vec<Place> = Vec::with_capacity(2 * events.len());
        let mut merged = Positions::default();
        let mut front = 0;
        for (row, now_ms) in times.iter().enumerate() {
            while let Some(waiting) = self.waiting.get_mut(front) {
                match waiting.rows.front() {
                    // A label of this very batch comes after its own row.
                    Some((next, time_ms))
                        if *time_ms <= *now_ms && (front < own || *next < row) =>
                    {
                        places.push((front + 1, *next));
                        merged.push(events.offsets[row], *time_ms, RecordKind::Label);
                        waiting.rows.pop_front();
                    }
                    None if front < own => front += 1,
                    _ => break,
                }
            }
            places.push((0, row));
            merged.push(
                events.offsets[row],
                events.record_timestamps_ms[row],
                events.kinds[row],
            );
        }
        if places.len() == events.len() {
            return Ok(events);
        }
        let waiting = self.waiting.iter().map(|waiting| &waiting.labels);
        let sources: Vec<&RecordBatch> = [&events.columns]
            .into_iter()
            .chain(waiting)
            .take(front + 2)
            .collect();
        let columns = interleave_record_batch(&sources, &places)?;
        let joined = events.joined.as_ref().map(|joined| spread(joined, &places));
        let joined = joined.transpose()?;
        let marks = spread_marks(&events.marks, &places);
        self.waiting.drain(..front);
        Ok(EventBatch {
            offsets: merged.offsets,
            record_timestamps_ms: merged.record_timestamps_ms,
            kinds: merged.kinds,
            columns,
            joined,
            marks,
            ..events
        })
    }

    /// Lets the labels of `events` wait.
    fn hold_back(
        &mut self,
        raw: &RawBatch,
        events: &EventBatch,
        number: impl Fn(i64) -> i64,
        refused: &mut RefusedLabels,
    ) -> Result<()> {
        let times = events.event_times_ms().unwrap_or_default();
        let mut kinds = vec![None; events.len()];
        let mut rows = VecDeque::new();
        let mut row = 0;
        for record in raw.iter() {
            // Refused records have no row.
            if events.offsets.get(row) != Some(&record.offset) {
                continue;
            }
            if events.kinds[row] == RecordKind::Transaction {
                match self.outcome.of(record.payload.unwrap_or_default()) {
                    Ok(None) => {}
                    Ok(Some(is_fraud)) => {
                        refused.note_read();
                        kinds[row] = Some(if is_fraud { FRAUD } else { NO_FRAUD });
                        rows.push_back((row, times[row].saturating_add(self.delay_ms)));
                    }
                    Err(NoOutcome) => refused.note(number(record.offset)),
                }
            }
            row += 1;
        }
        if !rows.is_empty() {
            let labels = self.labels(events, kinds)?;
            self.waiting.push_back(Waiting { labels, rows });
        }
        Ok(())
    }

    /// Every row of `events` as its label has it; `kinds` is what the labels say.
    fn labels(
        &self,
        events: &EventBatch,
        kinds: Vec<Option<&str>>,
    ) -> Result<RecordBatch, ArrowError> {
        let count = events.len();
        let times = events.event_times_ms().unwrap_or_default().iter();
        let times = times.map(|time_ms| time_ms.saturating_add(self.delay_ms));
        let times = TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC");
        let times: ArrayRef = Arc::new(times);
        let kinds: ArrayRef = Arc::new(StringArray::from(kinds));
        let columns = events.projection.columns().iter();
        let columns = columns.zip(events.columns.columns());
        let columns = columns.map(|(column, array)| match column {
            Column::EventTime | Column::IngestTime => Arc::clone(&times),
            Column::LabelKind => Arc::clone(&kinds),
            column if self.kept.contains(column) => Arc::clone(array),
            column => new_null_array(&column.kind().data_type(), count),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(events.columns.schema(), columns.collect(), &options)
    }
}

/// The rows of `joined` at their places; a label has none of its columns.
fn spread(joined: &RecordBatch, places: &[Place]) -> Result<RecordBatch, ArrowError> {
    let rows = places
        .iter()
        .map(|(from, row)| (*from == 0).then_some(*row as u64));
    take_record_batch(joined, &UInt64Array::from_iter(rows))
}

/// The marks of rows at their places, if there are any; a label has none.
fn spread_marks(marks: &[Flags], places: &[Place]) -> Vec<Flags> {
    if marks.is_empty() {
        return Vec::new();
    }
    let own = places.iter().map(|(from, row)| match from {
        0 => marks.get(*row).copied().unwrap_or_default(),
        _ => Flags::empty(),
    });
    own.collect()
}

/// What an [`EventBatch`] says of its rows beside their columns.
#[derive(Default)]
struct Positions {
    offsets: Vec<i64>,
    record_timestamps_ms: Vec<i64>,
    kinds: Vec<RecordKind>,
}

impl Positions {
    fn push(&mut self, offset: i64, record_timestamp_ms: i64, kind: RecordKind) {
        self.offsets.push(offset);
        self.record_timestamps_ms.push(record_timestamp_ms);
        self.kinds.push(kind);
    }
}
