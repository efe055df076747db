//! A partition's own queue.

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use tillwatch_records::TopicPartition;

use super::burst::{BURST_RECORDS_MAX, Burst};
use super::signal::Signal;
use crate::waker::Waker;

/// A partition's own queue inside librdkafka, with a flag that says whether it may hold something.
///
/// Must be dropped before the client it came from: the client's end waits for all its queues.
pub struct PartitionQueue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// Shared with librdkafka's threads for as long as the callback is enabled.
    signal: Arc<Signal>,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Splits the partition's records off the consumer's common queue. To be called before the
    /// partition is assigned, so that no record goes to the common queue.
    pub(crate) fn open<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        source: &TopicPartition,
        waker: Arc<Waker>,
    ) -> Option<Self> {
        let topic = CString::new(&*source.topic).ok()?;
        // SAFETY: the client outlives this call and `topic` is a C string.
        let queue = unsafe {
            sys::rd_kafka_queue_get_partition(
                consumer.client().native_ptr(),
                topic.as_ptr(),
                source.partition,
            )
        };
        let queue = NonNull::new(queue)?;
        // SAFETY: `queue` is ours; forwarding to nothing makes the partition's queue stand alone.
        unsafe { sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut()) };
        let signal = Signal::attach(queue, waker, true);
        Some(Self { queue, signal })
    }

    /// Whether something may wait in the queue.
    pub fn is_dirty(&self) -> bool {
        self.signal.dirty.load(Ordering::Acquire)
    }

    /// Reads what is there into `burst`, without waiting. The queue stays dirty when the burst was
    /// full, since librdkafka only calls back when an empty queue gets something.
    pub fn read(&self, burst: &mut Burst) {
        self.signal.dirty.store(false, Ordering::Release);
        burst.fill(self.queue);
        if burst.len() == BURST_RECORDS_MAX {
            self.signal.dirty.store(true, Ordering::Release);
        }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // So that the callback runs no more when `signal` goes.
        Signal::detach(self.queue);
        // SAFETY: `queue` is ours to give back, once.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}
