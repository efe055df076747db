//! How long nothing was acknowledged though something is on its way.

use std::time::{Duration, Instant};

/// Silence that is said. Brokers answer within milliseconds, and within seconds when a leader moves.
const SAID_AFTER: Duration = Duration::from_secs(10);

/// Silence after which a client is replaced for the first time, and the longest one: each replacement that
/// did not help doubles it. With too few replicas in sync brokers answer and acknowledge nothing either; a
/// new client sends then again what the brokers may have, so that it must be rare.
const REPLACED_AFTER: Duration = Duration::from_secs(60);
const REPLACED_AFTER_MAX: Duration = Duration::from_secs(15 * 60);

/// When something was last done with.
pub(crate) struct Silence {
    /// Records done with so far.
    done: u64,
    /// Since when there are no more of them.
    since: Instant,
    /// Silence from `since` on that is due for a replacement.
    replaced_after: Duration,
    /// How much longer the next one waits if that does not help.
    wait: Duration,
}

/// What was heard of the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Something was done with.
    Something,
    /// Nothing is on its way, so that nothing can be heard.
    Idle,
    /// Nothing since a short time.
    LittleYet,
    /// Nothing for so long that it must be said.
    Silence,
    /// Nothing for so long that the client is at fault if brokers answer.
    LongSilence(Duration),
}

impl Silence {
    pub(crate) const fn since(at: Instant) -> Self {
        Self {
            done: 0,
            since: at,
            replaced_after: REPLACED_AFTER,
            wait: REPLACED_AFTER,
        }
    }

    /// Notes how many records are `done` with at `at`, and whether none is on its way.
    pub(crate) fn hear(&mut self, done: u64, is_idle: bool, at: Instant) -> Heard {
        if done != self.done || is_idle {
            let moves = done != self.done;
            *self = Self {
                done,
                ..Self::since(at)
            };
            return if moves { Heard::Something } else { Heard::Idle };
        }
        let silent = at.duration_since(self.since);
        if silent <= SAID_AFTER {
            Heard::LittleYet
        } else if silent < self.replaced_after {
            Heard::Silence
        } else {
            Heard::LongSilence(silent)
        }
    }

    /// The client was replaced at `at`.
    pub(crate) fn note_replaced(&mut self, at: Instant) {
        self.replaced_after = at.duration_since(self.since) + self.wait;
        self.wait = (2 * self.wait).min(REPLACED_AFTER_MAX);
    }

    /// Brokers are away at `at`: whatever client, it would hear nothing.
    pub(crate) fn excuse(&mut self, at: Instant) {
        let due = at.duration_since(self.since) + REPLACED_AFTER;
        self.replaced_after = self.replaced_after.max(due);
    }
}

#[cfg(test)]
mod tests {
    use tillwatch_kafka::now;

    use super::*;

    #[test]
    fn silence_is_said_and_each_replacement_waits_longer_than_the_one_before() {
        let start = now();
        let mut silence = Silence::since(start);
        let at = |s| start + Duration::from_secs(s);
        let mut hear = |done, is_idle, s| {
            let heard = silence.hear(done, is_idle, at(s));
            if matches!(heard, Heard::LongSilence(_)) {
                silence.note_replaced(at(s));
            }
            heard
        };
        assert_eq!(hear(7, false, 100), Heard::Something);
        assert_eq!(hear(7, false, 110), Heard::LittleYet);
        assert_eq!(hear(7, false, 111), Heard::Silence);
        let long: Vec<u64> = (112..10_000)
            .filter(|s| matches!(hear(7, false, *s), Heard::LongSilence(_)))
            .map(|s| s - 100)
            .collect();
        assert_eq!(long[..5], [60, 120, 240, 480, 960]);
        assert!(long[5..].windows(2).all(|two| two[1] - two[0] == 900));
        assert_eq!(hear(7, true, 10_000), Heard::Idle);
        assert_eq!(hear(7, false, 10_059), Heard::Silence);
        assert_eq!(
            hear(7, false, 10_060),
            Heard::LongSilence(Duration::from_secs(60))
        );
        assert_eq!(hear(8, false, 10_061), Heard::Something);
        assert_eq!(hear(8, false, 10_072), Heard::Silence);
    }

    #[test]
    fn brokers_that_are_away_are_no_fault_of_the_client() {
        let start = now();
        let mut silence = Silence::since(start);
        let at = |s| start + Duration::from_secs(s);
        for s in 0..3_600 {
            let heard = silence.hear(0, false, at(s));
            assert!(!matches!(heard, Heard::LongSilence(_)), "{s}");
            silence.excuse(at(s));
        }
        assert_eq!(silence.hear(0, false, at(3_658)), Heard::Silence);
        let silent = Duration::from_secs(3_659);
        assert_eq!(
            silence.hear(0, false, at(3_659)),
            Heard::LongSilence(silent)
        );
        // It stays due until something is done about it.
        assert!(matches!(
            silence.hear(0, false, at(3_660)),
            Heard::LongSilence(_)
        ));
        silence.note_replaced(at(3_660));
        assert_eq!(silence.hear(0, false, at(3_719)), Heard::Silence);
        assert!(matches!(
            silence.hear(0, false, at(3_720)),
            Heard::LongSilence(_)
        ));
    }
}
