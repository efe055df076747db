//! How long the store's answers are waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::error::StoreError;

/// For files: a lane that is to be restored waits for a store as long. A mount whose server is gone
/// answers never.
pub(crate) const DIRECTORY_WAIT: Duration = Duration::from_secs(30);

/// For buckets: longer than their clients try by themselves, which tell more: 20 s, and 30 s for the last
/// request.
pub(crate) const BUCKET_WAIT: Duration = Duration::from_secs(60);

/// While an answer is overdue, others are waited for so long: the calls of many lanes, one after the
/// other, would take hours.
const OVERDUE_WAIT: Duration = Duration::from_secs(2);

/// How long answers may take. Cheap to clone; clones learn from each other.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    longest: Duration,
    /// An answer did not come in time, and none has come since.
    is_overdue: Arc<AtomicBool>,
}

/// What is to be answered, once.
pub(crate) struct Reply<T> {
    answer: Sender<T>,
    is_overdue: Arc<AtomicBool>,
}

/// What is waited for.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    answer: Receiver<T>,
    patience: Patience,
}

impl Patience {
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            longest,
            is_overdue: Arc::default(),
        }
    }

    /// Both ends of a call.
    pub(crate) fn ask<T>(&self) -> (Reply<T>, Answer<T>) {
        let (sender, answer) = bounded(1);
        let reply = Reply {
            answer: sender,
            is_overdue: Arc::clone(&self.is_overdue),
        };
        let answer = Answer {
            answer,
            patience: self.clone(),
        };
        (reply, answer)
    }

    fn now(&self) -> Duration {
        match self.is_overdue.load(Ordering::Relaxed) {
            true => self.longest.min(OVERDUE_WAIT),
            false => self.longest,
        }
    }
}

impl<T> Reply<T> {
    /// Answers, be it late: the store is there.
    pub(crate) fn send(self, done: T) {
        self.is_overdue.store(false, Ordering::Relaxed);
        // Nobody waits any more: the caller gave up.
        let _unheard = self.answer.send(done);
    }
}

impl<T> Answer<T> {
    /// Waits for it. What was asked for may still be done after an error.
    pub(crate) fn wait(&self, action: &'static str, below: &str) -> Result<T, StoreError> {
        let wait = self.patience.now();
        let detail = match self.answer.recv_timeout(wait) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Disconnected) => "the call ended without an answer".to_owned(),
            Err(RecvTimeoutError::Timeout) => {
                self.patience.is_overdue.store(true, Ordering::Relaxed);
                format!("no answer within {} s", wait.as_secs_f64())
            }
        };
        Err(StoreError::Unavailable {
            action,
            path: below.to_owned(),
            detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_owes_an_answer_is_waited_for_less_until_one_comes() {
        let patience = Patience::new(DIRECTORY_WAIT);
        let (late, answer) = patience.ask();
        assert_eq!(patience.now(), DIRECTORY_WAIT);
        // As the end of a wait does.
        patience.is_overdue.store(true, Ordering::Relaxed);
        assert_eq!(patience.now(), OVERDUE_WAIT);
        late.send(7);
        assert_eq!(patience.now(), DIRECTORY_WAIT);
        assert_eq!(answer.wait("read", "x"), Ok(7));
    }

    #[test]
    fn the_wait_for_an_answer_ends() {
        let patience = Patience::new(Duration::from_millis(20));
        let (reply, answer) = patience.ask::<()>();
        let error = answer.wait("read", "runs/x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read `runs/x` in the state store (no answer within 0.02 s); check that the store is up and \
             can be reached"
        );
        assert!(patience.is_overdue.load(Ordering::Relaxed));
        drop(reply);
        let error = answer.wait("read", "runs/x").unwrap_err();
        assert!(error.to_string().contains("ended without"), "{error}");
    }
}
