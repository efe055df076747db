//! Telling the poll thread to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tillwatch_kafka::Waker;

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
