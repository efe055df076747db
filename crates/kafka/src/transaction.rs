//! Transactions of a producer with a `transactional.id`.

use std::fmt;
use std::time::Duration;

use rdkafka::error::{KafkaError as BindingError, KafkaResult};
use rdkafka::producer::Producer as _;
use rdkafka::{Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::identity::GroupStamp;
use crate::producer::{Deliveries, Producer};
use crate::trouble::ErrorCode;

/// Why a step of a transaction was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionError {
    /// The code of librdkafka or of a broker.
    pub code: ErrorCode,
    /// What is to be done.
    pub then: Then,
    /// librdkafka's words.
    pub words: String,
}

/// What is to be done when a step of a transaction was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Call the same step again: it goes on where it was.
    Again,
    /// Abort the transaction.
    Abort,
    /// Make another client: this one cannot go on.
    Replace,
}

impl<D: Deliveries> Producer<D> {
    /// Gets a producer id for the transactional id, once, before the first transaction. Ends what an earlier
    /// client with this id has left open, and lets it do nothing more.
    ///
    /// # Errors
    /// [`Then::Again`] when that took longer than `timeout`; else the client is of no use.
    pub fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError> {
        done(self.client().init_transactions(timeout))
    }

    /// Begins a transaction: what is sent from here on belongs to it. Asks no broker.
    ///
    /// # Errors
    /// Never [`Then::Again`].
    pub fn begin_transaction(&self) -> Result<(), TransactionError> {
        done(self.client().begin_transaction())
    }

    /// Adds `offsets`, each one past the last record that is done, to the transaction, in the name of the
    /// group's member in `stamp`.
    ///
    /// # Errors
    /// [`Then::Abort`] when the group does not know the member, or its generation is over.
    pub fn send_offsets(
        &self,
        offsets: &[(TopicPartition, i64)],
        stamp: &GroupStamp,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (source, offset) in offsets {
            let offset = Offset::Offset(*offset);
            done(list.add_partition_offset(&source.topic, source.partition, offset))?;
        }
        let sent = self
            .client()
            .send_offsets_to_transaction(&list, &stamp.0, timeout);
        done(sent)
    }

    /// Waits until everything that was sent is acknowledged, and commits the transaction.
    ///
    /// # Errors
    /// [`Then::Again`] when that took longer than `timeout`. After any other it is not known whether the
    /// transaction has committed, unless [`Producer::abort_transaction`] succeeds.
    pub fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        done(self.client().commit_transaction(timeout))
    }

    /// Aborts the transaction. What was sent and not acknowledged is reported as given up before it returns.
    ///
    /// # Errors
    /// [`Then::Again`] when that took longer than `timeout`.
    pub fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        done(self.client().abort_transaction(timeout))
    }
}

impl TransactionError {
    /// Whether a newer client with the same transactional id has taken over, or the coordinator has ended a
    /// transaction that was open for too long: the client cannot tell.
    pub fn is_fenced(&self) -> bool {
        matches!(
            self.code,
            ErrorCode::Fenced | ErrorCode::ProducerFenced | ErrorCode::InvalidProducerEpoch
        )
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.words)
    }
}

fn done(result: KafkaResult<()>) -> Result<(), TransactionError> {
    result.map_err(|error| match &error {
        BindingError::Transaction(native) => TransactionError {
            code: native.code(),
            then: if native.is_fatal() {
                Then::Replace
            } else if native.txn_requires_abort() {
                Then::Abort
            } else if native.is_retriable() {
                Then::Again
            } else {
                // A step out of order: only a new beginning is sound.
                Then::Replace
            },
            words: native.string(),
        },
        // What was sent is not acknowledged yet: that is the first part of a commit.
        BindingError::Flush(ErrorCode::OperationTimedOut) => TransactionError {
            code: ErrorCode::OperationTimedOut,
            then: Then::Again,
            words: "outputs are not acknowledged yet".to_owned(),
        },
        other => TransactionError {
            code: other.rdkafka_error_code().unwrap_or(ErrorCode::Unknown),
            then: Then::Replace,
            words: other.to_string(),
        },
    })
}
