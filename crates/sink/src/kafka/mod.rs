//! Scores, alerts and dead letters to Kafka topics.

mod config;
mod outbox;
#[cfg(test)]
mod tests;
mod writer;

use std::time::Duration;

use tillwatch_kafka::{BulkMessage, OutRecord, Topic, TopicStatus, describe};
use tillwatch_records::{ScoreBatch, Ticket};

use crate::{
    Clock, CountersSnapshot, DeadLetter, Output, ScoreEncoder, Sink, SinkError, SinkSettings,
    Surroundings,
};
use outbox::{Group, Outbox, State};
pub use writer::RecordWriter;

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
    scores: Option<Topic<State>>,
    alerts: Option<Topic<State>>,
    dead_letters: Option<String>,
    features: bool,
    clock: Option<Clock>,
    outbox: Outbox,
}

impl KafkaSink {
    /// A client for the topics of `settings`. Does not wait for a broker.
    ///
    /// # Errors
    /// [`SinkError::Kafka`] when there is no `bootstrap.servers` or librdkafka refuses a property.
    pub fn open(settings: &SinkSettings, around: &Surroundings) -> Result<Self, SinkError> {
        let config = config::producer(&settings.properties, &around.properties)?;
        let outbox = Outbox::start(&config)?;
        let names = settings.topics();
        let topic = |output, name: &str| {
            settings
                .takes(output)
                .then(|| outbox.topic(name))
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
            outbox,
        })
    }

    fn write_scores(
        &self,
        topic: &Topic<State>,
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
            self.outbox.produce(topic, &lines.messages(keys), group)?;
        }
        Ok(())
    }

    fn write_alerts(
        &self,
        topic: &Topic<State>,
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
            self.outbox.produce(topic, &lines.messages(keys), group)?;
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
            self.outbox.counters().batch(scores.len(), 0);
        }
        if let Some(topic) = &self.alerts
            && !scores.alerts.is_empty()
        {
            self.write_alerts(topic, &encoder, scores, &group)?;
            self.outbox.counters().batch(0, scores.alerts.len());
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
        let group = Group::of(ticket);
        with_headers(letter, |headers| self.outbox.send(&record, headers, &group))?;
        self.outbox.counters().dead_letter(letter.reason);
        Ok(())
    }

    fn flush(&self, timeout: Duration) -> Result<(), SinkError> {
        self.outbox.flush(timeout)
    }

    fn close(&self) {
        self.outbox.close();
    }

    fn counters(&self) -> CountersSnapshot {
        self.outbox.counters().snapshot()
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

    fn messages<'a>(&'a self, keys: impl Iterator<Item = Option<&'a str>>) -> Vec<BulkMessage<'a>> {
        let mut start = 0;
        let values = self.ends.iter().map(|end| {
            let value = &self.bytes[start..*end];
            start = *end;
            value
        });
        keys.zip(values)
            .map(|(key, payload)| BulkMessage {
                key: key.map(str::as_bytes),
                payload,
            })
            .collect()
    }
}

/// Calls `send` with the headers of a dead letter: those of its record, then where it came from and why it
/// was refused.
fn with_headers<T>(letter: &DeadLetter<'_>, send: impl FnOnce(&[(&str, Option<&[u8]>)]) -> T) -> T {
    let record = &letter.record;
    let (mut partition, mut offset, mut timestamp) = (
        itoa::Buffer::new(),
        itoa::Buffer::new(),
        itoa::Buffer::new(),
    );
    let timestamp = record.timestamp_ms.map(|time| timestamp.format(time));
    let ours = [
        ("tillwatch.reason", Some(letter.reason)),
        ("tillwatch.detail", Some(letter.detail)),
        ("tillwatch.topic", Some(&*letter.source.topic)),
        (
            "tillwatch.partition",
            Some(partition.format(letter.source.partition)),
        ),
        ("tillwatch.offset", Some(offset.format(record.offset))),
        ("tillwatch.timestamp", timestamp),
    ];
    let mut headers: Vec<(&str, Option<&[u8]>)> = record.headers().collect();
    for (name, value) in ours {
        headers.extend(value.map(|value| (name, Some(value.as_bytes()))));
    }
    send(&headers)
}

/// Problems of reaching the topics of `settings`.
pub(crate) fn probe(
    settings: &SinkSettings,
    around: &Surroundings,
    timeout: Duration,
) -> Vec<SinkError> {
    let names = settings.topics();
    let written: Vec<String> = [
        (Output::Scores, names.scores),
        (Output::Alerts, names.alerts),
        (Output::DeadLetters, names.dead_letters),
    ]
    .into_iter()
    .filter(|(output, _)| settings.takes(*output))
    .map(|(_, name)| name)
    .collect();
    let config = config::producer(&settings.properties, &around.properties);
    let described = config.and_then(|config| describe(&config, &written, timeout));
    let problem = |topic: TopicStatus| match (topic.partitions, topic.problem) {
        (_, Some(problem)) => Some(SinkError::TopicRefused {
            topic: topic.name,
            problem,
        }),
        (None, None) => Some(SinkError::TopicMissing { topic: topic.name }),
        (Some(_), None) => None,
    };
    match described {
        Ok(topics) => topics.into_iter().filter_map(problem).collect(),
        Err(error) => vec![error.into()],
    }
}
