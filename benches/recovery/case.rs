//! The lanes that are restored.

use clap::ValueEnum;
use tillwatch_engine::{Assembly, Lane};
use tillwatch_records::Column;
use tillwatch_simulator::{FieldSet, SimulatorSettings};

use crate::fill::{Batch, fill};
use crate::lanes::assembly;
use crate::raw::RawStream;
use crate::stream::{BATCH_RECORDS, Stream};

/// Records of each terminal that the target speaks of.
pub const RECORDS_JUDGED: u32 = 20;

/// How busy the fleet is, against a real one: so 20 records of a terminal are about a day.
const ACTIVITY: f64 = 0.25;

/// A lane by its catalog and models.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Case {
    /// Job W.
    JobW,
    /// The shipped catalog with the shipped models.
    CardPresent,
}

/// An endless row of batches.
pub type Batches = Box<dyn FnMut() -> Batch + Send>;

impl Case {
    pub fn name(self) -> &'static str {
        match self {
            Self::JobW => "job-w",
            Self::CardPresent => "card-present",
        }
    }

    /// Terminals that the target speaks of.
    pub fn keys_judged(self) -> u32 {
        match self {
            Self::JobW => 1_000_000,
            Self::CardPresent => 200_000,
        }
    }

    pub fn assembly(self) -> Assembly {
        match self {
            Self::JobW => assembly("models/features/job-w.toml", "examples/job-w/model"),
            Self::CardPresent => assembly(
                "models/features/card-present.toml",
                "models/terminal-ensemble",
            ),
        }
    }

    /// What `keys` terminals send, `records` of each in a day; where it is decoded already, with these
    /// columns.
    pub fn batches(self, columns: Vec<Column>, keys: u32, records: u32) -> Batches {
        match self {
            Self::JobW => {
                let mut stream = Stream::new(columns, keys.into(), records.into());
                Box::new(move || Batch::Events(stream.batch(BATCH_RECORDS)))
            }
            Self::CardPresent => {
                let stream = RawStream::new(&SimulatorSettings {
                    terminals: keys,
                    activity: ACTIVITY,
                    fields: FieldSet::Full,
                    ..SimulatorSettings::default()
                });
                let mut stream = stream.unwrap();
                Box::new(move || Batch::Raw(stream.batch(BATCH_RECORDS)))
            }
        }
    }

    /// Lets `lane` take at least `records` records; how many it took.
    pub fn feed(lane: &mut Lane, batches: &mut Batches, records: u64) -> u64 {
        let count = records.div_ceil(BATCH_RECORDS as u64);
        fill(lane, count, batches);
        count * BATCH_RECORDS as u64
    }
}
