//! Waking the thread that polls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The time, for timeouts only: no record's content depends on it.
#[expect(
    clippy::disallowed_methods,
    reason = "talking to a broker is the edge: it measures timeouts"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Wakes the polling thread from any other thread. A wake-up before the wait is not lost.
#[derive(Debug, Default)]
pub struct Waker {
    signalled: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

impl Waker {
    /// The calling thread is the one to wake from now on.
    pub fn adopt_current_thread(&self) {
        *self.thread.lock() = Some(std::thread::current());
    }

    /// Wakes the waiting thread. Cheap when it was woken already; never blocks for long, so it may be
    /// called under librdkafka's queue lock.
    pub fn wake(&self) {
        if !self.signalled.swap(true, Ordering::AcqRel)
            && let Some(thread) = &*self.thread.lock()
        {
            thread.unpark();
        }
    }

    /// Waits until woken or until `deadline`.
    pub fn wait_until(&self, deadline: Instant) {
        loop {
            if self.signalled.swap(false, Ordering::AcqRel) {
                return;
            }
            let left = deadline.saturating_duration_since(now());
            if left == Duration::ZERO {
                return;
            }
            std::thread::park_timeout(left);
        }
    }
}
