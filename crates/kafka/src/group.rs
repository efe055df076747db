//! A member of a consumer group: joins, is given partitions and gives them back, says where reading
//! begins.

mod membership;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, RebalanceProtocol};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::native::{self, CommitQueue};
use crate::notices::Notices;
use crate::trouble::ErrorCode;
use crate::waker::Waker;
pub use membership::{Begin, GroupEvents, Member};
use membership::{Context, is_cooperative, listed};

/// How far a partition was read, and what the broker holds of it, as the client last saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// First offset that the broker holds.
    pub low: i64,
    /// One past the last one; records of open transactions are among them.
    pub high: i64,
    /// One past the last offset that was given out, control records included; `None` before the first.
    pub position: Option<i64>,
}

/// How many partitions a topic has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCount {
    /// Its name.
    pub topic: String,
    /// Their number, or why the cluster does not say.
    pub partitions: Result<usize, ErrorCode>,
}

/// Events served at once, so that a flood of them cannot starve the records.
const EVENTS_MAX: usize = 100;

/// A member of a consumer group.
pub struct GroupClient {
    base: Arc<BaseConsumer<Context>>,
    waker: Arc<Waker>,
    /// The common queue may hold an event.
    has_events: Arc<AtomicBool>,
}

impl GroupClient {
    /// A client that has not joined its group yet; events and records wake `waker`. Does not need a
    /// broker.
    ///
    /// # Errors
    /// [`KafkaError::Client`] when librdkafka refuses.
    pub fn new(
        config: &ClientConfig,
        events: Arc<dyn GroupEvents>,
        notices: Arc<Notices>,
        waker: Arc<Waker>,
    ) -> Result<Self, KafkaError> {
        let context = Context::new(events, notices);
        let mut base: BaseConsumer<Context> = config
            .inner()
            .create_with_context(context)
            .map_err(|error| KafkaError::Client(error.to_string()))?;
        let has_events = Arc::new(AtomicBool::new(true));
        let (flag, sleeper) = (Arc::clone(&has_events), Arc::clone(&waker));
        base.set_nonempty_callback(move || {
            flag.store(true, Ordering::Release);
            sleeper.wake();
        });
        Ok(Self {
            base: Arc::new(base),
            waker,
            has_events,
        })
    }

    /// Joins the group for `topics`.
    ///
    /// # Errors
    /// [`KafkaError::Client`] when librdkafka refuses a name.
    pub fn subscribe(&self, topics: &[String]) -> Result<(), KafkaError> {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let joined = self.base.subscribe(&topics);
        joined.map_err(|error| KafkaError::of("subscribe", &error))
    }

    /// A queue for commits whose answers wake the polling thread.
    ///
    /// # Errors
    /// [`KafkaError::Missing`].
    pub fn commits(&self) -> Result<CommitQueue, KafkaError> {
        CommitQueue::open(&self.base, Arc::clone(&self.waker))
            .ok_or(KafkaError::Missing("queue for commits"))
    }

    /// Serves rebalances, errors and logs that have come, without waiting.
    ///
    /// # Errors
    /// [`KafkaError::Call`] when the client declares itself unable to go on, [`KafkaError::Stray`].
    pub fn serve(&self) -> Result<(), KafkaError> {
        if !self.has_events.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        for _ in 0..EVENTS_MAX {
            let callbacks = self.callbacks();
            match self.base.poll(Duration::ZERO) {
                Some(Err(BindingError::MessageConsumptionFatal(code))) => {
                    let action = "go on";
                    return Err(KafkaError::Call { action, code });
                }
                // Told to the context already, with its reason.
                Some(Err(_)) => {}
                // Partition queues are split off before the assignment, so no record comes here.
                Some(Ok(record)) => {
                    let source = TopicPartition::new(record.topic(), record.partition());
                    return Err(KafkaError::Stray(source));
                }
                None if self.callbacks() == callbacks => return Ok(()),
                None => {}
            }
        }
        self.look_again();
        self.waker.wake();
        Ok(())
    }

    /// Makes the next [`GroupClient::serve`] poll though nothing was announced: that counts for
    /// `max.poll.interval.ms`.
    pub fn look_again(&self) {
        self.has_events.store(true, Ordering::Release);
    }

    /// Whether the group has us, perhaps without a partition.
    pub fn is_member(&self) -> bool {
        // Where the brokers assign, the protocol is known before the group is joined.
        !matches!(self.base.rebalance_protocol(), RebalanceProtocol::None)
            && native::generation(&self.base) > 0
    }

    /// (first offset held, one past the last) as the client last saw them, without asking a broker.
    pub fn watermarks(&self, source: &TopicPartition) -> Option<(i64, i64)> {
        native::watermarks(&self.base, source)
    }

    /// How far `source` was read, without asking a broker; `None` before it was fetched from.
    pub fn reach(&self, source: &TopicPartition) -> Option<Reach> {
        let (low, high) = self.watermarks(source)?;
        (low >= 0 && high >= 0).then(|| Reach {
            low,
            high,
            position: native::position(&self.base, source),
        })
    }

