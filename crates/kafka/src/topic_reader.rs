//! A topic read from its beginning, or its newest records alone, to where it ended when reading began,
//! without joining a group.

use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::log;
use crate::native;
use crate::notices::Notices;
use crate::topic_name::check_topic_name;
use crate::trouble::{ErrorCode, Trouble};
use crate::waker::now;

/// Longest time without a record before a broker counts as gone: longer than a leader takes to move.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Longest wait for one record, so that the end of a partition is seen that shows none.
const TURN: Duration = Duration::from_millis(100);

/// Bytes that are fetched ahead of a partition and of all of them. The reader looks at one record after
/// another, so more would only fill memory.
const AHEAD: [(&str, &str); 2] = [
    ("queued.max.messages.kbytes", "4096"),
    ("fetch.message.max.bytes", "1048576"),
];

/// Reads all partitions of one topic. Nothing is committed, and no group has a member more.
pub struct TopicReader {
    config: rdkafka::ClientConfig,
    client: BaseConsumer<Said>,
    topic: String,
    spans: Vec<Span>,
    /// For each span: everything in it was read.
    is_read: Vec<bool>,
    last_record: Instant,
    /// Longest time without a record.
    silence_max: Duration,
}

/// The offsets of a partition that are read: those that it held when the reader was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its number.
    pub partition: i32,
    /// The first offset.
    pub low: i64,
    /// One past the last offset.
    pub high: i64,
}

/// A record that was read.
pub struct TopicRecord<'a>(BorrowedMessage<'a>);

/// Receives what the client says.
#[derive(Default)]
struct Said {
    notices: Notices,
}

impl TopicReader {
    /// A reader of `topic` by the group id `group`, which it has no other use for than to be let in: brokers
    /// with access control ask for the right to read with a group. `timeout` is for each partition's answer.
    ///
    /// # Errors
    /// [`KafkaError::TopicName`], [`KafkaError::Client`], and [`KafkaError::Call`] with what the brokers say
    /// of the topic, or that they do not answer.
    pub fn open(
        config: &ClientConfig,
        topic: &str,
        group: &str,
        timeout: Duration,
    ) -> Result<Self, KafkaError> {
        check_topic_name(topic)?;
        let inner = reading(config, group);
        let client = client(&inner)?;
        let spans = spans(&client, topic, timeout)?;
        Self::begin(inner, client, topic.to_owned(), spans)
    }

    /// As [`TopicReader::open`], of the newest offsets alone: at most `offsets_max` of all partitions
    /// together, as many of each, and more where another has fewer. `timeout` is also how long no record may
    /// come.
    ///
    /// # Errors
    /// As [`TopicReader::open`].
    pub fn open_newest(
        config: &ClientConfig,
        topic: &str,
        group: &str,
        offsets_max: u64,
        timeout: Duration,
    ) -> Result<Self, KafkaError> {
        check_topic_name(topic)?;
        let inner = reading(config, group);
        let client = client(&inner)?;
        let mut spans = spans(&client, topic, timeout)?;
        keep_newest(&mut spans, offsets_max);
        let reader = Self::begin(inner, client, topic.to_owned(), spans)?;
        Ok(Self {
            silence_max: timeout,
            ..reader
        })
    }

    /// A reader of the same offsets, from their beginning again.
    ///
    /// # Errors
    /// [`KafkaError::Client`], [`KafkaError::Call`].
    pub fn again(self) -> Result<Self, KafkaError> {
        // A client of its own: the first one tells for a while how far it had read.
        let client = client(&self.config)?;
        Self::begin(self.config, client, self.topic, self.spans)
    }

    fn begin(
        config: rdkafka::ClientConfig,
        client: BaseConsumer<Said>,
        topic: String,
        spans: Vec<Span>,
    ) -> Result<Self, KafkaError> {
        let failed = |error| KafkaError::of("begin to read a topic", &error);
        let mut list = TopicPartitionList::with_capacity(spans.len());
        for span in spans.iter().filter(|span| span.low < span.high) {
            let from = Offset::Offset(span.low);
            list.add_partition_offset(&topic, span.partition, from)
                .map_err(failed)?;
        }
        client.assign(&list).map_err(failed)?;
        Ok(Self {
            is_read: spans.iter().map(|span| span.low >= span.high).collect(),
            config,
            client,
            topic,
            spans,
            last_record: now(),
            silence_max: SILENCE_MAX,
        })
    }

    /// The partitions, by number.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// How many offsets there are to read, all partitions together.
    pub fn offsets(&self) -> u64 {
        self.spans.iter().map(Span::len).sum()
    }

