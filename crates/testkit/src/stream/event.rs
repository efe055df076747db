//! One record of a stream, and records as a batch.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use tillwatch_records::{Column, EventBatch, Projection, RecordKind, TopicPartition};

/// Event time of the first record of every stream: 2024-01-01T00:00:00Z.
pub const START_MS: i64 = 1_704_067_200_000;

/// One record, with the columns that tests read.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Kind of record.
    pub kind: RecordKind,
    /// Entity key: its terminal id.
    pub terminal_id: String,
    /// Event id; empty for null.
    pub event_id: String,
    /// Event time in milliseconds since 1970.
    pub event_time_ms: i64,
    /// Kafka timestamp in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Type of a transaction's message, sometimes null.
    pub mti: Option<&'static str>,
    /// Amount in minor units, sometimes null, sometimes negative or very large.
    pub amount_minor: Option<i64>,
    /// Currency, sometimes null.
    pub currency: Option<&'static str>,
    /// Response code, sometimes null.
    pub response_code: Option<&'static str>,
    /// Card, sometimes null.
    pub card_token: Option<String>,
    /// Latitude, sometimes null.
    pub lat: Option<f64>,
    /// Longitude, sometimes null.
    pub lon: Option<f64>,
    /// Sequence number, sometimes null.
    pub stan: Option<i64>,
    /// Retrieval reference, sometimes null.
    pub rrn: Option<String>,
    /// Serial number of the device, sometimes null.
    pub hardware_serial: Option<&'static str>,
    /// Merchant category, sometimes null.
    pub mcc: Option<&'static str>,
    /// Kind of a terminal event.
    pub event_type: Option<&'static str>,
    /// Source of a label.
    pub label_kind: Option<&'static str>,
    /// When the labelled transaction happened, in milliseconds since 1970.
    pub occurred_time_ms: Option<i64>,
}

/// The columns that [`Event`] has.
pub const COLUMNS: [Column; 17] = [
    Column::EventId,
    Column::EventTime,
    Column::TerminalId,
    Column::Mti,
    Column::CardToken,
    Column::AmountMinor,
    Column::Currency,
    Column::ResponseCode,
    Column::Lat,
    Column::Lon,
    Column::Stan,
    Column::Rrn,
    Column::HardwareSerial,
    Column::Mcc,
    Column::EventType,
    Column::LabelKind,
    Column::OccurredTime,
];

impl Event {
    /// A record that arrives when it happens and has nothing but what every record has.
    pub fn bare(kind: RecordKind, terminal_id: &str, event_id: &str, event_time_ms: i64) -> Self {
        Self {
            kind,
            terminal_id: terminal_id.to_owned(),
            event_id: event_id.to_owned(),
            event_time_ms,
            timestamp_ms: event_time_ms,
            mti: None,
            amount_minor: None,
            currency: None,
            response_code: None,
            card_token: None,
            lat: None,
            lon: None,
            stan: None,
            rrn: None,
            hardware_serial: None,
            mcc: None,
            event_type: None,
            label_kind: None,
            occurred_time_ms: None,
        }
    }

    /// An approved sale for 1.00 on one card.
    pub fn sale(terminal_id: &str, event_id: &str, event_time_ms: i64) -> Self {
        Self {
            amount_minor: Some(100),
            response_code: Some("00"),
            card_token: Some("c".to_owned()),
            ..Self::bare(
                RecordKind::Transaction,
                terminal_id,
                event_id,
                event_time_ms,
            )
        }
    }

    /// The record on one line: what it has, times since [`START_MS`] in milliseconds.
    pub fn describe(&self) -> String {
        let mut text = format!("{} at {}", self.kind, self.event_time_ms - START_MS);
        if self.timestamp_ms != self.event_time_ms {
            text += &format!(", arrived at {}", self.timestamp_ms - START_MS);
        }
        for column in COLUMNS {
            let value = match column {
                Column::EventTime => None,
                Column::OccurredTime => self.occurred_time_ms.map(|t| (t - START_MS).to_string()),
                // As text both zeros are alike.
                Column::Lat | Column::Lon => self.number(column).map(|v| format!("{v:?}")),
                _ => self.text(column),
            };
            if let Some(value) = value {
                text += &format!(", {} {value}", column.name());
            }
        }
        text
    }

    /// The value of an integer column.
    pub fn integer(&self, column: Column) -> Option<i64> {
        match column {
            Column::AmountMinor => self.amount_minor,
            Column::Stan => self.stan,
            _ => None,
        }
    }

