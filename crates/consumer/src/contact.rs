//! Whether a broker is there, by what is heard of it and by questions where nothing is.

use std::time::{Duration, Instant};

/// Records and answers to commits are signs of life. After so long without one a broker is asked.
const QUIET_MAX: Duration = Duration::from_secs(5);

/// Questions in a row without an answer before brokers count as away. The client chooses whom it asks, so one
/// broker of three that hangs has each question in three; five in a row are hardly chance.
const MISSED_MAX: u32 = 5;

/// When brokers were last heard of. Only the poll thread holds it.
pub(crate) struct Contact {
    /// What had been heard, and when it was last seen to have grown.
    heard: u64,
    heard_at: Instant,
    /// Questions in a row without an answer.
    missed: u32,
}

impl Contact {
    pub(crate) fn new(at: Instant) -> Self {
        Self {
            heard: 0,
            heard_at: at,
            missed: 0,
        }
    }

    /// Whether to ask, where signs of life number `heard` at `at` and brokers count as up or not.
    pub(crate) fn must_ask(&mut self, heard: u64, is_up: bool, at: Instant) -> bool {
        if self.heard != heard {
            self.heard = heard;
            self.note_sign(at);
        }
        !is_up || self.missed > 0 || at.saturating_duration_since(self.heard_at) >= QUIET_MAX
    }

    /// Notes whether a question was answered; whether brokers count as up from here on.
    pub(crate) fn note_answer(&mut self, answered: bool, was_up: bool, at: Instant) -> bool {
        if answered {
            self.note_sign(at);
            return true;
        }
        self.missed = self.missed.saturating_add(1);
        was_up && self.missed < MISSED_MAX
    }

    fn note_sign(&mut self, at: Instant) {
        self.heard_at = at;
        self.missed = 0;
    }
}

#[cfg(test)]
mod tests {
    use tillwatch_kafka::now;

    use super::*;

    #[test]
    fn a_broker_that_is_heard_of_is_not_asked() {
        let start = now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut contact = Contact::new(start);
        assert!(contact.must_ask(0, false, at(0)), "nobody was heard of yet");
        assert!(contact.note_answer(true, false, at(0)));
        assert!(!contact.must_ask(0, true, at(4)));
        assert!(!contact.must_ask(7, true, at(6)), "records came");
        assert!(!contact.must_ask(7, true, at(10)));
        assert!(contact.must_ask(7, true, at(11)));
    }

    #[test]
    fn a_broker_that_hangs_is_away_after_some_questions() {
        let start = now();
        let mut contact = Contact::new(start);
        let mut up = true;
        for second in 5..9 {
            let at = start + Duration::from_secs(second);
            assert!(contact.must_ask(0, up, at));
            up = contact.note_answer(false, up, at);
            assert!(up, "one question may meet the one broker that hangs");
        }
        up = contact.note_answer(false, up, start + Duration::from_secs(9));
        assert!(!up);
        let at = start + Duration::from_secs(10);
        assert!(contact.must_ask(0, up, at));
        assert!(contact.note_answer(true, up, at));
    }
}
