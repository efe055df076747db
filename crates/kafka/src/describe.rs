//! Whether the brokers answer and the topics exist, without joining a group.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::types::RDKafkaErrorCode;

use crate::ConsumerError;
use crate::settings::Properties;
use crate::stop::now;

/// One topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicStatus {
    /// Its name.
    pub name: String,
    /// Its partitions; `None` when the topic does not exist.
    pub partitions: Option<usize>,
    /// Partitions that no broker leads at present.
    pub leaderless: usize,
    /// Why the cluster says nothing about it (not authorised, say).
    pub problem: Option<String>,
}

/// Asks the brokers about `topics`, waiting at most `timeout` in all.
///
/// # Errors
/// [`ConsumerError::Unreachable`] when no broker answers in time, [`ConsumerError::Authentication`]
/// when it refuses us, [`ConsumerError::Property`] for a property that librdkafka does not accept.
pub fn probe(
    properties: &Properties,
    topics: &[String],
    timeout: Duration,
) -> Result<Vec<TopicStatus>, ConsumerError> {
    let mut config = properties.client_config()?;
    // Without a group the client asks metadata only. What it logs is in the error that we return.
    config.remove("group.id");
    let client: BaseConsumer<Quiet> = config
        .create_with_context(Quiet::default())
        .map_err(|error| ConsumerError::Client(error.to_string()))?;
    let deadline = now() + timeout;
    topics
        .iter()
        .map(|topic| {
            let left = deadline.saturating_duration_since(now());
            status(&client, topic, left.max(Duration::from_millis(1)))
                .map_err(|error| explain(&client, properties, timeout, &error))
        })
        .collect()
}

/// Keeps the last error's words instead of logging them.
#[derive(Default)]
struct Quiet {
    last: parking_lot::Mutex<Option<(RDKafkaErrorCode, String)>>,
}

impl rdkafka::ClientContext for Quiet {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        let mut last = self.last.lock();
        // "All brokers down" follows the error that says why.
        if code != RDKafkaErrorCode::AllBrokersDown || last.is_none() {
            *last = Some((code, reason.to_owned()));
        }
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}

fn status(
    client: &BaseConsumer<Quiet>,
    topic: &str,
    timeout: Duration,
) -> Result<TopicStatus, KafkaError> {
    let metadata = client.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let error = found
        .and_then(MetadataTopic::error)
        .map(RDKafkaErrorCode::from);
    let is_missing = error == Some(RDKafkaErrorCode::UnknownTopicOrPartition);
    let known = found.filter(|_| error.is_none());
    Ok(TopicStatus {
        name: topic.to_owned(),
        partitions: known.map(|found| found.partitions().len()),
        leaderless: known.map_or(0, |found| {
            let leaders = found.partitions().iter().map(MetadataPartition::leader);
            leaders.filter(|leader| *leader < 0).count()
        }),
        problem: error.filter(|_| !is_missing).map(|code| code.to_string()),
    })
}

/// Why no answer came, by what the client reported meanwhile.
fn explain(
    client: &BaseConsumer<Quiet>,
    properties: &Properties,
    timeout: Duration,
    error: &KafkaError,
) -> ConsumerError {
    // Errors wait in the event queue until somebody polls.
    for _ in 0..100 {
        if client.poll(Duration::ZERO).is_none() {
            break;
        }
    }
    let last = client.context().last.lock().clone();
    match last {
        Some((RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL, reason)) => {
            ConsumerError::Authentication(reason)
        }
        last => ConsumerError::Unreachable {
            brokers: properties.brokers(),
            timeout_ms: timeout.as_millis(),
            reason: last.map_or_else(|| error.to_string(), |(_, reason)| reason),
        },
    }
}
