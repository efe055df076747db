//! The part of librdkafka that the safe binding does not wrap: partition queues read in bursts, a
//! commit with a time limit, watermarks as the client last saw them.
//!
//! The binding's own `poll` costs an event object, an `Arc` and two atomic operations a record; a
//! burst costs none of them.
#![expect(
    unsafe_code,
    reason = "the burst interface of librdkafka has no safe binding; everything unsafe is here"
)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::stop::Waker;

/// Records read from librdkafka at once. Large enough to spread the call, small enough that the
/// copying holds a lane's lock for some ten microseconds only.
pub(crate) const BURST_RECORDS_MAX: usize = 512;

/// A partition's own queue inside librdkafka, with a flag that says whether it may hold something.
///
/// Must be dropped before the client it came from: the client's end waits for all its queues.
pub(crate) struct PartitionQueue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// Shared with librdkafka's threads for as long as the callback is enabled.
    signal: Arc<Signal>,
}

struct Signal {
    dirty: AtomicBool,
    waker: Arc<Waker>,
}

impl Signal {
    /// A signal that `queue` raises when it gets something while empty. The caller keeps it until it
    /// has disabled the queue's callback.
    fn attach(queue: NonNull<sys::rd_kafka_queue_t>, waker: Arc<Waker>, dirty: bool) -> Arc<Self> {
        let signal = Arc::new(Self {
            dirty: AtomicBool::new(dirty),
            waker,
        });
        // SAFETY: `queue` is valid, and the argument points into `signal`, which outlives the
        // callback by the caller's promise.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(
                queue.as_ptr(),
                Some(on_nonempty),
                Arc::as_ptr(&signal).cast_mut().cast(),
            );
        }
        signal
    }
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for PartitionQueue {}

impl PartitionQueue {
    /// Splits the partition's records off the consumer's common queue. To be called before the
    /// partition is assigned, so that no record goes to the common queue.
    pub(crate) fn open<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        topic: &str,
        partition: i32,
        waker: Arc<Waker>,
    ) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: the client outlives this call and `topic` is a C string.
        let queue = unsafe {
            sys::rd_kafka_queue_get_partition(
                consumer.client().native_ptr(),
                topic.as_ptr(),
                partition,
            )
        };
        let queue = NonNull::new(queue)?;
        // SAFETY: `queue` is ours; forwarding to nothing makes the partition's queue stand alone.
        unsafe { sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut()) };
        let signal = Signal::attach(queue, waker, true);
        Some(Self { queue, signal })
    }

    /// Whether something may wait in the queue.
    pub(crate) fn is_dirty(&self) -> bool {
        self.signal.dirty.load(Ordering::Acquire)
    }

    /// Reads what is there into `burst`, without waiting. The queue stays dirty when the burst was
    /// full, since librdkafka only calls back when an empty queue gets something.
    pub(crate) fn read(&self, burst: &mut Burst) {
        burst.clear();
        self.signal.dirty.store(false, Ordering::Release);
        // SAFETY: the array has room for BURST_RECORDS_MAX pointers; with a timeout of 0 the call
        // does not wait.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                0,
                burst.messages.as_mut_ptr(),
                BURST_RECORDS_MAX,
            )
        };
        burst.count = usize::try_from(count).unwrap_or(0).min(BURST_RECORDS_MAX);
        if burst.count == BURST_RECORDS_MAX {
            self.signal.dirty.store(true, Ordering::Release);
        }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: disabling takes the queue's lock, under which librdkafka runs the callback, so that
        // it runs no more when `signal` goes. `queue` is ours to give back, once.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// Called by librdkafka's threads, under the queue's lock, when an empty queue gets something.
unsafe extern "C" fn on_nonempty(_client: *mut sys::rd_kafka_t, signal: *mut c_void) {
    // SAFETY: `signal` is the `Signal` given at `open`, alive until the callback is disabled.
    let signal = unsafe { &*signal.cast_const().cast::<Signal>() };
    signal.dirty.store(true, Ordering::Release);
    signal.waker.wake();
}

/// Records as librdkafka holds them; given back on `clear` and on drop.
pub(crate) struct Burst {
    messages: Box<[*mut sys::rd_kafka_message_t; BURST_RECORDS_MAX]>,
    /// The first `count` pointers are valid and ours.
    count: usize,
}

// SAFETY: messages belong to whoever holds the pointer, on any thread.
unsafe impl Send for Burst {}

