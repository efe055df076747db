//! Questions about topics that nobody waits for.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};

use super::described::{self, Event};
use super::handle::Handle;
use super::options::Options;
use super::signal::Signal;
use crate::facts::{Asked, ByTopic, TopicIdentity};
use crate::waker::Waker;

/// Asks which topics there are at present, by a client that does something else besides, and takes the
/// answers when they come.
pub struct TopicQuestions {
    queue: NonNull<sys::rd_kafka_queue_t>,
    signal: Arc<Signal>,
    /// Keeps the client alive that `queue` belongs to; dropped after it.
    client: Arc<dyn Handle>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for TopicQuestions {}

impl TopicQuestions {
    /// A queue of its own for `consumer`'s answers; an answer wakes `waker`.
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
            client,
        })
    }

    /// Asks about `topics`; there is an answer, or a refusal, within `timeout`. Asking creates no topic.
    pub fn ask(&self, topics: &[String], timeout: Duration) {
        let names = topics.iter().map(|name| CString::new(name.as_str()));
        // Names that no topic can have are refused long before.
        let names: Vec<CString> = names.filter_map(Result::ok).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = Options::new(&*self.client, operation, timeout);
        // SAFETY: `pointers` holds as many C strings as is said, and they are copied; the collection is
        // freed once, after the call that reads it; client, options and queue are alive.
        unsafe {
            let collection =
                sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            sys::rd_kafka_DescribeTopics(
                self.client.native(),
                collection,
                options.pointer(),
                self.queue.as_ptr(),
            );
            sys::rd_kafka_TopicCollection_destroy(collection);
        }
    }

    /// The next answer that has come, by topic, or why there is none.
    pub fn next(&self) -> Option<Asked<ByTopic<TopicIdentity>>> {
        if !self.signal.dirty.swap(false, Ordering::AcqRel) {
            return None;
        }
        // SAFETY: the queue is alive; the event is owned by `Event` from here on.
        let event = Event::of(unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), 0) })?;
        // More may wait behind it: only what an empty queue gets is announced.
        self.signal.dirty.store(true, Ordering::Release);
        Some(described::identities(&event))
    }
}

impl Drop for TopicQuestions {
    fn drop(&mut self) {
        // So that the callback runs no more when `signal` goes.
        Signal::detach(self.queue);
        // SAFETY: `queue` is ours to give back, once; its client is alive, being held by `client`.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}
