//! How the sink tells the consumer that everything made from a batch of input is safe.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::position::TopicPartition;

/// Held by whoever still owes the delivery of something made from one batch of input. When the last
/// clone is dropped the batch is settled: its offsets may be committed if nothing failed.
///
/// Clone it into every output record (one atomic increment), drop it on acknowledgement.
#[derive(Clone)]
pub struct Ticket(Arc<Pending>);

struct Pending {
    failed: AtomicBool,
    batch: Box<dyn Batch>,
}

/// What a ticket does for its batch.
pub trait Batch: Send + Sync {
    /// The last clone of the ticket was dropped, on this thread.
    fn settle(&self, settled: Settled);

    /// See [`Ticket::stage`].
    fn stage(&self) -> Option<(TopicPartition, i64)> {
        None
    }
}

/// The end of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Every output record was acknowledged.
    Delivered,
    /// At least one output record was given up; its input must be read again.
    Failed,
}

impl Ticket {
    /// A ticket that calls `settle` once, on the thread that drops the last clone.
    pub fn new(settle: impl Fn(Settled) + Send + Sync + 'static) -> Self {
        Self::of(settle)
    }

    /// A ticket of `batch`.
    pub fn of(batch: impl Batch + 'static) -> Self {
        Self(Arc::new(Pending {
            failed: AtomicBool::new(false),
            batch: Box::new(batch),
        }))
    }

    /// Says that everything made from the batch is in a transaction that is about to end. Gives the offset to
    /// store in it, as partition and one past the last record of the batch. `None` while an earlier batch of
    /// the lane is neither delivered nor staged, and for a batch that has no offset: then nothing made from
    /// this one may be committed. May be called again, for the next attempt.
    pub fn stage(&self) -> Option<(TopicPartition, i64)> {
        self.0.batch.stage()
    }

    /// Records that an output was given up.
    pub fn fail(&self) {
        self.0.failed.store(true, Ordering::Release);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let failed = self.failed.load(Ordering::Acquire);
        self.batch.settle(if failed {
            Settled::Failed
        } else {
            Settled::Delivered
        });
    }
}

impl<F: Fn(Settled) + Send + Sync> Batch for F {
    fn settle(&self, settled: Settled) {
        self(settled);
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("failed", &self.0.failed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn settles_once_when_the_last_clone_goes() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let ticket = Ticket::new(move |settled| sink.lock().unwrap().push(settled));
        let other = ticket.clone();
        drop(ticket);
        assert!(seen.lock().unwrap().is_empty());
        other.fail();
        drop(other);
        assert_eq!(*seen.lock().unwrap(), vec![Settled::Failed]);
    }
}