    /// The value of a number column, integers as the nearest double.
    pub fn number(&self, column: Column) -> Option<f64> {
        match column {
            Column::Lat => self.lat,
            Column::Lon => self.lon,
            _ => self.integer(column).map(|number| number as f64),
        }
    }

    /// A value as text, so that equal values have equal texts; both zeros are one value.
    pub fn text(&self, column: Column) -> Option<String> {
        let own = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        match column {
            Column::EventId => own(&self.event_id),
            Column::TerminalId => own(&self.terminal_id),
            Column::EventTime => Some(self.event_time_ms.to_string()),
            Column::OccurredTime => self.occurred_time_ms.map(|time| time.to_string()),
            Column::CardToken => self.card_token.clone(),
            Column::Mti => self.mti.map(str::to_owned),
            Column::Currency => self.currency.map(str::to_owned),
            Column::Rrn => self.rrn.clone(),
            Column::ResponseCode => self.response_code.map(str::to_owned),
            Column::HardwareSerial => self.hardware_serial.map(str::to_owned),
            Column::Mcc => self.mcc.map(str::to_owned),
            Column::EventType => self.event_type.map(str::to_owned),
            Column::LabelKind => self.label_kind.map(str::to_owned),
            Column::Lat | Column::Lon => self.number(column).map(|v| (v + 0.0).to_string()),
            _ => self.integer(column).map(|number| number.to_string()),
        }
    }

    /// Whether the column has no value.
    pub fn is_null(&self, column: Column) -> bool {
        match column {
            Column::Lat | Column::Lon | Column::AmountMinor | Column::Stan => {
                self.number(column).is_none()
            }
            _ => self.text(column).is_none(),
        }
    }
}

/// `events` as one batch, with offsets from `first_offset` on.
pub fn batch(events: &[Event], first_offset: i64) -> EventBatch {
    let projection = Projection::new(COLUMNS);
    let columns = projection
        .columns()
        .iter()
        .map(|c| array(events, *c))
        .collect();
    let columns = RecordBatch::try_new(Arc::clone(projection.schema()), columns);
    EventBatch {
        joined: None,
        marks: Vec::new(),
        source: TopicPartition::new("test", 0),
        topic_id: None,
        offsets: (first_offset..).take(events.len()).collect(),
        record_timestamps_ms: events.iter().map(|event| event.timestamp_ms).collect(),
        kinds: events.iter().map(|event| event.kind).collect(),
        columns: columns.unwrap_or_else(|_| RecordBatch::new_empty(projection.schema().clone())),
        projection: Arc::new(projection),
    }
}

fn array(events: &[Event], column: Column) -> ArrayRef {
    fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        let values: TimestampMillisecondArray = values.collect();
        Arc::new(values.with_timezone("UTC"))
    }
    match column {
        Column::EventTime => times(events.iter().map(|e| Some(e.event_time_ms))),
        Column::OccurredTime => times(events.iter().map(|e| e.occurred_time_ms)),
        Column::Lat | Column::Lon => {
            let numbers = events.iter().map(|e| e.number(column));
            Arc::new(numbers.collect::<Float64Array>())
        }
        Column::AmountMinor | Column::Stan => {
            let integers = events.iter().map(|e| e.integer(column));
            Arc::new(integers.collect::<Int64Array>())
        }
        _ => {
            let texts = events.iter().map(|e| e.text(column));
            Arc::new(texts.collect::<StringArray>())
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;

    use super::*;

    #[test]
    fn a_batch_has_every_column_of_its_events() {
        let label = Event {
            label_kind: Some("TC40"),
            occurred_time_ms: Some(5),
            lon: Some(-0.0),
            stan: Some(999_999),
            ..Event::bare(RecordKind::Label, "t", "", 7)
        };
        let batch = batch(&[label, Event::sale("t", "s", 9)], 3);
        assert_eq!(batch.columns.num_rows(), 2);
        let nulls = |name: &str| {
            let column = batch.columns.column_by_name(name).unwrap();
            (column.is_null(0), column.is_null(1))
        };
        assert_eq!(batch.columns.num_columns(), COLUMNS.len());
        assert_eq!(nulls("event_id"), (true, false));
        assert_eq!(nulls("event_time"), (false, false));
        assert_eq!(nulls("label_kind"), (false, true));
        assert_eq!(nulls("occurred_time"), (false, true));
        assert_eq!(nulls("lon"), (false, true));
        assert_eq!(nulls("stan"), (false, true));
        assert_eq!(nulls("amount_minor"), (true, false));
        assert_eq!(nulls("rrn"), (true, true));
        assert_eq!(batch.offsets, [3, 4]);
    }
}
