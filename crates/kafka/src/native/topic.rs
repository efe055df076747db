//! Many records to the client in one call: `rd_kafka_produce_batch`, which the safe binding lacks.
//! A call per record spends more in argument passing, topic look-up and locks than in copying.

#![expect(
    unsafe_code,
    reason = "rd_kafka_produce_batch and a flush that ends lingering have no safe binding"
)]

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::IntoOpaque;
use rdkafka::bindings::{
    RD_KAFKA_MSG_F_COPY, rd_kafka_flush, rd_kafka_message_t, rd_kafka_produce_batch,
    rd_kafka_resp_err_t, rd_kafka_topic_destroy, rd_kafka_topic_new, rd_kafka_topic_t,
};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, PARTITION_UA, Producer as _};

use super::producer::{Context, Group, Owed};
use crate::SinkError;

/// A topic known to a client.
pub(crate) struct Topic {
    name: String,
    /// Made by `rd_kafka_topic_new` on `client`, destroyed once in `drop`.
    handle: NonNull<rd_kafka_topic_t>,
    /// Keeps the client that `handle` belongs to alive.
    client: Arc<BaseProducer<Context>>,
}

// SAFETY: librdkafka's topic handles are reference-counted and locked inside; every call made here
// may come from any thread (rdkafka.h: "librdkafka is completely thread-safe").
unsafe impl Send for Topic {}
// SAFETY: as for `Send`.
unsafe impl Sync for Topic {}

/// A record to send. Its bytes are copied by the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
}

/// A record that the client did not take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotTaken {
    /// Its index among the messages.
    pub(crate) index: usize,
    pub(crate) code: RDKafkaErrorCode,
}

impl Message<'_> {
    /// Bytes of key and value.
    pub(crate) fn len(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.payload.len()
    }
}

impl Topic {
    /// The topic called `name` on `client`.
    pub(crate) fn new(client: &Arc<BaseProducer<Context>>, name: &str) -> Result<Self, SinkError> {
        let refused = || SinkError::Settings {
            kind: "kafka",
            problem: format!("`{name}` cannot be a topic name; use letters, digits, `.`, `_`, `-`"),
        };
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

    /// Hands `messages` over, each owing to `group`. Gives those that were not taken, in order; after
    /// one that was refused because the queue is full, all later ones are refused too, so that sending
    /// these again keeps the order.
    pub(crate) fn produce(&self, messages: &[Message<'_>], group: &Group) -> Vec<NotTaken> {
        let mut slots: Vec<rd_kafka_message_t> = messages
            .iter()
            .map(|message| slot(message, group))
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
                drop(unsafe { Owed::from_ptr(slot._private) });
                left.push(NotTaken {
                    index,
                    code: slot.err.into(),
                });
            }
        }
        left
    }
}

/// Sends at once what the client still collects, and waits until it has nothing left or `timeout` is
/// over. Delivery reports must be served by another thread. The safe binding's own flush asks for this
/// in moments of no length, which the client mostly overlooks, so that `linger.ms` is waited for.
pub(crate) fn flush(client: &BaseProducer<Context>, timeout: Duration) {
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is borrowed, so its pointer is valid during the call; flushing is
    // thread-safe. The result only repeats what the count of records in flight says.
    unsafe { rd_kafka_flush(client.client().native_ptr(), timeout_ms) };
}

impl Drop for Topic {
    fn drop(&mut self) {
        debug_assert!(!self.client.client().native_ptr().is_null());
        // SAFETY: `handle` came from `rd_kafka_topic_new` and is destroyed only here; the client is
        // still alive, being held by `client`. Messages in its queues keep their own reference.
        unsafe { rd_kafka_topic_destroy(self.handle.as_ptr()) };
    }
}

fn slot(message: &Message<'_>, group: &Group) -> rd_kafka_message_t {
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
        _private: group.owed().into_ptr(),
    }
}
