//! Since when the store of snapshots does not answer.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::clock;

/// How long lanes wait for a store that does not answer before they go on without: payments are to be scored,
/// and what they lack is marked.
const STORE_WAIT: Duration = Duration::from_secs(30);

/// How long it is believed of a store that was waited for in vain that it does not answer: a question may
/// take as long as the wait, and lanes that begin at the same time need not ask one after the other.
const BELIEVED_FOR: Duration = Duration::from_secs(10);

/// What lanes that look for a snapshot know of the store together: they wait for it once, however many they
/// are and however few may look at once.
#[derive(Debug, Default)]
pub struct StoreSilence(Mutex<Option<Silence>>);

#[derive(Debug, Clone, Copy)]
struct Silence {
    /// When the first question was asked that was not answered.
    since: Instant,
    /// When it was last found that none is.
    found: Instant,
}

impl StoreSilence {
    /// Asks the store, and takes note of whether it answers. `None` where it was waited for in vain a moment
    /// ago: then it is not asked.
    pub fn ask<T, E>(&self, question: impl FnOnce() -> Result<T, E>) -> Option<Result<T, E>> {
        let asked = clock::now();
        if self.is_known(asked) {
            return None;
        }
        let answer = question();
        match &answer {
            Ok(_) => self.end(),
            Err(_) => self.note(asked, clock::now()),
        }
        Some(answer)
    }

    /// Whether the store has not answered for so long that nobody waits for it any more.
    pub fn is_long(&self) -> bool {
        self.0.lock().is_some_and(Silence::is_long)
    }

    /// The store has answered.
    fn end(&self) {
        *self.0.lock() = None;
    }

    /// The store has not answered by `now` what it was asked at `asked`.
    pub fn note(&self, asked: Instant, now: Instant) {
        let mut silence = self.0.lock();
        // What was found long ago says nothing of the time between.
        let goes_on = silence.filter(|silence| asked < silence.found + STORE_WAIT);
        let since = goes_on.map_or(asked, |silence| silence.since);
        *silence = Some(Silence { since, found: now });
    }

    /// Whether the store was waited for in vain a moment before `now`, so that it need not be asked.
    fn is_known(&self, now: Instant) -> bool {
        let silence = self.0.lock();
        silence.is_some_and(|silence| silence.is_long() && now < silence.found + BELIEVED_FOR)
    }
}

impl Silence {
    fn is_long(self) -> bool {
        self.found >= self.since + STORE_WAIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_away_is_waited_for_once() {
        let silence = StoreSilence::default();
        let began = clock::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let note = |asked, now| {
            silence.note(at(asked), at(now));
            (silence.is_long(), silence.is_known(at(now)))
        };
        assert!(!silence.is_long() && !silence.is_known(at(0)));
        assert_eq!(note(0, 1), (false, false));
        assert_eq!(note(2, 29), (false, false));
        // The one that has waited, and those that come then.
        assert_eq!(note(29, 31), (true, true));
        assert!(silence.is_known(at(40)) && !silence.is_known(at(41)));
        assert_eq!(note(45, 46), (true, true));
        // It answers, and is away again.
        silence.end();
        assert_eq!(note(47, 48), (false, false));
        // A question of its own that took as long as the wait.
        silence.end();
        assert_eq!(note(50, 80), (true, true));
        // Nobody has asked for long.
        assert_eq!(note(111, 112), (false, false));
    }

    #[test]
    fn a_store_that_is_known_to_be_away_is_not_asked() {
        let silence = StoreSilence::default();
        let fails = || Err::<(), ()>(());
        assert_eq!(silence.ask(fails), Some(Err(())));
        assert!(!silence.is_long());
        assert_eq!(silence.ask(|| Ok::<(), ()>(())), Some(Ok(())));
        let now = clock::now();
        silence.note(now - STORE_WAIT, now);
        assert!(silence.is_long());
        assert_eq!(silence.ask(fails), None);
    }
}
