//! Where offsets are stored.

use std::time::Duration;

use tillwatch_kafka::{CommitQueue, ErrorCode};
use tillwatch_records::TopicPartition;

/// Stores how far partitions are done. Only the polling thread calls it.
///
/// In order, any number of times: `request` with what has settled since the last one; `answer` while
/// `has_news`. Nobody waits for an answer: one that comes wakes the polling thread
/// ([`tillwatch_kafka::GroupClient::waker`]). Partitions that leave are `abandon`ed at their end, after their
/// last commit or without one: their offsets must not be stored any more.
///
/// A group commit stores offsets by themselves, some time after the outputs were acknowledged. A
/// transaction stores them together with the outputs, and batches settle when it has committed. So the
/// offsets of batches with outputs are stored before anybody asks, and told unasked. What is asked for and
/// not stored yet had no outputs: it joins the next transaction.
pub trait Committer: Send {
    /// Asks for `offsets` to be stored, each one past the last record that is done.
    ///
    /// # Errors
    /// Why it was refused at once: it is asked for again with the next news.
    fn request(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), ErrorCode>;

    /// Whether an answer may be there; asking takes note of it.
    fn has_news(&mut self) -> bool;

    /// The next answer, waiting at most `timeout`. It may tell of offsets that were stored unasked.
    fn answer(&mut self, timeout: Duration) -> Option<Answer>;

    /// Requests without an answer yet.
    fn outstanding(&self) -> usize;

    /// `sources` are not ours any more and nothing may be stored for them: once this returns, nothing is sent
    /// to the group that could. What was asked for, and not answered, may or may not be stored.
    fn abandon(&mut self, sources: &[TopicPartition]);
}

/// The answer to a [`Committer::request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Why all of it failed, if it did.
    pub result: Result<(), ErrorCode>,
    /// Each partition that was asked for, its offset and what became of it.
    pub offsets: Vec<(TopicPartition, i64, Outcome)>,
}

/// What became of an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Stored,
    /// It is not stored, and may be asked for again: the outputs are safe.
    Refused,
    /// It will never be stored, and the outputs before it are gone: its records must be read again.
    Abandoned,
}

/// Commits of the consumer group: offsets are stored by themselves, after the outputs are safe.
pub(crate) struct GroupCommits(CommitQueue);

impl GroupCommits {
    pub(crate) fn new(queue: CommitQueue) -> Self {
        Self(queue)
    }
}

impl Committer for GroupCommits {
    fn request(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), ErrorCode> {
        self.0.request(offsets)
    }

    fn has_news(&mut self) -> bool {
        self.0.has_news()
    }

    fn answer(&mut self, timeout: Duration) -> Option<Answer> {
        let answer = self.0.answer(timeout)?;
        let outcome = |is_stored: bool| {
            if is_stored && answer.result.is_ok() {
                Outcome::Stored
            } else {
                Outcome::Refused
            }
        };
        let offsets = answer.offsets.into_iter();
        let offsets =
            offsets.map(|(source, offset, is_stored)| (source, offset, outcome(is_stored)));
        Some(Answer {
            result: answer.result,
            offsets: offsets.collect(),
        })
    }

    fn outstanding(&self) -> usize {
        self.0.outstanding()
    }

    /// Nothing to take back: what was asked for has settled, and a broker refuses a member that has lost
    /// its partitions.
    fn abandon(&mut self, _sources: &[TopicPartition]) {}
}
