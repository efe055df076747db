//! Decoded records of a simulated fleet.

use std::error::Error;
use std::sync::Arc;

use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_feature_extraction::Plan;
use tillwatch_records::{Column, EventBatch, KeySpec, Projection, RawBatch, TopicPartition};
use tillwatch_simulator::{FieldSet, Fleet, SimulatorSettings};

/// An endless stream of transactions with all columns that the shipped models read.
pub struct Simulated {
    fleet: Fleet,
    decoder: Decoder,
    payload: Vec<u8>,
    offset: i64,
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
        let fleet = Fleet::new(&SimulatorSettings {
            terminals,
            activity,
            fields: FieldSet::Full,
            ..SimulatorSettings::default()
        })?;
        Ok(Self {
            fleet,
            decoder: Decoder::new(Arc::new(decode)),
            payload: Vec::new(),
            offset: 0,
        })
    }

    /// The next `records`.
    pub fn batch(&mut self, records: usize) -> EventBatch {
        let mut raw = RawBatch::new(TopicPartition::new("bench", 0));
        for _ in 0..records {
            self.payload.clear();
            let made = self.fleet.next(&mut self.payload);
            let arrival_ms = Some(made.arrival_ms);
            raw.push(
                self.offset,
                arrival_ms,
                Some(&made.key),
                Some(&self.payload),
                [],
            );
            self.offset += 1;
        }
        self.decoder.decode(&raw).events
    }
}