    /// The next record, of whichever partition has one, each in the order of its offsets. `None` when all
    /// are read.
    ///
    /// # Errors
    /// [`KafkaError::Call`] when the brokers refuse, or send nothing for half a minute (see
    /// [`TopicReader::open_newest`]).
    pub fn read_next(&mut self) -> Result<Option<TopicRecord<'_>>, KafkaError> {
        let stopped = |code| KafkaError::Call {
            action: "read a topic",
            code,
        };
        loop {
            if self.is_read.iter().all(|is_read| *is_read) {
                return Ok(None);
            }
            match self.client.poll(TURN) {
                Some(Ok(record)) => {
                    self.last_record = now();
                    let partition = record.partition();
                    let at = self
                        .spans
                        .iter()
                        .position(|span| span.partition == partition);
                    let Some(at) = at else { continue };
                    if record.offset() + 1 >= self.spans[at].high {
                        self.is_read[at] = true;
                    }
                    if record.offset() >= self.spans[at].high {
                        continue;
                    }
                    return Ok(Some(TopicRecord(record)));
                }
                Some(Err(error)) => {
                    let code = error.rdkafka_error_code().unwrap_or(ErrorCode::Unknown);
                    if Trouble::of(code).is_lasting() {
                        return Err(stopped(code));
                    }
                }
                None => {}
            }
            for (span, is_read) in self.spans.iter().zip(&mut self.is_read) {
                *is_read |= is_at_end(&self.client, &self.topic, span);
            }
            if now().duration_since(self.last_record) > self.silence_max {
                return Err(stopped(ErrorCode::OperationTimedOut));
            }
        }
    }
}

impl Span {
    /// How many offsets there are, of records and of what is none.
    fn len(&self) -> u64 {
        (self.high - self.low).max(0).unsigned_abs()
    }
}

impl TopicRecord<'_> {
    /// Its partition.
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Its offset.
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// Milliseconds since 1970, if it has a time.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.0.timestamp().to_millis()
    }

    /// Its key.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// Its value; `None` for a tombstone.
    pub fn payload(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// Its headers as (name, value), in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let headers = self.0.headers().into_iter();
        headers.flat_map(|headers| headers.iter().map(|header| (header.key, header.value)))
    }
}

impl ClientContext for Said {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Properties of producers are among those that are shared, and of no use here.
        if facility != "CONFWARN" {
            log::relay(&self.notices, level, facility, message);
        }
    }

    fn error(&self, error: BindingError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(ErrorCode::Unknown);
        if let Some(held_back) = self.notices.admit(&format!("{code:?}")) {
            tracing::warn!(cause = %code, reason, held_back, "kafka");
        }
    }
}

impl ConsumerContext for Said {}

/// Properties of a client that reads by the id of `group` and is no member of it.
fn reading(config: &ClientConfig, group: &str) -> rdkafka::ClientConfig {
    let mut inner = config.of_reader();
    inner
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("allow.auto.create.topics", "false");
    for (name, value) in AHEAD {
        inner.set(name, value);
    }
    inner
}

/// Leaves the last offsets of each of `spans`, at most `offsets_max` together.
fn keep_newest(spans: &mut [Span], offsets_max: u64) {
    let mut shortest_first: Vec<&mut Span> = spans.iter_mut().collect();
    shortest_first.sort_by_key(|span| span.len());
    let (mut left, mut partitions) = (offsets_max, shortest_first.len() as u64);
    for span in shortest_first {
        let kept = span.len().min(left / partitions);
        span.low = span.high - i64::try_from(kept).unwrap_or(i64::MAX);
        left -= kept;
        partitions -= 1;
    }
}

fn client(config: &rdkafka::ClientConfig) -> Result<BaseConsumer<Said>, KafkaError> {
    let client = config.create_with_context(Said::default());
    client.map_err(|error| KafkaError::Client(error.to_string()))
}

/// Whether a partition was read to its end, which may be offsets that hold no record: marks of transactions,
/// and what compaction took away.
fn is_at_end(client: &BaseConsumer<Said>, topic: &str, span: &Span) -> bool {
    let source = TopicPartition::new(topic, span.partition);
    let position = native::position(client, &source);
    position.is_some_and(|position| position >= span.high)
}

