//! Waking the poll thread, and telling it to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The time, for timeouts only: no record's content depends on it.
#[expect(
    clippy::disallowed_methods,
    reason = "the consumer is the edge: it measures timeouts"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Wakes the poll thread from any other thread. A wake-up before the wait is not lost.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    signalled: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

impl Waker {
    /// The calling thread is the one to wake from now on.
    pub(crate) fn adopt_current_thread(&self) {
        *self.thread.lock() = Some(std::thread::current());
    }

    /// Wakes the waiting thread. Cheap when it was woken already; never blocks for long, so it may be
    /// called under librdkafka's queue lock.
    pub(crate) fn wake(&self) {
        if !self.signalled.swap(true, Ordering::AcqRel)
            && let Some(thread) = &*self.thread.lock()
        {
            thread.unpark();
        }
    }

    /// Waits until woken or until `deadline`.
    pub(crate) fn wait_until(&self, deadline: Instant) {
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

/// Tells a running consumer to stop. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct StopToken(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    stopped: AtomicBool,
    waker: Mutex<Option<Arc<Waker>>>,
}

impl StopToken {
    /// A token that nobody has pulled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the stop and wakes the consumer. Not for use inside a signal handler: call it from
    /// the thread that waits for signals.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
        if let Some(waker) = &*self.0.waker.lock() {
            waker.wake();
        }
    }

    /// Whether the stop was asked for.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn attach(&self, waker: Arc<Waker>) {
        *self.0.waker.lock() = Some(waker);
    }
}
