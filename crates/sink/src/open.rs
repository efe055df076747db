//! From settings to sinks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::file::{self, ParquetSink};
use crate::kafka::{self, KafkaSink};
use crate::{FanOut, LineSink, Sink, SinkError, SinkKind, SinkSettings, SinksSettings};

/// The time now, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a sink takes from around it.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// librdkafka properties that source and sink share, such as `bootstrap.servers` and those of TLS
    /// and SASL. A sink's own `properties` override them.
    pub properties: BTreeMap<String, String>,
    /// Stamps alerts with their `decision_time`; without it they carry none, and equal input gives
    /// equal bytes.
    pub clock: Option<Clock>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are left out: there are passwords among them.
        f.debug_struct("Surroundings")
            .field("properties", &self.properties.keys())
            .field("clock", &self.clock.is_some())
            .finish()
    }
}

/// Opens the sinks of a configuration as one.
///
/// # Errors
/// [`SinkError::Settings`], [`SinkError::Client`] or [`SinkError::File`]. Brokers that are away are
/// no error: writers wait for them.
pub fn open(settings: &SinksSettings, around: &Surroundings) -> Result<Arc<dyn Sink>, SinkError> {
    let mut sinks = Vec::with_capacity(settings.0.len());
    for one in &settings.0 {
        sinks.push(open_one(one, around)?);
    }
    Ok(match sinks.len() {
        1 => sinks.remove(0),
        _ => Arc::new(FanOut::new(sinks)),
    })
}

fn open_one(settings: &SinkSettings, around: &Surroundings) -> Result<Arc<dyn Sink>, SinkError> {
    settings.validate()?;
    Ok(match settings.kind {
        SinkKind::Kafka => Arc::new(KafkaSink::open(settings, around)?),
        SinkKind::Parquet => Arc::new(ParquetSink::open(settings, around)?),
        SinkKind::Jsonl => Arc::new(LineSink::in_directory(settings, around)?),
        SinkKind::Stdout => Arc::new(LineSink::on_stdout(settings, around)?),
    })
}

/// Whether the sinks of a configuration could write: topics are there, directories can be written.
/// Nothing is left behind. Gives every problem found; none when all is well.
pub fn probe(settings: &SinksSettings, around: &Surroundings, timeout: Duration) -> Vec<SinkError> {
    let mut problems = Vec::new();
    for one in &settings.0 {
        if let Err(error) = one.validate() {
            problems.push(error);
            continue;
        }
        match (one.kind, &one.file) {
            (SinkKind::Kafka, _) => problems.extend(kafka::probe(one, around, timeout)),
            (_, Some(file)) => problems.extend(file::probe(&file.directory).err()),
            (_, None) => {}
        }
    }
    problems
}
