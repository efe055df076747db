//! Scores, alerts and dead letters to Kafka topics.

mod blame;
mod clients;
mod config;
mod forms;
mod kept;
mod letter;
mod once;
mod outbox;
mod owed;
mod probe;
mod reduced_score;
mod resender;
mod silence;
mod state;
#[cfg(test)]
mod tests;
mod troubles;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tillwatch_kafka::{BulkMessage, OutRecord};
use tillwatch_records::{ScoreBatch, Ticket};

use crate::{
    Clock, CountersSnapshot, DeadLetter, Output, ScoreEncoder, Sink, SinkError, SinkSettings,
    SinkStatus, Surroundings,
};
pub(crate) use config::producer;
use letter::{Header, Note};
pub use once::OnceSink;
use outbox::Outbox;
use owed::{Group, What};
pub use probe::KafkaFindings;
pub(crate) use probe::{check, probe};
pub use writer::RecordWriter;

/// Scores that are encoded and handed over at once: enough to spread the fixed cost of a hand-over,
/// few enough that their bytes are still in the processor's cache when the client copies them.
const CHUNK_RECORDS: usize = 256;

/// Bytes reserved per score; longer ones make the buffer grow.
const SCORE_BYTES_TYPICAL: usize = 384;

/// Writes to Kafka, keyed by entity key, partitioned like Kafka's Java client.
///
/// A broker that is away is waited for without end (`message.timeout.ms` is 0), and so is a topic that is
/// missing or that we may not write to. What a broker refuses for a record's own sake is sent in a reduced
/// form; what it refuses in every form is counted and dropped. So nothing that a record holds stops the
/// records after it: `docs/rfc/0003-dead-letters.md`. Defaults that `properties` override:
/// `enable.idempotence=true` (hence `acks=all`), `partitioner=murmur2_random`, `message.timeout.ms=0`,
/// `linger.ms`, `compression.type`, `queue.buffering.max.messages`, `queue.buffering.max.kbytes`,
/// `message.max.bytes`, `topic.metadata.propagation.max.ms`: see `config.rs` for the values and why.
///
/// A dead letter keeps the key, value and headers of its record, has the time of sending as its timestamp,
/// and these headers more, after those of the record: `tillwatch.reason`, `tillwatch.detail`,
/// `tillwatch.topic`, `tillwatch.partition`, `tillwatch.offset`, `tillwatch.timestamp` (the record's, when
/// it had one). A reduced one says why in `tillwatch.reduced`, and what the record was in
/// `tillwatch.key.bytes`, `tillwatch.payload.bytes`, `tillwatch.payload.sha256` (hexadecimal),
/// `tillwatch.headers` (their number) and `tillwatch.headers.bytes`.
pub struct KafkaSink {
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
        let [bulk, alone] = config::producers(&settings.properties, &around.properties)?;
        let names = settings.topics();
        let name = |output, name: String| settings.takes(output).then_some(name);
        let dead_letters = name(Output::DeadLetters, names.dead_letters);
        let names = [
            name(Output::Scores, names.scores),
            name(Output::Alerts, names.alerts),
            dead_letters.clone(),
        ];
        Ok(Self {
            dead_letters,
            features: settings.features,
            clock: around.clock.clone(),
            outbox: Outbox::start(bulk, alone, names)?,
        })
    }

    fn write_scores(
        &self,
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
            let messages = lines.messages(keys);
            self.outbox.produce(Output::Scores, &messages, group)?;
        }
        Ok(())
    }

    fn write_alerts(
        &self,
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
            let messages = lines.messages(keys);
            self.outbox.produce(Output::Alerts, &messages, group)?;
        }
        Ok(())
    }
}

impl Sink for KafkaSink {
    fn write(&self, scores: &ScoreBatch, ticket: &Ticket) -> Result<(), SinkError> {
        let encoder = ScoreEncoder::new(scores, self.features);
        if self.outbox.takes(Output::Scores) {
            let group = Group::of(ticket, What::Score);
            self.write_scores(&encoder, scores.len(), &group)?;
            self.outbox.counters().batch(scores.len(), 0);
        }
        if self.outbox.takes(Output::Alerts) && !scores.alerts.is_empty() {
            let group = Group::of(ticket, What::Alert);
            self.write_alerts(&encoder, scores, &group)?;
            self.outbox.counters().batch(0, scores.alerts.len());
        }
        Ok(())
    }

    fn dead_letter(&self, letter: &DeadLetter<'_>, ticket: &Ticket) -> Result<(), SinkError> {
        let Some(topic) = &self.dead_letters else {
            return Ok(());
        };
        let record = &letter.record;
        let note = Note::of(letter);
        let ours = note.headers();
        let mut headers: Vec<Header<'_>> = record.headers().collect();
        let values = ours.iter();
        headers.extend(values.map(|(name, value)| (*name, Some(value.as_bytes()))));
        let what = What::Letter {
            note: Arc::new(note),
            weight: letter::wire_bytes(record, &headers),
        };
        let out = OutRecord {
            topic,
            partition: None,
            key: record.key,
            payload: record.payload,
            // So that the topic keeps it for its full time, however old the record is.
            timestamp_ms: None,
        };
        let group = Group::of(ticket, what);
        self.outbox.send_letter(&out, &headers, &group)?;
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

    fn status(&self) -> SinkStatus {
        self.outbox.status()
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
