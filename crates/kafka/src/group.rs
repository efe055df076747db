//! A member of a consumer group, and what reads the partitions that the group gives it.
//!
//! These are two clients. From the moment in which a rebalance is announced until the member has answered
//! it, librdkafka fetches nothing of all that the member reads; and an answer may take seconds, when
//! partitions leave in order. So the member reads nothing, and what reads is no member: partitions that stay
//! are read on, whatever becomes of the others.

mod membership;
mod polled;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::metadata::MetadataBroker;
use rdkafka::{Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::identity::GroupIdentity;
use crate::native::{self, CommitQueue, PartitionQueue, TopicQuestions};
use crate::notices::Notices;
use crate::trouble::ErrorCode;
use crate::waker::Waker;
pub use membership::{Begin, GroupEvents};
use membership::{Context, give_up};
use polled::Polled;

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

/// A member of a consumer group that reads what it is given.
pub struct GroupClient {
    /// Joins, sends heartbeats, commits. It reads nothing.
    member: Polled,
    /// Reads, and joins nothing.
    reader: Polled,
    waker: Arc<Waker>,
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
        let context = Context::of_reader(Arc::clone(&events), Arc::clone(&notices));
        let reader = Polled::reader(config, context, &waker)?;
        let context = Context::of_member(config, events, notices);
        let member = Polled::open(config.inner(), context, &waker)?;
        Ok(Self {
            member,
            reader,
            waker,
        })
    }

    /// Joins the group for `topics`.
    ///
    /// # Errors
    /// [`KafkaError::Client`] when librdkafka refuses a name.
    pub fn subscribe(&self, topics: &[String]) -> Result<(), KafkaError> {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let joined = self.member.base.subscribe(&topics);
        joined.map_err(|error| KafkaError::of("subscribe", &error))
    }

    /// A queue for commits whose answers wake the polling thread.
    ///
    /// # Errors
    /// [`KafkaError::Missing`].
    pub fn commits(&self) -> Result<CommitQueue, KafkaError> {
        CommitQueue::open(&self.member.base, Arc::clone(&self.waker))
            .ok_or(KafkaError::Missing("queue for commits"))
    }

    /// Who we are in the group, for another thread.
    pub fn identity(&self) -> GroupIdentity {
        GroupIdentity::of(&self.member.base)
    }

    /// Questions about topics whose answers wake the polling thread.
    ///
    /// # Errors
    /// [`KafkaError::Missing`].
    pub fn topic_questions(&self) -> Result<TopicQuestions, KafkaError> {
        TopicQuestions::open(&self.reader.base, Arc::clone(&self.waker))
            .ok_or(KafkaError::Missing("queue for answers about topics"))
    }

    /// What wakes the polling thread.
    pub fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// Serves rebalances, errors and logs that have come, without waiting.
    ///
    /// # Errors
    /// [`KafkaError::Call`] when a client declares itself unable to go on, [`KafkaError::Stray`].
    pub fn serve(&self) -> Result<(), KafkaError> {
        self.member.serve(&self.waker)?;
        self.reader.serve(&self.waker)
    }

    /// Makes the next [`GroupClient::serve`] poll though nothing was announced: that counts for
    /// `max.poll.interval.ms`.
    pub fn look_again(&self) {
        self.member.look_again();
        self.reader.look_again();
    }

    /// Whether the group has us, perhaps without a partition.
    pub fn is_member(&self) -> bool {
        // Where the brokers assign, the protocol is known before the group is joined.
        !matches!(
            self.member.base.rebalance_protocol(),
            RebalanceProtocol::None
        ) && native::generation(&self.member.base) > 0
    }

    /// The group's generation that we are in, or the epoch where brokers assign; 0 or less when the group
    /// has us no more.
    pub fn generation(&self) -> i32 {
        native::generation(&self.member.base)
    }

    /// Lets the member look whether a heartbeat is due. librdkafka's own thread looks when it is asked
    /// something, and else once a second: a shorter `heartbeat.interval.ms` would have no effect on a member
    /// that commits nothing, as one that waits for its first partition.
    pub fn pulse(&self) {
        // Any question does that its thread answers from memory.
        native::generation(&self.member.base);
    }

    /// Why the member cannot go on, if it cannot.
    pub fn fatal(&self) -> Option<(ErrorCode, String)> {
        self.member.base.client().fatal_error()
    }

    /// The queue of a partition that is to be read: to be opened before [`GroupClient::begin`], so that no
    /// record goes elsewhere, and given up before this client.
    pub fn queue_of(&self, source: &TopicPartition) -> Option<PartitionQueue> {
        self.reader.queue_of(source, &self.waker)
    }

    /// (first offset held, one past the last) as the client last saw them, without asking a broker.
    pub fn watermarks(&self, source: &TopicPartition) -> Option<(i64, i64)> {
        native::watermarks(&self.reader.base, source)
    }

    /// How far `source` was read, without asking a broker; `None` before it was fetched from.
    pub fn reach(&self, source: &TopicPartition) -> Option<Reach> {
        let (low, high) = self.watermarks(source)?;
        (low >= 0 && high >= 0).then(|| Reach {
            low,
            high,
            position: native::position(&self.reader.base, source),
        })
    }

    /// One past the last record of `source` that can be read, asking a broker for at most `timeout`.
    pub fn end(&self, source: &TopicPartition, timeout: Duration) -> Option<i64> {
        let asked = self
            .reader
            .base
            .fetch_watermarks(&source.topic, source.partition, timeout);
        asked.ok().map(|(_, end)| end)
    }

    /// Whether a broker answers a question about `topic` within `timeout`.
    pub fn is_answered(&self, topic: Option<&str>, timeout: Duration) -> bool {
        self.reader.base.fetch_metadata(topic, timeout).is_ok()
    }

    /// The number of a broker of the cluster, each time another for another `turn`, asking about `topic` for
    /// at most `timeout`; `None` when nobody answers.
    pub fn broker(&self, topic: &str, turn: usize, timeout: Duration) -> Option<i32> {
        let answer = self.reader.base.fetch_metadata(Some(topic), timeout);
        let metadata = answer.ok()?;
        let brokers = metadata.brokers();
        let at = turn.checked_rem(brokers.len())?;
        brokers.get(at).map(MetadataBroker::id)
    }

    /// Those of `topics` that the cluster says it does not have, asking at most `timeout` for each. A
    /// broker that does not answer says nothing about its topics.
    pub fn missing(&self, topics: &[String], timeout: Duration) -> Vec<String> {
        let is_missing = |topic: &&String| {
            let answer = self.reader.base.fetch_metadata(Some(topic), timeout);
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
            let metadata = self.reader.base.fetch_metadata(Some(topic), timeout);
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
        let answer = self.reader.base.committed_offsets(asked, timeout);
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

    /// Begins to read partitions, beside those that are read already.
    ///
    /// # Errors
    /// [`KafkaError::Call`] when the client refuses.
    pub fn begin(&self, begins: &[(TopicPartition, Begin)]) -> Result<(), KafkaError> {
        let begun = self.reader.begin(begins);
        begun.map_err(|error| KafkaError::of("begin to read a partition", &error))
    }

    /// Reads those of `sources` no more that are read.
    ///
    /// # Errors
    /// [`KafkaError::Call`] when the client refuses.
    pub fn stop(&self, sources: &[TopicPartition]) -> Result<(), KafkaError> {
        let stopped = self.reader.stop(sources);
        stopped.map_err(|error| KafkaError::of("stop to read a partition", &error))
    }

    /// Gives the partitions of a revocation up: once for each [`GroupEvents::revoked`]. The group waits for
    /// it, at most `max.poll.interval.ms`.
    ///
    /// # Errors
    /// [`KafkaError::Call`] when the client refuses.
    pub fn release(&self) -> Result<(), KafkaError> {
        let given_up = give_up(&self.member.base);
        given_up.map_err(|error| KafkaError::of("give partitions up", &error))
    }

    /// Leaves the group and ends the client within `limit`; what is not done by then ends with the
    /// process. On a thread of its own, because librdkafka sets no limit.
    pub fn close(self, limit: Duration) {
        let (done, is_done) = mpsc::channel();
        let closer = std::thread::Builder::new()
            .name("kafka-close".to_owned())
            .spawn(move || {
                drop(self.member);
                drop(self.reader);
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
}

fn code_of(error: &BindingError) -> ErrorCode {
    error.rdkafka_error_code().unwrap_or(ErrorCode::Unknown)
}
