//! A queue of its own for the answers to what a client is asked besides.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};

use super::described::Event;
use super::handle::Handle;
use super::signal::Signal;
use crate::waker::Waker;

/// Where a consumer's answers arrive that nobody waits for.
pub(super) struct AnswerQueue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    signal: Arc<Signal>,
    /// Keeps the client alive that `queue` belongs to; dropped after it.
    client: Arc<dyn Handle>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for AnswerQueue {}

impl AnswerQueue {
    /// A queue of `consumer`'s; an answer wakes `waker`.
    pub(super) fn open<C: ConsumerContext + 'static>(
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

    /// The client that is asked.
    pub(super) fn client(&self) -> &dyn Handle {
        &*self.client
    }

    /// librdkafka's pointer to the queue, valid as long as it is borrowed.
    pub(super) fn pointer(&self) -> *mut sys::rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// Whether an answer may be there; asking takes note of it. Only what an empty queue gets is news.
    pub(super) fn has_news(&self) -> bool {
        self.signal.dirty.swap(false, Ordering::AcqRel)
    }

    /// More may wait behind what was taken: [`AnswerQueue::has_news`] once more.
    pub(super) fn look_again(&self) {
        self.signal.dirty.store(true, Ordering::Release);
    }

    /// The next answer, waiting at most `timeout`.
    pub(super) fn next(&self, timeout: Duration) -> Option<Event> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event is owned by `Event` from here on.
        Event::of(unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), timeout_ms) })
    }
}

impl Drop for AnswerQueue {
    fn drop(&mut self) {
        // So that the callback runs no more when `signal` goes.
        Signal::detach(self.queue);
        // SAFETY: `queue` is ours to give back, once; its client is alive, being held by `client`.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}
