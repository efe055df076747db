//! What the sink waits for, as it is told to operators.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_kafka::{ErrorCode, Notices, now};

use super::blame::Blame;
use crate::status::{Cause, Waiting};

/// Troubles that last. There is at most one a topic, and one of the client as a whole.
#[derive(Default)]
pub(crate) struct Troubles {
    lasting: Mutex<Vec<Trouble>>,
    notices: Notices,
}

struct Trouble {
    topic: Option<String>,
    cause: Cause,
    since: Instant,
    /// When it was last met.
    seen: Instant,
}

impl Troubles {
    /// Notes that `topic`, or every topic, cannot be written; says so when that is new. `words` are the
    /// client's or the broker's.
    pub(crate) fn meet(&self, topic: Option<&str>, cause: Cause, words: &str) {
        let at = now();
        let mut lasting = self.lasting.lock();
        let found = lasting
            .iter_mut()
            .find(|trouble| trouble.topic.as_deref() == topic);
        match found {
            // That no broker can be reached follows from what keeps us out, which says more.
            Some(found) if cause == Cause::BrokersDown && found.cause == Cause::Authentication => {
                found.seen = at;
            }
            Some(found) => {
                if found.cause != cause {
                    (found.cause, found.since) = (cause, at);
                }
                found.seen = at;
            }
            None => lasting.push(Trouble {
                topic: topic.map(str::to_owned),
                cause,
                since: at,
                seen: at,
            }),
        }
        drop(lasting);
        if let Some(held_back) = self.notices.admit(&format!("{topic:?} {cause}")) {
            tracing::warn!(
                topic,
                %cause,
                advice = cause.advice(),
                words,
                held_back,
                "outputs wait; offsets stay uncommitted until they are delivered"
            );
        }
    }

    /// Notes what troubles the client as a whole, whose `blame` it is; says so when that is new.
    pub(crate) fn hear(&self, blame: Blame, code: ErrorCode, reason: &str) {
        match blame {
            Blame::Cluster(Cause::Authentication) => self.meet(None, Cause::Authentication, reason),
            _ if code == ErrorCode::AllBrokersDown => self.meet(None, Cause::BrokersDown, reason),
            _ => {
                if let Some(held_back) = self.notices.admit(&format!("{code:?}")) {
                    tracing::warn!(
                        cause = ?code,
                        reason,
                        held_back,
                        "kafka client of the sink; trying again"
                    );
                }
            }
        }
    }

    /// Notes that the trouble of `topic`, or of all, is over, when `is_over` says so of its cause and of how
    /// long ago it was last met.
    pub(crate) fn end(
        &self,
        topic: Option<&str>,
        is_over: impl Fn(Cause, Duration) -> bool,
    ) -> bool {
        let at = now();
        let mut lasting = self.lasting.lock();
        let found = lasting.iter().position(|trouble| {
            trouble.topic.as_deref() == topic
                && is_over(trouble.cause, at.duration_since(trouble.seen))
        });
        let ended = found.map(|index| lasting.swap_remove(index));
        drop(lasting);
        if let Some(Trouble { cause, since, .. }) = &ended {
            let waited_s = at.duration_since(*since).as_secs();
            tracing::info!(topic, %cause, waited_s, "outputs are delivered again");
        }
        ended.is_some()
    }

    /// The cause that holds up `topic`, or all.
    pub(crate) fn cause(&self, topic: Option<&str>) -> Option<Cause> {
        let lasting = self.lasting.lock();
        let mut lasting = lasting.iter();
        let found = lasting.find(|trouble| trouble.topic.as_deref() == topic);
        found.map(|trouble| trouble.cause)
    }

    /// Everything that is waited for.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        let at = now();
        let lasting = self.lasting.lock();
        let waiting = lasting.iter().map(|trouble| Waiting {
            cause: trouble.cause,
            topic: trouble.topic.clone(),
            waited: at.duration_since(trouble.since),
        });
        waiting.collect()
    }

    /// Whether a notice about `cause` is due, with how many were held back.
    pub(crate) fn admit(&self, cause: &str) -> Option<u64> {
        self.notices.admit(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_lasts_from_its_first_to_its_end() {
        let troubles = Troubles::default();
        assert!(troubles.waiting().is_empty());
        troubles.meet(Some("a"), Cause::TopicMissing, "");
        let since = troubles.waiting()[0].waited;
        troubles.meet(Some("a"), Cause::TopicMissing, "");
        let waiting = troubles.waiting();
        assert!(waiting.len() == 1 && waiting[0].waited >= since);
        troubles.meet(None, Cause::Authentication, "");
        troubles.meet(None, Cause::BrokersDown, "");
        assert_eq!(troubles.cause(None), Some(Cause::Authentication));
        assert!(!troubles.end(Some("a"), |cause, _| cause == Cause::Quota));
        assert!(troubles.end(Some("a"), |_, _| true));
        assert!(!troubles.end(Some("a"), |_, _| true));
        assert_eq!(troubles.waiting().len(), 1);
    }
}
