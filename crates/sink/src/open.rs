//! From settings to sinks.

use std::sync::Arc;
use std::time::Duration;

use crate::error::SinkError;
use crate::fan_out::FanOut;
use crate::file::{self, ParquetSink};
use crate::kafka::{self, KafkaFindings, KafkaSink, OnceSink};
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
    settings.check_together()?;
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
    check_one(settings, around)?;
    Ok(match settings.kind {
        SinkKind::Kafka if settings.is_exactly_once() => {
            Arc::new(OnceSink::open(settings, around)?)
        }
        SinkKind::Kafka => Arc::new(KafkaSink::open(settings, around)?),
        SinkKind::Parquet => Arc::new(ParquetSink::open(settings, around)?),
        SinkKind::Jsonl => Arc::new(LineSink::in_directory(settings, around)?),
        SinkKind::Stdout => Arc::new(LineSink::on_stdout(settings, around)?),
    })
}

/// Whether [`open`] would refuse the sinks of a configuration, as far as that can be told without a
/// broker and without touching a directory. Gives a problem of each sink that has one.
pub fn check(settings: &SinksSettings, around: &Surroundings) -> Vec<SinkError> {
    let together = std::iter::once_with(|| settings.check_together());
    let checked = settings.0.iter().map(|one| check_one(one, around));
    checked.chain(together).filter_map(Result::err).collect()
}

fn check_one(settings: &SinkSettings, around: &Surroundings) -> Result<(), SinkError> {
    settings.validate()?;
    match settings.kind {
        SinkKind::Kafka => kafka::check(settings, around),
        SinkKind::Parquet | SinkKind::Jsonl | SinkKind::Stdout => Ok(()),
    }
}

/// Whether one sink could write: its directory can be written, or what the cluster says of its topics.
/// Nothing is left behind but a directory that was missing.
///
/// # Errors
/// [`SinkError::Settings`], [`SinkError::Kafka`] or [`SinkError::File`]. Brokers that do not answer,
/// and topics that are missing, are no error but part of what is found.
pub fn probe(
    settings: &SinkSettings,
    around: &Surroundings,
    timeout: Duration,
) -> Result<Option<KafkaFindings>, SinkError> {
    check_one(settings, around)?;
    match (settings.kind, &settings.file) {
        (SinkKind::Kafka, _) => kafka::probe(settings, around, timeout).map(Some),
        (_, Some(file)) => file::probe(&file.directory).map(|()| None),
        (_, None) => Ok(None),
    }
}
