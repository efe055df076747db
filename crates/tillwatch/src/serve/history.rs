//! What brokers say of records that a lane has not read.

use std::time::Duration;

use tillwatch_consumer::{ConsumerError, FirstRecord, Past, Stretch};
use tillwatch_records::TopicPartition;

/// Who answers for the logs: [`Past`], which asks brokers. Each answer is waited for as long as is said at
/// most.
pub trait History: Send + Sync {
    /// See [`Past::newest_before`].
    fn newest_before(
        &self,
        source: &TopicPartition,
        offset: i64,
        first_ms: i64,
        timeout: Duration,
    ) -> Result<i64, ConsumerError>;

    /// See [`Past::first_at`].
    fn first_at(
        &self,
        source: &TopicPartition,
        time_ms: i64,
        timeout: Duration,
    ) -> Result<Option<i64>, ConsumerError>;

    /// See [`Past::first_records`].
    fn first_records(
        &self,
        stretches: &[Stretch],
        timeout: Duration,
    ) -> Result<Vec<Option<FirstRecord>>, ConsumerError>;
}

impl History for Past {
    fn newest_before(
        &self,
        source: &TopicPartition,
        offset: i64,
        first_ms: i64,
        timeout: Duration,
    ) -> Result<i64, ConsumerError> {
        self.newest_before(source, offset, first_ms, timeout)
    }

    fn first_at(
        &self,
        source: &TopicPartition,
        time_ms: i64,
        timeout: Duration,
    ) -> Result<Option<i64>, ConsumerError> {
        self.first_at(source, time_ms, timeout)
    }

    fn first_records(
        &self,
        stretches: &[Stretch],
        timeout: Duration,
    ) -> Result<Vec<Option<FirstRecord>>, ConsumerError> {
        self.first_records(stretches, timeout)
    }
}
