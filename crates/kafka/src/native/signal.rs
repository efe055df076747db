//! How librdkafka tells that a queue has got something.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::bindings as sys;

use crate::waker::Waker;

/// A flag that librdkafka raises, from a thread of its own, when an empty queue gets something.
pub(super) struct Signal {
    pub(super) dirty: AtomicBool,
    waker: Arc<Waker>,
}

impl Signal {
    /// A signal that `queue` raises when it gets something while empty. The caller keeps it until it
    /// has disabled the queue's callback.
    pub(super) fn attach(
        queue: NonNull<sys::rd_kafka_queue_t>,
        waker: Arc<Waker>,
        dirty: bool,
    ) -> Arc<Self> {
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

    /// No more calls for `queue`: librdkafka runs its callback under the queue's lock, which this takes.
    pub(super) fn detach(queue: NonNull<sys::rd_kafka_queue_t>) {
        // SAFETY: `queue` is valid, being borrowed from its owner's `drop`.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), None, ptr::null_mut()) };
    }
}

/// Called by librdkafka's threads, under the queue's lock, when an empty queue gets something.
unsafe extern "C" fn on_nonempty(_client: *mut sys::rd_kafka_t, signal: *mut c_void) {
    // SAFETY: `signal` is the `Signal` given at `attach`, alive until the callback is disabled.
    let signal = unsafe { &*signal.cast_const().cast::<Signal>() };
    signal.dirty.store(true, Ordering::Release);
    signal.waker.wake();
}
