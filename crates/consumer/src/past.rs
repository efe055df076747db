//! How new the records of a partition are that are not read.

use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_kafka::{
    ClientConfig, FirstRecord, KafkaError, Past as Client, Stretch, first_records,
};
use tillwatch_records::TopicPartition;

use crate::error::ConsumerError;
use crate::settings::ConsumerSettings;

/// What is known of records that a lane has not read. [`Past`] asks brokers.
pub trait History: Send + Sync {
    /// A time in milliseconds since 1970 that no record of `source` before `offset` has a later timestamp
    /// than, of those that the broker still holds. `first_ms` is the timestamp of the record at `offset`.
    /// Waits at most `timeout`, and for others that ask.
    ///
    /// # Errors
    /// The brokers did not answer, or refused to.
    fn newest_before(
        &self,
        source: &TopicPartition,
        offset: i64,
        first_ms: i64,
        timeout: Duration,
    ) -> Result<i64, ConsumerError>;

    /// The first offset of a record of `source` whose timestamp is `time_ms` (milliseconds since 1970) or
    /// later; `None` where there is none. Waits at most `timeout`, and for others that ask.
    ///
    /// # Errors
    /// As [`History::newest_before`].
    fn first_at(
        &self,
        source: &TopicPartition,
        time_ms: i64,
        timeout: Duration,
    ) -> Result<Option<i64>, ConsumerError>;

    /// The first record of each of `stretches`, which are of different partitions; `None` for one that holds
    /// none. Waits at most `timeout`.
    ///
    /// # Errors
    /// As [`History::newest_before`].
    fn first_records(
        &self,
        stretches: &[Stretch],
        timeout: Duration,
    ) -> Result<Vec<Option<FirstRecord>>, ConsumerError>;
}

/// Asks the brokers, with a client of its own, which is made when it is needed first.
pub struct Past {
    config: ClientConfig,
    client: Mutex<Option<Client>>,
}

impl Past {
    /// With the properties of a consumer. Does not need a broker.
    ///
    /// # Errors
    /// A setting or property that cannot work.
    pub fn new(settings: &ConsumerSettings) -> Result<Self, ConsumerError> {
        Ok(Self {
            config: settings.client_config()?,
            client: Mutex::new(None),
        })
    }

    fn ask<T>(
        &self,
        question: impl FnOnce(&Client) -> Result<T, KafkaError>,
    ) -> Result<T, ConsumerError> {
        let mut client = self.client.lock();
        let client = match &mut *client {
            Some(client) => client,
            none => none.insert(Client::new(&self.config)?),
        };
        Ok(question(client)?)
    }
}

impl History for Past {
    fn newest_before(
        &self,
        source: &TopicPartition,
        offset: i64,
        first_ms: i64,
        timeout: Duration,
    ) -> Result<i64, ConsumerError> {
        self.ask(|client| client.newest_before(source, offset, first_ms, timeout))
    }

    fn first_at(
        &self,
        source: &TopicPartition,
        time_ms: i64,
        timeout: Duration,
    ) -> Result<Option<i64>, ConsumerError> {
        self.ask(|client| client.first_at(source, time_ms, timeout))
    }

    fn first_records(
        &self,
        stretches: &[Stretch],
        timeout: Duration,
    ) -> Result<Vec<Option<FirstRecord>>, ConsumerError> {
        // A client of its own reads, and is gone when it has answered: few ask.
        Ok(first_records(&self.config, stretches, timeout)?)
    }
}
