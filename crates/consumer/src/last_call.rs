//! How a host says that a lane that leaves is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tillwatch_kafka::Waker;

/// What a lane that leaves still does: it leaves once this is dropped, by whatever thread, or once the drain
/// timeout is over. Tickets that are dropped before are part of the last commit.
#[derive(Debug)]
pub struct LastCall {
    state: Arc<State>,
    waker: Arc<Waker>,
}

/// The consumer's side of a [`LastCall`].
#[derive(Debug)]
pub(crate) struct Called(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_done: AtomicBool,
    /// Nobody waits any more.
    is_over: AtomicBool,
}

impl LastCall {
    /// A call, and the side of it that waits; the end of the call wakes `waker`.
    pub(crate) fn new(waker: &Arc<Waker>) -> (Self, Called) {
        let state = Arc::<State>::default();
        let call = Self {
            state: Arc::clone(&state),
            waker: Arc::clone(waker),
        };
        (call, Called(state))
    }

    /// Whether the lane still waits for this. When it does not, its partitions may be another member's: there
    /// is nothing left to be done for it.
    pub fn is_awaited(&self) -> bool {
        !self.state.is_over.load(Ordering::Acquire)
    }
}

impl Drop for LastCall {
    fn drop(&mut self) {
        self.state.is_done.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl Called {
    /// Whether the host is done.
    pub(crate) fn is_done(&self) -> bool {
        self.0.is_done.load(Ordering::Acquire)
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
    }
}
