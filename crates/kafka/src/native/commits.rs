//! Commits with answers.

use std::ffi::CStr;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use super::answers::AnswerQueue;
use super::described::Event;
use crate::trouble::ErrorCode;
use crate::waker::Waker;

/// Commits of a consumer, and where the broker's answers to them arrive. The binding's asynchronous commit
/// drops the answer, and its synchronous one waits without a limit when the coordinator is away.
pub struct CommitQueue {
    answers: AnswerQueue,
    /// Requests without an answer yet.
    outstanding: usize,
}

/// The broker's answer to a commit.
pub struct CommitAnswer {
    /// Why all of it failed.
    pub result: Result<(), ErrorCode>,
    /// What became of each partition, when not all of it failed: offset and whether it is stored.
    pub offsets: Vec<(TopicPartition, i64, bool)>,
}

impl CommitQueue {
    /// A queue of its own for `consumer`'s commits; an answer wakes `waker`.
    pub(crate) fn open<C: ConsumerContext + 'static>(
        consumer: &Arc<BaseConsumer<C>>,
        waker: Arc<Waker>,
    ) -> Option<Self> {
        Some(Self {
            answers: AnswerQueue::open(consumer, waker)?,
            outstanding: 0,
        })
    }

    /// Asks for a commit; the answer comes to [`CommitQueue::answer`].
    ///
    /// # Errors
    /// The code with which librdkafka refuses it at once.
    pub fn request(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), ErrorCode> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (source, offset) in offsets {
            // Only an offset below zero is refused.
            list.add_partition_offset(&source.topic, source.partition, Offset::Offset(*offset))
                .map_err(|_| ErrorCode::InvalidArgument)?;
        }
        // SAFETY: client, list and queue are alive; librdkafka copies the list and keeps its own
        // reference to the queue.
        let result = unsafe {
            sys::rd_kafka_commit_queue(
                self.answers.client().native(),
                list.ptr(),
                self.answers.pointer(),
                None,
                ptr::null_mut(),
            )
        };
        if result != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(result.into());
        }
        self.outstanding += 1;
        Ok(())
    }

    /// Requests without an answer yet.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Whether an answer may be there; asking takes note of it.
    pub fn has_news(&self) -> bool {
        self.answers.has_news()
    }

    /// The next answer, waiting at most `timeout`.
    pub fn answer(&mut self, timeout: Duration) -> Option<CommitAnswer> {
        let event = self.answers.next(timeout)?;
        self.outstanding = self.outstanding.saturating_sub(1);
        let code = event.code();
        Some(CommitAnswer {
            result: if code == ErrorCode::NoError {
                Ok(())
            } else {
                Err(code)
            },
            offsets: committed_offsets(&event),
        })
    }
}

fn committed_offsets(event: &Event) -> Vec<(TopicPartition, i64, bool)> {
    // SAFETY: the event is alive, and its list lives as long.
    let list = unsafe { sys::rd_kafka_event_topic_partition_list(event.pointer()) };
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: a list holds `cnt` elements, each with a C string as topic.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        (0..count)
            .map(|index| &*(*list).elems.add(index))
            .map(|element| {
                let topic = CStr::from_ptr(element.topic).to_string_lossy();
                let source = TopicPartition::new(&*topic, element.partition);
                let is_stored = element.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
                (source, element.offset, is_stored)
            })
            .collect()
    }
}
