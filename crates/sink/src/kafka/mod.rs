//! Scores, alerts and dead letters to Kafka topics.

mod config;
mod native;
mod producer;
#[cfg(test)]
mod tests;
mod writer;

use std::time::Duration;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, Producer as _};
use tillwatch_records::{ScoreBatch, Ticket};

use crate::{
    Clock, CountersSnapshot, DeadLetter, Output, ScoreEncoder, Sink, SinkError, SinkSettings,
    Surroundings,
};
use native::{Message, Topic};
use producer::{Group, Producer};
pub use writer::{OutRecord, RecordWriter};

/// Scores that are encoded and handed over at once: enough to spread the fixed cost of a hand-over,
/// few enough that their bytes are still in the processor's cache when the client copies them.
const CHUNK_RECORDS: usize = 256;

/// Bytes reserved per score; longer ones make the buffer grow.
const SCORE_BYTES_TYPICAL: usize = 384;

/// Writes to Kafka, keyed by entity key, partitioned like Kafka's Java client.
///
/// A broker that is away is waited for without end (`message.timeout.ms` is 0), so nothing is given
/// up but what can never be sent. Defaults that `properties` override: `enable.idempotence=true`
/// (hence `acks=all`), `partitioner=murmur2_random`, `message.timeout.ms=0`, `linger.ms`,
/// `compression.type`, `queue.buffering.max.messages`, `queue.buffering.max.kbytes`,
/// `message.max.bytes`: see `config.rs` for the values and why.
///
/// A dead letter keeps the key, value, timestamp and headers of its record, and has these headers
/// more: `tillwatch.reason`, `tillwatch.detail`, `tillwatch.topic`, `tillwatch.partition`,
/// `tillwatch.offset`, `tillwatch.timestamp` (when the record had one).
pub struct KafkaSink {
    // Topics refer to the client and must go before it.
    scores: Option<Topic>,
    alerts: Option<Topic>,
    dead_letters: Option<String>,
    features: bool,
    clock: Option<Clock>,
    producer: Producer,
}

impl KafkaSink {
    /// A client for the topics of `settings`. Does not wait for a broker.
    ///
    /// # Errors
    /// [`SinkError::Client`] when librdkafka refuses a property, [`SinkError::Settings`] when there
    /// is no `bootstrap.servers`.
    pub fn open(settings: &SinkSettings, around: &Surroundings) -> Result<Self, SinkError> {
        let config = config::producer(&settings.properties, &around.properties)?;
        let producer = Producer::start(&config)?;
        let names = settings.topics();
        let topic = |output, name: &str| {
            settings
                .takes(output)
                .then(|| Topic::new(producer.client(), name))
                .transpose()
        };
        Ok(Self {
            scores: topic(Output::Scores, &names.scores)?,
            alerts: topic(Output::Alerts, &names.alerts)?,
            dead_letters: settings
                .takes(Output::DeadLetters)
                .then_some(names.dead_letters),
            features: settings.features,
            clock: around.clock.clone(),
            producer,
        })
    }

    fn write_scores(
        &self,
        topic: &Topic,
        encoder: &ScoreEncoder<'_>,
        rows: usize,
        group: &Group,
    ) -> Result<(), SinkError> {
        let mut lines = Lines::with_capacity(rows.min(CHUNK_RECORDS));
        for start in (0..rows).step_by(CHUNK_RECORDS) {
            let chunk = start..rows.min(start + CHUNK_RECORDS);
            lines.clear();
            for row in chunk.clone() {
                lines.push(|out| encoder.score(row, out));
            }
            let keys = chunk.map(|row| encoder.key(row));
            self.producer.produce(topic, &lines.messages(keys), group)?;
        }
        Ok(())
    }

    fn write_alerts(
        &self,
        topic: &Topic,
        encoder: &ScoreEncoder<'_>,
        scores: &ScoreBatch,
        group: &Group,
    ) -> Result<(), SinkError> {
        let now = self.clock.as_ref().map(|clock| clock());
        let mut lines = Lines::with_capacity(scores.alerts.len().min(CHUNK_RECORDS));
        for alerts in scores.alerts.chunks(CHUNK_RECORDS) {
            lines.clear();
            for alert in alerts {
                lines.push(|out| encoder.alert(alert, now, out));
            }
            let keys = alerts.iter().map(|alert| encoder.key(alert.row as usize));
            self.producer.produce(topic, &lines.messages(keys), group)?;
        }
        Ok(())
    }
}

