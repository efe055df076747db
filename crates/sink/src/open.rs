//! From settings to sinks.

use std::sync::Arc;
use std::time::Duration;

use crate::error::SinkError;
use crate::fan_out::FanOut;
use crate::file::{self, ParquetSink};
use crate::kafka::{self, KafkaSink};
use crate::lines::LineSink;
use crate::settings::{SinkKind, SinkSettings, SinksSettings};
use crate::sink::Sink;
use crate::surroundings::Surroundings;

/// Opens the sinks of a configuration as one.
///
/// # Errors
/// [`SinkError::Settings`], [`SinkError::Kafka`] or [`SinkError::File`]. Brokers that are away are
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
