//! Many records to the client in one call: `rd_kafka_produce_batch`, which the safe binding lacks.
//! A call per record spends more in argument passing, topic look-up and locks than in copying.

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::IntoOpaque;
use rdkafka::bindings::{
    RD_KAFKA_MSG_F_COPY, rd_kafka_flush, rd_kafka_message_t, rd_kafka_produce_batch,
    rd_kafka_resp_err_t, rd_kafka_topic_destroy, rd_kafka_topic_new, rd_kafka_topic_t,
};
use rdkafka::producer::{BaseProducer, PARTITION_UA, Producer as _, ProducerContext};

use crate::error::KafkaError;
use crate::trouble::ErrorCode;

/// A topic known to a client, whose records owe a `T`.
pub(crate) struct TopicHandle<C: ProducerContext + 'static> {
    name: String,
    /// Made by `rd_kafka_topic_new` on `client`, destroyed once in `drop`.
    handle: NonNull<rd_kafka_topic_t>,
    /// Keeps the client that `handle` belongs to alive.
    client: Arc<BaseProducer<C>>,
}

// SAFETY: librdkafka's topic handles are reference-counted and locked inside; every call made here
// may come from any thread (rdkafka.h: "librdkafka is completely thread-safe").
unsafe impl<C: ProducerContext> Send for TopicHandle<C> {}
// SAFETY: as for `Send`.
unsafe impl<C: ProducerContext> Sync for TopicHandle<C> {}

/// A record to send. Its bytes are copied by the client.
#[derive(Debug, Clone, Copy)]
pub struct BulkMessage<'a> {
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value.
    pub payload: &'a [u8],
}

/// A record that the client did not take.
#[derive(Debug, Clone, Copy)]
pub struct NotTaken {
    /// Its index among the messages.
    pub index: usize,
    /// Why.
    pub code: ErrorCode,
}

impl BulkMessage<'_> {
    /// Bytes of key and value.
    pub fn len(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.payload.len()
    }

    /// Whether there is neither.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T, C> TopicHandle<C>
where
    T: Send + Sync,
    C: ProducerContext<DeliveryOpaque = Arc<T>>,
{
    /// The topic called `name` on `client`.
    pub(crate) fn new(client: &Arc<BaseProducer<C>>, name: &str) -> Result<Self, KafkaError> {
        let refused = || KafkaError::TopicName(name.to_owned());
        let text = CString::new(name).map_err(|_| refused())?;
        // SAFETY: the client outlives the call and the handle (kept in `client` below); `text` is
        // NUL-terminated and copied; a null configuration means the client's default one.
        let handle = unsafe {
            rd_kafka_topic_new(client.client().native_ptr(), text.as_ptr(), ptr::null_mut())
        };
        Ok(Self {
            name: name.to_owned(),
            handle: NonNull::new(handle).ok_or_else(refused)?,
            client: Arc::clone(client),
        })
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Hands `messages` over, each with a share in `owed`. Gives those that were not taken, in order;
    /// after one that was refused because the queue is full, all later ones are refused too, so that
    /// sending these again keeps the order.
    pub(crate) fn produce(&self, messages: &[BulkMessage<'_>], owed: &Arc<T>) -> Vec<NotTaken> {
        let mut slots: Vec<rd_kafka_message_t> = messages
            .iter()
            .map(|message| slot(message, Arc::clone(owed)))
            .collect();
        let count = i32::try_from(slots.len()).unwrap_or(i32::MAX);
        debug_assert_eq!(slots.len(), count as usize);
        // SAFETY: `handle` is alive; `slots` holds `count` initialised messages whose payload and key
        // point into `messages`, which outlive the call, and are only read: RD_KAFKA_MSG_F_COPY makes
        // the client copy them before it returns.
        let taken = unsafe {
            rd_kafka_produce_batch(
                self.handle.as_ptr(),
                PARTITION_UA,
                RD_KAFKA_MSG_F_COPY,
                slots.as_mut_ptr(),
                count,
            )
        };
        if taken == count {
            return Vec::new();
        }
        let mut left = Vec::new();
        for (index, slot) in slots.iter().enumerate() {
            if slot.err != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                // SAFETY: the pointer was made by `into_ptr` for this message; a message that was not
                // taken has no delivery report, so nobody else will turn it back.
                drop(unsafe { Arc::<T>::from_ptr(slot._private) });
                left.push(NotTaken {
                    index,
                    code: slot.err.into(),
                });
            }
        }
        left
    }
}

impl<C: ProducerContext> Drop for TopicHandle<C> {
    fn drop(&mut self) {
        debug_assert!(!self.client.client().native_ptr().is_null());
        // SAFETY: `handle` came from `rd_kafka_topic_new` and is destroyed only here; the client is
        // still alive, being held by `client`. Messages in its queues keep their own reference.
        unsafe { rd_kafka_topic_destroy(self.handle.as_ptr()) };
    }
}

/// Sends at once what the client still collects, and waits until it has nothing left or `timeout` is
/// over. Delivery reports must be served by another thread. The safe binding's own flush asks for this
/// in moments of no length, which the client mostly overlooks, so that `linger.ms` is waited for.
pub(crate) fn flush<C: ProducerContext>(client: &BaseProducer<C>, timeout: Duration) {
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is borrowed, so its pointer is valid during the call; flushing is
    // thread-safe. The result only repeats what the count of records in flight says.
    unsafe { rd_kafka_flush(client.client().native_ptr(), timeout_ms) };
}

fn slot<T: Send + Sync>(message: &BulkMessage<'_>, owed: Arc<T>) -> rd_kafka_message_t {
    let (key, key_len) = message
        .key
        .map_or((ptr::null(), 0), |key| (key.as_ptr(), key.len()));
    rd_kafka_message_t {
        err: rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition: PARTITION_UA,
        payload: message.payload.as_ptr().cast::<c_void>().cast_mut(),
        len: message.payload.len(),
        key: key.cast::<c_void>().cast_mut(),
        key_len,
        offset: 0,
        _private: owed.into_ptr(),
    }
}
