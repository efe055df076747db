//! Labels as records that are sent after their transactions.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};
use tillwatch_decode::{Constant, DecodeSettings, EventTimeWriter, FieldOrigin};
use tillwatch_records::{Column, KeySpec};

use super::outcome::{NoOutcome, Outcome};
use super::refused::RefusedLabels;
use super::words::{FRAUD, NO_FRAUD, is_constant};
use crate::config::LabelSettings;

/// A label record, ready to be sent.
#[derive(Debug)]
pub struct Label {
    /// Number of the row whose outcome it is.
    pub row: i64,
    /// When it takes effect, milliseconds since 1970.
    pub time_ms: i64,
    /// Entity key, the transaction's own.
    pub key: String,
    pub json: Vec<u8>,
    /// Header that says `label`, where the configuration tells record types by one.
    pub header: Option<String>,
}

/// Makes a label record of each row and holds it back for the delay.
pub struct LabelRecords {
    outcome: Outcome,
    delay_ms: i64,
    /// The site's names of event id and key columns: what a label is joined by.
    joined_by: Vec<String>,
    time: (String, EventTimeWriter),
    kind: String,
    record_type: RecordType,
    waiting: VecDeque<Label>,
    refused: RefusedLabels,
}

/// How a scorer with this configuration knows a label.
enum RecordType {
    Header(String),
    Field(String),
}

impl LabelRecords {
    /// Label records as `settings` say; `key` has every column that they are joined by besides the
    /// event id.
    pub fn new(settings: &LabelSettings, decode: &DecodeSettings, key: &KeySpec) -> Result<Self> {
        let joined_by = std::iter::once(Column::EventId).chain(key.columns().iter().copied());
        // What is the same in every record need not be in it.
        let joined_by = joined_by.filter(|column| !is_constant(decode, *column));
        let record_type = match (&decode.record_type.header, &decode.record_type.field) {
            (Some(header), _) => RecordType::Header(header.clone()),
            (None, Some(field)) => RecordType::Field(field.clone()),
            (None, None) => bail!(
                "label records cannot be told from transactions: set `header` or `field` in \
                 [decode.record_type]"
            ),
        };
        Ok(Self {
            outcome: Outcome::new(&settings.column),
            delay_ms: settings.delay.as_ms(),
            joined_by: joined_by
                .map(|column| site_name(decode, column))
                .collect::<Result<_>>()?,
            time: (
                site_name(decode, Column::EventTime)?,
                EventTimeWriter::new(decode)?,
            ),
            kind: site_name(decode, Column::LabelKind)?,
            record_type,
            waiting: VecDeque::new(),
            refused: RefusedLabels::default(),
        })
    }

    /// Plans the label of row `number`, if its outcome is known. One that cannot be read is noted and not
    /// sent.
    pub fn plan(&mut self, number: i64, row: &[u8], key: &str, time_ms: i64) -> Result<()> {
        let is_fraud = match self.outcome.of(row) {
            Ok(None) => return Ok(()),
            Ok(Some(is_fraud)) => is_fraud,
            Err(NoOutcome) => {
                self.refused.note(number);
                return Ok(());
            }
        };
        self.refused.note_read();
        let row: Map<String, Value> =
            serde_json::from_slice(row).context("it is not a JSON object")?;
        let time_ms = time_ms + self.delay_ms;
        let mut label = Map::new();
        for name in &self.joined_by {
            if let Some(value) = row.get(name) {
                label.insert(name.clone(), value.clone());
            }
        }
        label.insert(self.time.0.clone(), value(self.time.1.write(time_ms)));
        let kind = if is_fraud { FRAUD } else { NO_FRAUD };
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
            row: number,
            time_ms,
            key: key.to_owned(),
            json,
            header,
        });
        Ok(())
    }

    /// The rows whose label cannot be read.
    pub fn refused(&self) -> &RefusedLabels {
        &self.refused
    }

    /// The column that labels are made from.
    pub fn column(&self) -> &str {
        self.outcome.column()
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
        Some(FieldOrigin::Path(path)) if !path.contains(['.', '[', '\\']) => Ok(path.clone()),
        Some(_) => bail!(
            "label records can only be made where `{}` is a plain field of the record; it is \
             mapped otherwise in [decode.fields]",
            column.name()
        ),
    }
}

/// A value of a record.
fn value(written: Constant) -> Value {
    match written {
        Constant::Text(text) => text.into(),
        Constant::Integer(number) => number.into(),
        Constant::Float(number) => number.into(),
    }
}
