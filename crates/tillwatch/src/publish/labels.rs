//! A label column of a file, as label records that follow their transactions.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};
use tillwatch_decode::{DecodeSettings, FieldSource, TimeFormat};
use tillwatch_records::{Column, KeySpec};

/// A label record, ready to be sent.
#[derive(Debug)]
pub struct Label {
    /// When it takes effect, milliseconds since 1970.
    pub time_ms: i64,
    /// Entity key, the transaction's own.
    pub key: String,
    pub json: Vec<u8>,
    /// Header that says `label`, where the configuration tells record types by one.
    pub header: Option<String>,
}

/// Makes a label of each row and holds it back for the delay. As the delay is the same for all and
/// rows come in time order, labels take effect in the order of their rows.
pub struct Labels {
    column: String,
    delay_ms: i64,
    /// The site's names of event id and key columns: what a label is joined by.
    joined_by: Vec<String>,
    time: (String, TimeFormat),
    kind: String,
    record_type: RecordType,
    waiting: VecDeque<Label>,
}

/// How a scorer with this configuration knows a label.
enum RecordType {
    Header(String),
    Field(String),
}

impl Labels {
    /// Labels from `column`, each `delay_ms` after its transaction.
    pub fn new(
        column: &str,
        delay_ms: i64,
        decode: &DecodeSettings,
        key: &KeySpec,
    ) -> Result<Self> {
        let joined_by = std::iter::once(Column::EventId).chain(key.columns().iter().copied());
        let record_type = match (&decode.record_type.header, &decode.record_type.field) {
            (Some(header), _) => RecordType::Header(header.clone()),
            (None, Some(field)) => RecordType::Field(field.clone()),
            (None, None) => bail!(
                "label records cannot be told from transactions: set `header` or `field` in [decode.record_type]"
            ),
        };
        Ok(Self {
            column: column.to_owned(),
            delay_ms,
            joined_by: joined_by
                .map(|column| site_name(decode, column))
                .collect::<Result<_>>()?,
            time: (
                site_name(decode, Column::EventTime)?,
                decode.units.event_time,
            ),
            kind: site_name(decode, Column::LabelKind)?,
            record_type,
            waiting: VecDeque::new(),
        })
    }

    /// Plans the label of a row.
    pub fn plan(&mut self, row: &[u8], key: &str, time_ms: i64) -> Result<()> {
        let row: Map<String, Value> =
            serde_json::from_slice(row).context("it is not a JSON object")?;
        let fraud = match row.get(&self.column) {
            Some(Value::Bool(fraud)) => *fraud,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            // A row whose outcome nobody knows has no label.
            None | Some(Value::Null) => return Ok(()),
            Some(other) => bail!(
                "column `{}` holds {other}, which is no 0/1 or true/false",
                self.column
            ),
        };
        let time_ms = time_ms + self.delay_ms;
        let mut label = Map::new();
        for name in &self.joined_by {
            if let Some(value) = row.get(name) {
                label.insert(name.clone(), value.clone());
            }
        }
        label.insert(self.time.0.clone(), written(time_ms, self.time.1));
        let kind = if fraud { "CONFIRMED" } else { "CLEARED" };
        label.insert(self.kind.clone(), kind.into());
        let header = match &self.record_type {
            RecordType::Header(name) => Some(name.clone()),
            RecordType::Field(name) => {
                label.insert(name.clone(), "label".into());
                None
            }
        };
        let json = serde_json::to_vec(&label)?;
        self.waiting.push_back(Label {
            time_ms,
            key: key.to_owned(),
            json,
            header,
        });
        Ok(())
    }

    /// The next label that takes effect at or before `time_ms`.
    pub fn due(&mut self, time_ms: i64) -> Option<Label> {
        let is_due = self.waiting.front()?.time_ms <= time_ms;
        is_due.then(|| self.waiting.pop_front())?
    }
}

/// The top-level field that `column` is read from.
fn site_name(decode: &DecodeSettings, column: Column) -> Result<String> {
    match decode.fields.get(column.name()) {
        None => Ok(column.name().to_owned()),
        Some(FieldSource::Path(path)) if !path.contains(['.', '\\']) => Ok(path.clone()),
        Some(_) => bail!(
            "label records can only be made where `{}` is a plain field of the record; it is mapped otherwise in [decode.fields]",
            column.name()
        ),
    }
}

/// A time as the configuration reads it.
fn written(time_ms: i64, format: TimeFormat) -> Value {
    match format {
        TimeFormat::Ms | TimeFormat::Auto => time_ms.into(),
        TimeFormat::Us => (time_ms * 1_000).into(),
        TimeFormat::Ns => (time_ms * 1_000_000).into(),
        TimeFormat::S => Value::from(time_ms as f64 / 1e3),
        TimeFormat::Rfc3339 => jiff::Timestamp::from_millisecond(time_ms)
            .map_or_else(|_| time_ms.into(), |time| time.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> DecodeSettings {
        toml::from_str(text).unwrap()
    }

    const HANDBOOK: &str = "
        [fields]
        event_id = 'TRANSACTION_ID'
        terminal_id = 'TERMINAL_ID'
        event_time = 'TX_DATETIME'
        [units]
        event_time = 'rfc3339'
        [record_type]
        header = 'record_type'";

    #[test]
    fn labels_wait_and_carry_what_joins_them() {
        let key = KeySpec::from_names(&["terminal_id"]).unwrap();
        let mut labels = Labels::new("TX_FRAUD", 1_000, &settings(HANDBOOK), &key).unwrap();
        let row = br#"{"TRANSACTION_ID":7,"TERMINAL_ID":3,"TX_AMOUNT":1.5,"TX_FRAUD":1}"#;
        labels.plan(row, "3", 1_522_540_831_000).unwrap();
        labels
            .plan(
                br#"{"TRANSACTION_ID":8,"TX_FRAUD":null}"#,
                "3",
                1_522_540_831_000,
            )
            .unwrap();
        assert!(labels.due(1_522_540_831_999).is_none());
        let label = labels.due(1_522_540_832_000).unwrap();
        assert_eq!(label.header.as_deref(), Some("record_type"));
        assert_eq!(
            String::from_utf8(label.json).unwrap(),
            r#"{"TERMINAL_ID":3,"TRANSACTION_ID":7,"TX_DATETIME":"2018-04-01T00:00:32Z","label_kind":"CONFIRMED"}"#
        );
        assert!(labels.due(i64::MAX).is_none());
    }

    #[test]
    fn a_configuration_that_cannot_tell_labels_is_refused() {
        let key = KeySpec::from_names(&["terminal_id"]).unwrap();
        let Err(error) = Labels::new("TX_FRAUD", 1, &settings(""), &key) else {
            panic!("labels were accepted")
        };
        assert!(error.to_string().contains("[decode.record_type]"));
    }
}
