//! The first records of stretches of partitions, without joining a group.

use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::message::Message as _;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::native;
use crate::trouble::{ErrorCode, Trouble};
use crate::waker::now;

/// Longest wait for one record, so that the end of a stretch is seen that holds none.
const TURN: Duration = Duration::from_millis(20);

/// Bytes that are fetched at once and ahead: one record of each partition is looked at.
const AHEAD: [(&str, &str); 2] = [
    ("queued.max.messages.kbytes", "1024"),
    ("fetch.message.max.bytes", "65536"),
];

const ACTION: &str = "read the first records";

/// Offsets of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The partition.
    pub source: TopicPartition,
    /// The first of them.
    pub from: i64,
    /// One past the last of them.
    pub to: i64,
}

/// A record that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstRecord {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970, if it has a time.
    pub timestamp_ms: Option<i64>,
}

/// The first record of each of `stretches`, which are of different partitions; `None` for one that holds
/// none: what was deleted, marks of transactions and what was taken back are no records. Nothing is
/// committed. Waits at most `timeout` in all.
///
/// # Errors
/// [`KafkaError::Client`] when librdkafka refuses, [`KafkaError::Call`] with what the brokers say, or that
/// they said nothing in time.
pub fn first_records(
    config: &ClientConfig,
    stretches: &[Stretch],
    timeout: Duration,
) -> Result<Vec<Option<FirstRecord>>, KafkaError> {
    let deadline = now() + timeout;
    let client = begin(config, stretches)?;
    let mut found = vec![None; stretches.len()];
    let mut is_done: Vec<bool> = stretches.iter().map(Stretch::is_empty).collect();
    while !is_done.iter().all(|is_done| *is_done) {
        match client.poll(TURN) {
            Some(Ok(record)) => {
                let at = stretches.iter().position(|stretch| {
                    stretch.source.partition == record.partition()
                        && *stretch.source.topic == *record.topic()
                });
                if let Some(at) = at.filter(|at| !is_done[*at]) {
                    is_done[at] = true;
                    found[at] = Some(FirstRecord {
                        offset: record.offset(),
                        timestamp_ms: record.timestamp().to_millis(),
                    })
                    .filter(|found| stretches[at].holds(found.offset));
                }
            }
            Some(Err(error)) => {
                let code = error.rdkafka_error_code().unwrap_or(ErrorCode::Unknown);
                if Trouble::of(code).is_lasting() {
                    return Err(failed(code));
                }
            }
            None => {}
        }
        for (stretch, is_done) in stretches.iter().zip(&mut is_done) {
            let position = native::position(&client, &stretch.source);
            *is_done |= position.is_some_and(|position| position >= stretch.to);
        }
        if now() >= deadline && !is_done.iter().all(|is_done| *is_done) {
            return Err(failed(ErrorCode::OperationTimedOut));
        }
    }
    Ok(found)
}

impl Stretch {
    fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    fn holds(&self, offset: i64) -> bool {
        (self.from..self.to).contains(&offset)
    }
}

/// A client that reads `stretches` from their beginnings.
fn begin(config: &ClientConfig, stretches: &[Stretch]) -> Result<BaseConsumer<Quiet>, KafkaError> {
    let mut inner = config.of_reader();
    for (name, value) in AHEAD {
        inner.set(name, value);
    }
    inner.set("allow.auto.create.topics", "false");
    let client: BaseConsumer<Quiet> = inner
        .create_with_context(Quiet)
        .map_err(|error| KafkaError::Client(error.to_string()))?;
    let refused = |error| KafkaError::of(ACTION, &error);
    let mut list = TopicPartitionList::with_capacity(stretches.len());
    for Stretch { source, from, .. } in stretches.iter().filter(|stretch| !stretch.is_empty()) {
        list.add_partition_offset(&source.topic, source.partition, Offset::Offset(*from))
            .map_err(refused)?;
    }
    client.assign(&list).map_err(refused)?;
    Ok(client)
}

fn failed(code: ErrorCode) -> KafkaError {
    let action = ACTION;
    KafkaError::Call { action, code }
}

/// Leaves what the brokers' connections say to the consumer itself, which has the same ones.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: BindingError, _: &str) {}
}

impl ConsumerContext for Quiet {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Cluster, Deliveries, OutRecord, Producer, Properties, Undelivered};

    const ANSWER: Duration = Duration::from_secs(10);

    struct Ignore;

    impl Deliveries for Ignore {
        type Owed = ();

        fn delivered(&self, _: Arc<()>, _: usize) {}

        fn given_up(&self, _: &Undelivered<'_>, _: Arc<()>) {}

        fn trouble(&self, _: ErrorCode, _: &str) {}
    }

    /// Sends ten records to partition 1 of both topics, with times that tell them apart.
    fn send(cluster: &Cluster) {
        let properties = Properties::of([("bootstrap.servers", cluster.brokers())]);
        let config = ClientConfig::new(&properties, &[]).unwrap();
        let producer = Producer::start(&config, Arc::new(Ignore)).unwrap();
        for (topic, begin_ms) in [("a", 1_000), ("b", 2_000)] {
            for n in 0..10 {
                let record = OutRecord {
                    topic,
                    partition: Some(1),
                    key: None,
                    payload: Some(b"x"),
                    timestamp_ms: Some(begin_ms + n),
                };
                producer.send(&record, &[], &Arc::new(())).unwrap();
            }
        }
        producer.flush(ANSWER);
        assert!(producer.is_idle());
    }

    fn stretch(topic: &str, from: i64, to: i64) -> Stretch {
        let source = TopicPartition::new(topic, 1);
        Stretch { source, from, to }
    }

    #[test]
    fn of_each_stretch_the_first_record_is_told() {
        let cluster = Cluster::start(1, &[("a", 2), ("b", 2)]).unwrap();
        send(&cluster);
        let properties = Properties::of([("bootstrap.servers", cluster.brokers())]);
        let mut config = ClientConfig::new(&properties, &[]).unwrap();
        config
            .set("group.id", "g")
            .set("auto.offset.reset", "earliest");
        let first = |stretches: &[Stretch]| first_records(&config, stretches, ANSWER).unwrap();
        let record = |offset, timestamp_ms| {
            Some(FirstRecord {
                offset,
                timestamp_ms: Some(timestamp_ms),
            })
        };
        let both = [stretch("a", 3, 5), stretch("b", 9, 10)];
        assert_eq!(first(&both), [record(3, 1_003), record(9, 2_009)]);
        let one = [stretch("a", 5, 5), stretch("b", 0, 10)];
        assert_eq!(first(&one), [None, record(0, 2_000)]);
        assert_eq!(first(&[stretch("a", 5, 5)]), [None]);
        // Nobody answers.
        let nobody = Properties::of([("bootstrap.servers", "127.0.0.1:1")]);
        let mut config = ClientConfig::new(&nobody, &[]).unwrap();
        config.set("group.id", "g");
        let silence = first_records(&config, &both, Duration::from_millis(100));
        assert!(silence.is_err());
    }
}
