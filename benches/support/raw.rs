//! Records of a simulated fleet as they come from a topic.

use tillwatch_records::{RawBatch, TopicPartition};
use tillwatch_simulator::{Fleet, SimulatorError, SimulatorSettings};

/// An endless stream of records of one partition, which came when the fleet's clock said so.
pub struct RawStream {
    fleet: Fleet,
    payload: Vec<u8>,
    offset: i64,
}

impl RawStream {
    /// What the fleet that `settings` describe sends.
    pub fn new(settings: &SimulatorSettings) -> Result<Self, SimulatorError> {
        Ok(Self {
            fleet: Fleet::new(settings)?,
            payload: Vec::new(),
            offset: 0,
        })
    }

    /// The next `records`.
    pub fn batch(&mut self, records: usize) -> RawBatch {
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
        raw
    }
}
