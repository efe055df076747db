//! How the sink tells the consumer that everything made from a batch of input is safe.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Held by whoever still owes the delivery of something made from one batch of input. When the last
/// clone is dropped the batch is settled: its offsets may be committed if nothing failed.
///
/// Clone it into every output record (one atomic increment), drop it on acknowledgement.
#[derive(Clone)]
pub struct Ticket(Arc<Pending>);

struct Pending {
    failed: AtomicBool,
    settle: Box<dyn Fn(Settled) + Send + Sync>,
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
        Self(Arc::new(Pending {
            failed: AtomicBool::new(false),
            settle: Box::new(settle),
        }))
    }

    /// Records that an output was given up.
    pub fn fail(&self) {
        self.0.failed.store(true, Ordering::Release);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let failed = self.failed.load(Ordering::Acquire);
        (self.settle)(if failed {
            Settled::Failed
        } else {
            Settled::Delivered
        });
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
