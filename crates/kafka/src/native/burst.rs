//! Records as librdkafka holds them, read many at a time.
//!
//! The binding's own `poll` costs an event object, an `Arc` and two atomic operations a record; a
//! burst costs none of them.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;

use crate::trouble::ErrorCode;

/// Records read from librdkafka at once. Large enough to spread the call, small enough that the
/// copying holds a lane's lock for some ten microseconds only.
pub const BURST_RECORDS_MAX: usize = 512;

/// Records as librdkafka holds them; given back on `clear` and on drop.
pub struct Burst {
    messages: Box<[*mut sys::rd_kafka_message_t; BURST_RECORDS_MAX]>,
    /// The first `count` pointers are valid and ours.
    count: usize,
}

// SAFETY: messages belong to whoever holds the pointer, on any thread.
unsafe impl Send for Burst {}

impl Burst {
    /// An empty burst.
    pub fn new() -> Self {
        Self {
            messages: Box::new([ptr::null_mut(); BURST_RECORDS_MAX]),
            count: 0,
        }
    }

    /// Records held.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The records in offset order, with errors where librdkafka put some.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = BurstMessage<'_>> {
        self.messages[..self.count]
            .iter()
            // SAFETY: the first `count` pointers are valid until `clear`, which needs `&mut self`.
            .map(|&message| BurstMessage(unsafe { &*message }))
    }

    /// Replaces what it holds by what waits in `queue`, without waiting.
    pub(super) fn fill(&mut self, queue: NonNull<sys::rd_kafka_queue_t>) {
        self.clear();
        // SAFETY: `queue` is valid, being borrowed from its owner; the array has room for
        // BURST_RECORDS_MAX pointers; with a timeout of 0 the call does not wait.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(
                queue.as_ptr(),
                0,
                self.messages.as_mut_ptr(),
                BURST_RECORDS_MAX,
            )
        };
        self.count = usize::try_from(count).unwrap_or(0).min(BURST_RECORDS_MAX);
    }

    /// Gives the records back to librdkafka.
    pub fn clear(&mut self) {
        for message in &self.messages[..self.count] {
            // SAFETY: ours, and given back once: `count` is reset below.
            unsafe { sys::rd_kafka_message_destroy(*message) };
        }
        self.count = 0;
    }
}

impl Default for Burst {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A record, or an error in a record's place.
#[derive(Clone, Copy)]
pub struct BurstMessage<'a>(&'a sys::rd_kafka_message_t);

impl<'a> BurstMessage<'a> {
    /// The error that stands here instead of a record, with librdkafka's words.
    #[inline]
    pub fn error(self) -> Option<(ErrorCode, String)> {
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

    /// Its offset.
    #[inline]
    pub fn offset(self) -> i64 {
        self.0.offset
    }

    /// Milliseconds since 1970, if it has a time.
    #[inline]
    pub fn timestamp_ms(self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid.
        let timestamp = unsafe { sys::rd_kafka_message_timestamp(self.0, &mut kind) };
        (kind != sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && timestamp >= 0)
            .then_some(timestamp)
    }

    /// When the broker appended it, in milliseconds since 1970; `None` where producers stamp the topic's
    /// records.
    pub fn appended_ms(self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid.
        let timestamp = unsafe { sys::rd_kafka_message_timestamp(self.0, &mut kind) };
        (kind == sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME)
            .then_some(timestamp)
    }

    /// Its value; `None` for a tombstone.
    #[inline]
    pub fn payload(self) -> Option<&'a [u8]> {
        // SAFETY: librdkafka gives `len` bytes at `payload`, or null; they live as long as it.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    /// Its key.
    #[inline]
    pub fn key(self) -> Option<&'a [u8]> {
        // SAFETY: as for the payload.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    /// Its headers: (name, value).
    #[inline]
    pub fn headers(self) -> Headers<'a> {
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
pub struct Headers<'a> {
    headers: *const sys::rd_kafka_headers_t,
    next: usize,
    message: PhantomData<&'a sys::rd_kafka_message_t>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    #[inline]
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
#[inline]
unsafe fn bytes<'a>(start: *const c_void, count: usize) -> Option<&'a [u8]> {
    if start.is_null() {
        return None;
    }
    // SAFETY: what the caller promises.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), count) })
}