/// What the topic holds now, asking at most `timeout` for each answer.
fn spans(
    client: &BaseConsumer<Said>,
    topic: &str,
    timeout: Duration,
) -> Result<Vec<Span>, KafkaError> {
    let refused = |code| KafkaError::Call {
        action: "read a topic",
        code,
    };
    let failed = |error| KafkaError::of("ask for a topic", &error);
    let metadata = client.fetch_metadata(Some(topic), timeout);
    let metadata = metadata.map_err(failed)?;
    let mut found = metadata.topics().iter();
    let found = found.find(|found| found.name() == topic);
    let found = found.ok_or_else(|| refused(ErrorCode::UnknownTopicOrPartition))?;
    if let Some(error) = found.error() {
        return Err(refused(error.into()));
    }
    let mut spans = Vec::with_capacity(found.partitions().len());
    for partition in found.partitions() {
        let partition = partition.id();
        let ends = client.fetch_watermarks(topic, partition, timeout);
        let (low, high) = ends.map_err(|error| KafkaError::of("ask for a topic's ends", &error))?;
        spans.push(Span {
            partition,
            low,
            high,
        });
    }
    spans.sort_unstable_by_key(|span| span.partition);
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Cluster, Deliveries, OutRecord, Producer, Properties, Undelivered};

    struct Ignore;

    impl Deliveries for Ignore {
        type Owed = ();

        fn delivered(&self, _: Arc<()>, _: usize) {}

        fn given_up(&self, _: &Undelivered<'_>, _: Arc<()>) {}

        fn trouble(&self, _: ErrorCode, _: &str) {}
    }

    const ANSWER: Duration = Duration::from_secs(10);

    fn config(cluster: &Cluster) -> ClientConfig {
        let properties = Properties::of([("bootstrap.servers", cluster.brokers())]);
        ClientConfig::new(&properties, &[]).unwrap()
    }

    fn send(cluster: &Cluster, records: std::ops::Range<u32>) {
        let producer = Producer::start(&config(cluster), Arc::new(Ignore)).unwrap();
        for n in records {
            let record = OutRecord {
                topic: "letters",
                partition: Some(i32::try_from(n % 3).unwrap()),
                key: None,
                payload: Some(&n.to_le_bytes()),
                timestamp_ms: Some(1_000 + i64::from(n)),
            };
            producer
                .send(&record, &[("n", Some(b"x"))], &Arc::new(()))
                .unwrap();
        }
        producer.flush(ANSWER);
        assert!(producer.is_idle());
    }

    fn all(reader: &mut TopicReader) -> Vec<u32> {
        let mut found = Vec::new();
        while let Some(record) = reader.read_next().unwrap() {
            let bytes: [u8; 4] = record.payload().unwrap().try_into().unwrap();
            let n = u32::from_le_bytes(bytes);
            assert_eq!(record.timestamp_ms(), Some(1_000 + i64::from(n)));
            assert_eq!(record.partition(), i32::try_from(n % 3).unwrap());
            assert_eq!(record.headers().next(), Some(("n", Some(&b"x"[..]))));
            found.push(n);
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn reads_what_there_was_as_often_as_it_is_begun() {
        let cluster = Cluster::start(1, &[("letters", 4)]).unwrap();
        send(&cluster, 0..300);
        let mut reader = TopicReader::open(&config(&cluster), "letters", "g", ANSWER).unwrap();
        assert_eq!((reader.spans().len(), reader.offsets()), (4, 300));
        // What comes later is another reader's.
        send(&cluster, 300..330);
        assert_eq!(all(&mut reader), Vec::from_iter(0..300));
        let mut reader = reader.again().unwrap();
        assert_eq!(all(&mut reader), Vec::from_iter(0..300));
        let mut other = TopicReader::open(&config(&cluster), "letters", "g", ANSWER).unwrap();
        assert_eq!(all(&mut other), Vec::from_iter(0..330));
    }

    #[test]
    fn the_newest_records_of_each_partition_are_read() {
        let cluster = Cluster::start(1, &[("letters", 4)]).unwrap();
        send(&cluster, 0..300);
        let newest = |max| {
            let config = config(&cluster);
            let mut reader =
                TopicReader::open_newest(&config, "letters", "g", max, ANSWER).unwrap();
            all(&mut reader)
        };
        // One partition of four is empty, and leaves its share to the others.
        assert_eq!(newest(30), Vec::from_iter(270..300));
        assert_eq!(newest(1_000), Vec::from_iter(0..300));
        assert!(newest(0).is_empty());
    }

    #[test]
    fn short_partitions_leave_their_share_to_others() {
        let lengths = |lengths: &[i64], max| -> Vec<u64> {
            let spans = lengths.iter().zip(0..).map(|(length, partition)| Span {
                partition,
                low: 7,
                high: 7 + length,
            });
            let mut spans: Vec<Span> = spans.collect();
            keep_newest(&mut spans, max);
            let ends: Vec<i64> = spans.iter().map(|span| span.high - 7).collect();
            assert_eq!(ends, lengths);
            spans.iter().map(Span::len).collect()
        };
        assert_eq!(lengths(&[100, 2, 0, 50], 62), [30, 2, 0, 30]);
        assert_eq!(lengths(&[5, 5, 5], 2), [0, 1, 1]);
        assert!(lengths(&[], 2).is_empty());
    }

    #[test]
    fn a_name_that_no_topic_can_have_is_refused() {
        let cluster = Cluster::start(1, &[]).unwrap();
        let refused = TopicReader::open(&config(&cluster), "a/b", "g", ANSWER);
        assert!(matches!(refused, Err(KafkaError::TopicName(_))));
    }
}