    /// One past the last record of `source` that can be read, asking a broker for at most `timeout`.
    pub fn end(&self, source: &TopicPartition, timeout: Duration) -> Option<i64> {
        let asked = self
            .base
            .fetch_watermarks(&source.topic, source.partition, timeout);
        asked.ok().map(|(_, end)| end)
    }

    /// Whether a broker answers a question about `topic` within `timeout`.
    pub fn is_answered(&self, topic: Option<&str>, timeout: Duration) -> bool {
        self.base.fetch_metadata(topic, timeout).is_ok()
    }

    /// Those of `topics` that the cluster says it does not have, asking at most `timeout` for each. A
    /// broker that does not answer says nothing about its topics.
    pub fn missing(&self, topics: &[String], timeout: Duration) -> Vec<String> {
        let is_missing = |topic: &&String| {
            let answer = self.base.fetch_metadata(Some(topic), timeout);
            answer.is_ok_and(|metadata| {
                let mut found = metadata.topics().iter();
                let found = found.find(|found| found.name() == topic.as_str());
                found.is_none_or(|found| found.error().is_some())
            })
        };
        topics.iter().filter(is_missing).cloned().collect()
    }

    /// How many partitions each of `topics` has, asking at most `timeout` for each; the cluster's reason
    /// where it does not say.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn partition_counts(
        &self,
        topics: &[String],
        timeout: Duration,
    ) -> Result<Vec<TopicCount>, ErrorCode> {
        let count = |topic: &String| {
            let metadata = self.base.fetch_metadata(Some(topic), timeout);
            let metadata = metadata.map_err(|error| code_of(&error))?;
            let mut found = metadata.topics().iter();
            let count = match found.find(|found| found.name() == topic.as_str()) {
                None => Err(ErrorCode::UnknownTopic),
                Some(found) => match found.error() {
                    Some(error) => Err(error.into()),
                    None => Ok(found.partitions().len()),
                },
            };
            Ok(TopicCount {
                topic: topic.clone(),
                partitions: count,
            })
        };
        topics.iter().map(count).collect()
    }

    /// What the group has committed of each of `sources`; `None` where it has committed nothing.
    ///
    /// # Errors
    /// Why there is no answer within `timeout`.
    pub fn committed(
        &self,
        sources: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<(TopicPartition, Option<i64>)>, ErrorCode> {
        let mut asked = TopicPartitionList::with_capacity(sources.len());
        for source in sources {
            asked.add_partition(&source.topic, source.partition);
        }
        let answer = self.base.committed_offsets(asked, timeout);
        let answer = answer.map_err(|error| code_of(&error))?;
        let elements = answer.elements();
        let offsets = elements.iter().map(|element| {
            element.error().map_err(|error| code_of(&error))?;
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            Ok((
                TopicPartition::new(element.topic(), element.partition()),
                offset,
            ))
        });
        offsets.collect()
    }

    /// Begins to read partitions that are ours and were not begun when they were assigned. `reading` is
    /// where the others stand: a group with an eager protocol knows no addition, so all of them are
    /// assigned anew and what was fetched of them is fetched again.
    ///
    /// # Errors
    /// [`KafkaError::Call`] when the client refuses.
    pub fn begin(
        &self,
        begins: &[(TopicPartition, Begin)],
        reading: &[(TopicPartition, Begin)],
    ) -> Result<(), KafkaError> {
        // Beginning would make the client forget that it has lost its partitions; it says so next.
        if self.base.assignment_lost() {
            return Ok(());
        }
        let begun = if is_cooperative(&self.base) {
            listed(begins).and_then(|list| self.base.incremental_assign(&list))
        } else {
            let all: Vec<_> = reading.iter().chain(begins).cloned().collect();
            listed(&all).and_then(|list| self.base.assign(&list))
        };
        begun.map_err(|error| KafkaError::of("begin to read a partition", &error))
    }

    /// Leaves the group and ends the client within `limit`; what is not done by then ends with the
    /// process. On a thread of its own, because librdkafka sets no limit.
    pub fn close(self, limit: Duration) {
        let (done, is_done) = mpsc::channel();
        let closer = std::thread::Builder::new()
            .name("kafka-close".to_owned())
            .spawn(move || {
                drop(self.base);
                // Nobody listens any more when the time was over.
                let _ = done.send(());
            });
        match closer {
            Ok(_) => {
                if is_done.recv_timeout(limit).is_err() {
                    tracing::warn!(
                        "leaving the consumer group takes too long; it ends with the process"
                    );
                }
            }
            Err(error) => tracing::warn!(%error, "no thread to leave the consumer group with"),
        }
    }

    fn callbacks(&self) -> u64 {
        self.base.context().callbacks()
    }
}

fn code_of(error: &BindingError) -> ErrorCode {
    error.rdkafka_error_code().unwrap_or(ErrorCode::Unknown)
}