impl Burst {
    pub(crate) fn new() -> Self {
        Self {
            messages: Box::new([ptr::null_mut(); BURST_RECORDS_MAX]),
            count: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        self.messages[..self.count]
            .iter()
            // SAFETY: the first `count` pointers are valid until `clear`, which needs `&mut self`.
            .map(|&message| Message(unsafe { &*message }))
    }

    /// Gives the records back to librdkafka.
    pub(crate) fn clear(&mut self) {
        for message in &self.messages[..self.count] {
            // SAFETY: ours, and given back once: `count` is reset below.
            unsafe { sys::rd_kafka_message_destroy(*message) };
        }
        self.count = 0;
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A record, or an error in a record's place.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a>(&'a sys::rd_kafka_message_t);

impl<'a> Message<'a> {
    /// The error that stands here instead of a record.
    pub(crate) fn error(self) -> Option<(RDKafkaErrorCode, String)> {
        if self.0.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: the message is valid; the text, when there is one, lives as long as it.
        let reason = unsafe {
            let text = sys::rd_kafka_message_errstr(self.0);
            if text.is_null() {
                String::new()
            } else {
                CStr::from_ptr(text).to_string_lossy().into_owned()
            }
        };
        Some((self.0.err.into(), reason))
    }

    pub(crate) fn offset(self) -> i64 {
        self.0.offset
    }

    pub(crate) fn timestamp_ms(self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid.
        let timestamp = unsafe { sys::rd_kafka_message_timestamp(self.0, &mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && timestamp >= 0)
            .then_some(timestamp)
    }

    pub(crate) fn payload(self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka gives `len` bytes at `payload`, or null; they live as long as it.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    pub(crate) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: as for the payload.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    pub(crate) fn headers(self) -> Headers<'a> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid and keeps the ownership of its headers. When there is none
        // the call leaves null.
        unsafe { sys::rd_kafka_message_headers(self.0, &mut headers) };
        Headers {
            headers,
            next: 0,
            message: PhantomData,
        }
    }
}

/// A record's headers in order.
pub(crate) struct Headers<'a> {
    headers: *const sys::rd_kafka_headers_t,
    next: usize,
    message: PhantomData<&'a sys::rd_kafka_message_t>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.headers.is_null() {
            return None;
        }
        let mut name: *const c_char = ptr::null();
        let mut value: *const c_void = ptr::null();
        let mut value_bytes = 0;
        // SAFETY: the headers live as long as their message, which is borrowed for 'a.
        let result = unsafe {
            sys::rd_kafka_header_get_all(
                self.headers,
                self.next,
                &mut name,
                &mut value,
                &mut value_bytes,
            )
        };
        if result != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return None;
        }
        self.next += 1;
        // SAFETY: a header's name is a C string, its value `value_bytes` bytes or null; both live as
        // long as the message.
        unsafe {
            let name = CStr::from_ptr(name).to_str().unwrap_or_default();
            Some((name, bytes(value, value_bytes)))
        }
    }
}

/// # Safety
/// `start` is null or points to `count` bytes that live for 'a.
unsafe fn bytes<'a>(start: *const c_void, count: usize) -> Option<&'a [u8]> {
    if start.is_null() {
        return None;
    }
    // SAFETY: what the caller promises.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), count) })
}

/// Commits, and where the broker's answers to them arrive. The binding's asynchronous commit drops the
/// answer, and its synchronous one waits without a limit when the coordinator is away.
///
/// Must be dropped before the client it came from.
pub(crate) struct CommitQueue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    signal: Arc<Signal>,
    /// Requests without an answer yet.
    pub(crate) outstanding: usize,
}

/// The broker's answer to a commit.
pub(crate) struct CommitAnswer {
    /// Why all of it failed.
    pub(crate) result: Result<(), RDKafkaErrorCode>,
    pub(crate) offsets: Vec<CommittedOffset>,
}

/// One partition of a [`CommitAnswer`].
pub(crate) struct CommittedOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) is_stored: bool,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for CommitQueue {}

impl CommitQueue {
    pub(crate) fn open<C: ConsumerContext>(
        consumer: &BaseConsumer<C>,
        waker: Arc<Waker>,
    ) -> Option<Self> {
        // SAFETY: the client is alive.
        let queue = unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue)?;
        let signal = Signal::attach(queue, waker, false);
        Some(Self {
            queue,
            signal,
            outstanding: 0,
        })
    }

    /// Asks for a commit; the answer comes to [`CommitQueue::answer`].
    pub(crate) fn request<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        offsets: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        let client = consumer.client().native_ptr();
        let queue = self.queue.as_ptr();
        // SAFETY: client, list and queue are alive; librdkafka copies the list and keeps its own
        // reference to the queue.
        let result = unsafe {
            sys::rd_kafka_commit_queue(client, offsets.ptr(), queue, None, ptr::null_mut())
        };
        if result != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(result.into());
        }
        self.outstanding += 1;
        Ok(())
    }

    /// Whether an answer may be there.
    pub(crate) fn is_dirty(&self) -> bool {
        self.signal.dirty.swap(false, Ordering::AcqRel)
    }

    /// The next answer, waiting at most `timeout`.
    pub(crate) fn answer(&mut self, timeout: Duration) -> Option<CommitAnswer> {
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
        // SAFETY: as for a partition's queue.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// # Safety
/// `list` is null or a valid list.
unsafe fn committed_offsets(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> Vec<CommittedOffset> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: a list holds `cnt` elements, each with a C string as topic.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        (0..count)
            .map(|index| &*(*list).elems.add(index))
            .map(|element| CommittedOffset {
                topic: CStr::from_ptr(element.topic).to_string_lossy().into_owned(),
                partition: element.partition,
                offset: element.offset,
                is_stored: element.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR,
            })
            .collect()
    }
}

/// (first offset held, one past the last) of a partition as the client last saw them, without asking
/// the broker.
pub(crate) fn watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
) -> Option<(i64, i64)> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client is alive, `topic` is a C string, both numbers are ours.
    let result = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            consumer.client().native_ptr(),
            topic.as_ptr(),
            partition,
            &mut low,
            &mut high,
        )
    };
    (result == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then_some((low, high))
}
