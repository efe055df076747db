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
}

/// What was heard of the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Something was done with, or nothing is on its way.
    Something,
    /// Nothing since a short time.
    LittleYet,
    /// Nothing for so long that it must be said.
    Silence,
    /// Nothing for so long that the client is at fault if brokers answer. Told once for each replacement.
    LongSilence(Duration),
}

impl Silence {
    pub(crate) const fn since(at: Instant) -> Self {
        Self {
            done: 0,
            since: at,
            replaced_after: REPLACED_AFTER,
        }
    }

    /// Notes how many records are `done` with at `at`, and whether none is on its way.
    pub(crate) fn hear(&mut self, done: u64, is_idle: bool, at: Instant) -> Heard {
        if done != self.done || is_idle {
            *self = Self {
                done,
                ..Self::since(at)
            };
            return Heard::Something;
        }
        let silent = at.duration_since(self.since);
        if silent <= SAID_AFTER {
            Heard::LittleYet
        } else if silent < self.replaced_after {
            Heard::Silence
        } else {
            let wait = self.replaced_after.min(REPLACED_AFTER_MAX);
            self.replaced_after = silent + wait;
            Heard::LongSilence(silent)
        }
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
        let mut hear =
            |done, is_idle, s| silence.hear(done, is_idle, start + Duration::from_secs(s));
        assert_eq!(hear(7, false, 100), Heard::Something);
        assert_eq!(hear(7, false, 110), Heard::LittleYet);
        assert_eq!(hear(7, false, 111), Heard::Silence);
        let long: Vec<u64> = (112..10_000)
            .filter(|s| matches!(hear(7, false, *s), Heard::LongSilence(_)))
            .map(|s| s - 100)
            .collect();
        assert_eq!(long[..5], [60, 120, 240, 480, 960]);
        assert!(long[5..].windows(2).all(|two| two[1] - two[0] == 900));
        assert_eq!(hear(7, true, 10_000), Heard::Something);
        assert_eq!(hear(7, false, 10_059), Heard::Silence);
        assert_eq!(
            hear(7, false, 10_060),
            Heard::LongSilence(Duration::from_secs(60))
        );
        assert_eq!(hear(8, false, 10_061), Heard::Something);
        assert_eq!(hear(8, false, 10_072), Heard::Silence);
    }
}
