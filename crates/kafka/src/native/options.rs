//! Options of the admin calls.

use std::ffi::c_char;
use std::time::Duration;

use rdkafka::bindings as sys;

use super::handle::Handle;

/// Room for librdkafka's words about an option.
const WORDS_BYTES_MAX: usize = 256;

/// Options of a question.
pub(super) struct Options(*mut sys::rd_kafka_AdminOptions_t);

impl Options {
    /// Options of `operation` with an answer within `timeout`.
    pub(super) fn new(
        client: &dyn Handle,
        operation: sys::rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> Self {
        let timeout_ms = i32::try_from(timeout.as_millis())
            .unwrap_or(i32::MAX)
            .max(1);
        let mut words: [c_char; WORDS_BYTES_MAX] = [0; WORDS_BYTES_MAX];
        // SAFETY: the client is alive and `words` has the room that is said. A time that is refused
        // leaves the default, and the caller has a deadline of its own.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(client.native(), operation);
            sys::rd_kafka_AdminOptions_set_request_timeout(
                options,
                timeout_ms,
                words.as_mut_ptr(),
                words.len(),
            );
            Self(options)
        }
    }

    /// librdkafka's pointer to them, valid as long as they are borrowed.
    pub(super) fn pointer(&self) -> *const sys::rd_kafka_AdminOptions_t {
        self.0
    }

    /// The question goes to the broker with this number.
    pub(super) fn to(self, broker: i32) -> Self {
        let mut words: [c_char; WORDS_BYTES_MAX] = [0; WORDS_BYTES_MAX];
        // SAFETY: the options are alive and `words` has the room that is said. A number that is refused
        // leaves the controller.
        unsafe {
            sys::rd_kafka_AdminOptions_set_broker(self.0, broker, words.as_mut_ptr(), words.len());
        }
        self
    }

    /// The answer is to say what we are allowed.
    pub(super) fn with_operations(self) -> Self {
        // SAFETY: the options are alive; an error object, where there is one, is freed here, once.
        unsafe {
            let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(self.0, 1);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
        }
        self
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: made in `new`, destroyed only here.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0) };
    }
}
