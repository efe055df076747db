//! How new the records of a partition before an offset are, without joining a group.

use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::config::ClientConfig;
use crate::error::KafkaError;
use crate::trouble::Trouble;
use crate::waker::{Waker, now};

/// How much later than the last answer the next question looks, in milliseconds, at first. It doubles, so
/// that a bound is found in a few questions, and is at most twice as far away as it must be.
const STEP_MS: i64 = 60_000;

/// Before a question that failed is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// Asks brokers where in time the records of partitions lie.
pub struct Past {
    client: BaseConsumer<Quiet>,
}

impl Past {
    /// A client without a group. Does not need a broker.
    ///
    /// # Errors
    /// [`KafkaError::Client`] when librdkafka refuses.
    pub fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        let mut inner = config.inner().clone();
        inner.remove("group.id");
        inner.set("allow.auto.create.topics", "false");
        let client = inner
            .create_with_context(Quiet)
            .map_err(|error| KafkaError::Client(error.to_string()))?;
        Ok(Self { client })
    }

    /// A time in milliseconds since 1970, not before `known_ms`, that no record of `source` before
    /// `offset` has a later timestamp than, of those that the broker still holds. Timestamps need not
    /// rise with offsets: producers set them. The nearer `known_ms` is to what is looked for, the fewer
    /// questions are asked: the timestamp of the record at `offset` is a good guess. Waits at most
    /// `timeout` in all.
    ///
    /// # Errors
    /// What the brokers or librdkafka say, or that they said nothing in time.
    pub fn newest_before(
        &self,
        source: &TopicPartition,
        offset: i64,
        known_ms: i64,
        timeout: Duration,
    ) -> Result<i64, KafkaError> {
        let deadline = now() + timeout;
        let (mut newest_ms, mut step_ms) = (known_ms.max(0), STEP_MS);
        loop {
            let left = deadline.saturating_duration_since(now());
            let first = self.first_after(source, newest_ms, left)?;
            if first.is_none_or(|first| first >= offset) || newest_ms == i64::MAX {
                return Ok(newest_ms);
            }
            newest_ms = newest_ms.saturating_add(step_ms);
            step_ms = step_ms.saturating_mul(2);
        }
    }

    /// The first offset of a record of `source` whose timestamp is `time_ms` (since 1970) or later; `None`
    /// where there is none. What lies before it in the log is older. Waits at most `timeout`.
    ///
    /// # Errors
    /// As [`Past::newest_before`].
    pub fn first_at(
        &self,
        source: &TopicPartition,
        time_ms: i64,
        timeout: Duration,
    ) -> Result<Option<i64>, KafkaError> {
        self.first_after(source, time_ms.saturating_sub(1).max(-1), timeout)
    }

    /// The first offset of a record with a timestamp after `time_ms`, if there is one. Asks again while
    /// there is time and what is in the way may pass: a leader that has just moved or started again refuses
    /// whoever does not know it yet.
    fn first_after(
        &self,
        source: &TopicPartition,
        time_ms: i64,
        timeout: Duration,
    ) -> Result<Option<i64>, KafkaError> {
        let deadline = now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(now());
            let error = match self.first_after_once(source, time_ms, left) {
                Ok(first) => return Ok(first),
                Err(error) => error,
            };
            let may_pass = matches!(&error, KafkaError::Call { code, .. }
                if !Trouble::of(*code).is_lasting());
            let left = deadline.saturating_duration_since(now());
            if !may_pass || left <= AGAIN {
                return Err(error);
            }
            // Nobody wakes it: only time passes.
            Waker::default().wait_until(now() + AGAIN);
            // Who leads the partition is known from before. What comes of asking is told by the next answer.
            let _ = self
                .client
                .fetch_metadata(Some(&source.topic), left - AGAIN);
        }
    }

    fn first_after_once(
        &self,
        source: &TopicPartition,
        time_ms: i64,
        timeout: Duration,
    ) -> Result<Option<i64>, KafkaError> {
        let failed = |error| KafkaError::of("ask for offsets by time", &error);
        let mut asked = TopicPartitionList::new();
        let after_ms = Offset::Offset(time_ms.saturating_add(1));
        asked
            .add_partition_offset(&source.topic, source.partition, after_ms)
            .map_err(failed)?;
        // No time at all would be none to wait for what is known already.
        let timeout = timeout.max(Duration::from_millis(1));
        let answer = self
            .client
            .offsets_for_times(asked, timeout)
            .map_err(failed)?;
        let mut found = None;
        for partition in answer.elements() {
            partition.error().map_err(failed)?;
            if let Offset::Offset(offset) = partition.offset() {
                found = Some(offset);
            }
        }
        Ok(found)
    }
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
    use super::*;
    use crate::Cluster;
    use crate::properties::Properties;

    #[test]
    fn a_leader_that_has_moved_is_asked_instead() {
        let cluster = Cluster::start(2, &[("t", 1)]).unwrap();
        let properties = Properties::of([("bootstrap.servers", cluster.brokers())]);
        let past = Past::new(&ClientConfig::new(&properties, &[]).unwrap()).unwrap();
        let source = TopicPartition::new("t", 0);
        for leader in [1, 2, 1] {
            cluster.move_leader("t", 0, leader).unwrap();
            let first = past.first_at(&source, 0, Duration::from_secs(30));
            assert_eq!(first.unwrap(), None, "nothing was written");
        }
    }
}