impl Sink for KafkaSink {
    fn write(&self, scores: &ScoreBatch, ticket: &Ticket) -> Result<(), SinkError> {
        let group = Group::of(ticket);
        let encoder = ScoreEncoder::new(scores, self.features);
        if let Some(topic) = &self.scores {
            self.write_scores(topic, &encoder, scores.len(), &group)?;
            self.producer.counters().batch(scores.len(), 0);
        }
        if let Some(topic) = &self.alerts
            && !scores.alerts.is_empty()
        {
            self.write_alerts(topic, &encoder, scores, &group)?;
            self.producer.counters().batch(0, scores.alerts.len());
        }
        Ok(())
    }

    fn dead_letter(&self, letter: &DeadLetter<'_>, ticket: &Ticket) -> Result<(), SinkError> {
        let Some(topic) = &self.dead_letters else {
            return Ok(());
        };
        let record = OutRecord {
            topic,
            partition: None,
            key: letter.record.key,
            payload: letter.record.payload,
            timestamp_ms: letter.record.timestamp_ms,
        };
        self.producer.send(
            &record,
            Some(dead_letter_headers(letter)),
            &Group::of(ticket),
        )?;
        self.producer.counters().dead_letter(letter.reason);
        Ok(())
    }

    fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        self.producer.flush(timeout)
    }

    fn close(&self) {
        self.producer.close();
    }

    fn counters(&self) -> CountersSnapshot {
        self.producer.counters().snapshot()
    }
}

/// Encoded values back to back.
struct Lines {
    bytes: Vec<u8>,
    /// End of each value in `bytes`; ascending.
    ends: Vec<usize>,
}

impl Lines {
    fn with_capacity(lines: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(lines * SCORE_BYTES_TYPICAL),
            ends: Vec::with_capacity(lines),
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    fn messages<'a>(&'a self, keys: impl Iterator<Item = Option<&'a str>>) -> Vec<Message<'a>> {
        let mut start = 0;
        let values = self.ends.iter().map(|end| {
            let value = &self.bytes[start..*end];
            start = *end;
            value
        });
        keys.zip(values)
            .map(|(key, payload)| Message {
                key: key.map(str::as_bytes),
                payload,
            })
            .collect()
    }
}

fn dead_letter_headers(letter: &DeadLetter<'_>) -> OwnedHeaders {
    let record = &letter.record;
    let mut headers = OwnedHeaders::new_with_capacity(8);
    for (key, value) in record.headers() {
        headers = headers.insert(Header { key, value });
    }
    let mut buffer = itoa::Buffer::new();
    let mut insert = |key: &str, value: &str| {
        headers = std::mem::take(&mut headers).insert(Header {
            key,
            value: Some(value),
        });
    };
    insert("tillwatch.reason", letter.reason);
    insert("tillwatch.detail", letter.detail);
    insert("tillwatch.topic", &letter.source.topic);
    insert(
        "tillwatch.partition",
        buffer.format(letter.source.partition),
    );
    insert("tillwatch.offset", buffer.format(record.offset));
    if let Some(timestamp) = record.timestamp_ms {
        insert("tillwatch.timestamp", buffer.format(timestamp));
    }
    headers
}

/// Problems of reaching the topics of `settings`.
pub(crate) fn probe(
    settings: &SinkSettings,
    around: &Surroundings,
    timeout: Duration,
) -> Vec<SinkError> {
    let metadata = config::producer(&settings.properties, &around.properties).and_then(|config| {
        let client: BaseProducer = config.create().map_err(producer::client_error)?;
        // All topics are asked for: naming one could make the broker create it.
        let metadata = client.client().fetch_metadata(None, timeout);
        metadata.map_err(|error| SinkError::Unreachable {
            brokers: config::brokers(&config),
            waited: timeout,
            detail: error.to_string(),
        })
    });
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(error) => return vec![error],
    };
    let names = settings.topics();
    [
        (Output::Scores, names.scores),
        (Output::Alerts, names.alerts),
        (Output::DeadLetters, names.dead_letters),
    ]
    .into_iter()
    .filter(|(output, name)| {
        settings.takes(*output) && !metadata.topics().iter().any(|topic| topic.name() == name)
    })
    .map(|(_, topic)| SinkError::TopicMissing { topic })
    .collect()
}
