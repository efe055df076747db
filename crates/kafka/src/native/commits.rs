//! Commits with answers.

use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use super::handle::Handle;
use super::signal::Signal;
use crate::trouble::ErrorCode;
use crate::waker::Waker;

/// Commits of a consumer, and where the broker's answers to them arrive. The binding's asynchronous commit
/// drops the answer, and its synchronous one waits without a limit when the coordinator is away.
pub struct CommitQueue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    signal: Arc<Signal>,
    /// Requests without an answer yet.
    outstanding: usize,
    /// Keeps the client alive that `queue` belongs to; dropped after it.
    client: Arc<dyn Handle>,
}

/// The broker's answer to a commit.
pub struct CommitAnswer {
    /// Why all of it failed.
    pub result: Result<(), ErrorCode>,
    /// What became of each partition, when not all of it failed: offset and whether it is stored.
    pub offsets: Vec<(TopicPartition, i64, bool)>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for CommitQueue {}

impl CommitQueue {
    /// A queue of its own for `consumer`'s commits; an answer wakes `waker`.
    pub(crate) fn open<C: ConsumerContext + 'static>(
        consumer: &Arc<BaseConsumer<C>>,
        waker: Arc<Waker>,
    ) -> Option<Self> {
        let client: Arc<dyn Handle> = Arc::<BaseConsumer<C>>::clone(consumer);
        // SAFETY: the client is alive.
        let queue = unsafe { sys::rd_kafka_queue_new(client.native()) };
        let queue = NonNull::new(queue)?;
        let signal = Signal::attach(queue, waker, false);
        Some(Self {
            queue,
            signal,
            outstanding: 0,
            client,
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
        let queue = self.queue.as_ptr();
        // SAFETY: client, list and queue are alive; librdkafka copies the list and keeps its own
        // reference to the queue.
        let result = unsafe {
            sys::rd_kafka_commit_queue(
                self.client.native(),
                list.ptr(),
                queue,
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
        self.signal.dirty.swap(false, Ordering::AcqRel)
    }

    /// The next answer, waiting at most `timeout`.
    pub fn answer(&mut self, timeout: Duration) -> Option<CommitAnswer> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the event is ours and given back once; what is read from its list is copied before
        // that. Null events are handled.
        unsafe {
            let event = sys::rd_kafka_queue_poll(self.queue.as_ptr(), timeout_ms);
            if event.is_null() {
                return None;
            }
            self.outstanding = self.outstanding.saturating_sub(1);
            let answer = CommitAnswer {
                result: match sys::rd_kafka_event_error(event) {
                    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
                    error => Err(error.into()),
                },
                offsets: committed_offsets(sys::rd_kafka_event_topic_partition_list(event)),
            };
            sys::rd_kafka_event_destroy(event);
            Some(answer)
        }
    }
}

impl Drop for CommitQueue {
    fn drop(&mut self) {
        // So that the callback runs no more when `signal` goes.
        Signal::detach(self.queue);
        // SAFETY: `queue` is ours to give back, once; its client is alive, being held by `client`.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

/// # Safety
/// `list` is null or a valid list.
unsafe fn committed_offsets(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> Vec<(TopicPartition, i64, bool)> {
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
