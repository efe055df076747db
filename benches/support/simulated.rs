//! Decoded records of a simulated fleet.

use std::error::Error;
use std::sync::Arc;

use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::Plan;
use tillwatch_records::{Column, EventBatch, KeySpec, Projection};
use tillwatch_simulator::{FieldSet, SimulatorSettings};

use crate::raw::RawStream;

/// An endless stream of transactions with all columns that the shipped models read.
pub struct Simulated {
    stream: RawStream,
    decoder: Decoder,
}

impl Simulated {
    /// `terminals` terminals, `activity` times as busy as usual, as `plan` reads them.
    pub fn new(plan: &Plan, terminals: u32, activity: f64) -> Result<Self, Box<dyn Error>> {
        let key = KeySpec::terminal();
        let columns = [Column::EventId, Column::EventTime]
            .into_iter()
            .chain(key.columns().iter().copied())
            .chain(plan.columns_needed());
        let projection = Arc::new(Projection::new(columns));
        let decode = DecodePlan::new(&DecodeSettings::default(), projection, &key)?;
        let stream = RawStream::new(&SimulatorSettings {
            terminals,
            activity,
            fields: FieldSet::Full,
            ..SimulatorSettings::default()
        })?;
        Ok(Self {
            stream,
            decoder: Decoder::new(Arc::new(decode)),
        })
    }

    /// The next `records`.
    pub fn batch(&mut self, records: usize) -> EventBatch {
        self.decoder.decode(&self.stream.batch(records)).events
    }
}
