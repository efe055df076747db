//! Whether the brokers answer and topics exist, without joining a group.

use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};

use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::trouble::{ErrorCode, Trouble};
use crate::waker::now;

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

/// Asks the brokers about `topics`, waiting at most `timeout` in all. Asking creates none.
///
/// # Errors
/// [`KafkaError::Unreachable`] when no broker answers in time, [`KafkaError::Authentication`] when it
/// refuses us.
pub fn describe(
    config: &ClientConfig,
    topics: &[String],
    timeout: Duration,
) -> Result<Vec<TopicStatus>, KafkaError> {
    let mut inner = config.inner().clone();
    // Without a group the client asks metadata only. What it logs is in the error that we return.
    inner.remove("group.id");
    inner.set("allow.auto.create.topics", "false");
    let client: BaseConsumer<Quiet> = inner
        .create_with_context(Quiet::default())
        .map_err(|error| KafkaError::Client(error.to_string()))?;
    let deadline = now() + timeout;
    topics
        .iter()
        .map(|topic| {
            let left = deadline.saturating_duration_since(now());
            status(&client, topic, left.max(Duration::from_millis(1)))
                .map_err(|error| explain(&client, config, timeout, &error))
        })
        .collect()
}

/// Keeps the last error's words instead of logging them.
#[derive(Default)]
struct Quiet {
    last: Mutex<Option<(ErrorCode, String)>>,
}

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: BindingError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        let mut last = self.last.lock();
        // "All brokers down" follows the error that says why.
        if Trouble::of(code) != Trouble::BrokersDown || last.is_none() {
            *last = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Quiet {}

fn status(
    client: &BaseConsumer<Quiet>,
    topic: &str,
    timeout: Duration,
) -> Result<TopicStatus, BindingError> {
    let metadata = client.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let error = found.and_then(MetadataTopic::error).map(ErrorCode::from);
    let is_missing = error.is_some_and(|code| Trouble::of(code) == Trouble::TopicMissing);
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
    config: &ClientConfig,
    timeout: Duration,
    error: &BindingError,
) -> KafkaError {
    // Errors wait in the event queue until somebody polls.
    for _ in 0..100 {
        if client.poll(Duration::ZERO).is_none() {
            break;
        }
    }
    match client.context().last.lock().clone() {
        Some((code, reason)) if Trouble::of(code) == Trouble::Authentication => {
            KafkaError::Authentication(reason)
        }
        last => KafkaError::Unreachable {
            brokers: config.brokers().to_owned(),
            waited: timeout,
            reason: last.map_or_else(|| error.to_string(), |(_, reason)| reason),
        },
    }
}
