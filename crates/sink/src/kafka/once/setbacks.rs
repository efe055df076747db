//! What went wrong since a transaction committed, and what follows from it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tillwatch_kafka::{ErrorCode, KafkaError, TransactionError};

use super::flight::Flight;
use crate::counters::AbortCause;
use crate::kafka::blame::Blame;

/// Pauses between attempts, from the second on: doubled each time.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The same while the group shares its partitions out, which takes a moment.
const PAUSE_OF_GROUP_MAX: Duration = Duration::from_millis(500);

/// How often a topic that cannot be written is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Fenced so often within [`FENCED_WITHIN`], another process must be at work with our id. A transaction that
/// timed out costs at least its time-out each time, so that this is not reached by it.
const FENCED_MAX: usize = 5;
const FENCED_WITHIN: Duration = Duration::from_secs(60);

/// Why a transaction did not commit.
pub(crate) enum End {
    /// A step was refused.
    Step(TransactionError),
    /// A record was given up.
    Record,
    /// A parcel must not be committed.
    Abandoned,
    /// The group does not have us at present.
    NotMember,
    /// A topic cannot be written.
    Missing(ErrorCode),
    /// No client could be made.
    Client(KafkaError),
    /// The sink was closed.
    Over,
}

/// What went wrong since the last transaction that committed.
#[derive(Default)]
pub(crate) struct Setbacks {
    /// Attempts that failed.
    failures: u32,
    /// A topic that could not be written.
    missing: Option<String>,
    /// When we were fenced, in the last minute: at most [`FENCED_MAX`].
    fenced: VecDeque<Instant>,
}

impl Setbacks {
    /// A transaction has committed.
    pub(crate) fn over(&mut self) {
        self.failures = 0;
    }

    /// Whether the next attempt holds what was sent before.
    pub(crate) fn is_retry(&self) -> bool {
        self.failures > 0
    }

    /// A topic to be asked for before anything is sent.
    pub(crate) fn missing(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    /// The topic can be written.
    pub(crate) fn found(&mut self) {
        self.missing = None;
    }

    /// Notes why an attempt failed, and says it.
    pub(crate) fn note(&mut self, end: &End, flight: &Flight) -> AbortCause {
        self.failures += 1;
        let (cause, words) = match end {
            End::Over | End::Abandoned => return AbortCause::Left,
            End::NotMember => return AbortCause::Group,
            End::Missing(code) => {
                let cause = Blame::of(*code).cause();
                let words = code.to_string();
                flight.troubles.meet(self.missing.as_deref(), cause, &words);
                return AbortCause::Cluster;
            }
            End::Client(error) => (AbortCause::Other, error.to_string()),
            End::Record => return self.note_record(flight),
            End::Step(error) if error.is_fenced() => (AbortCause::Fenced, error.to_string()),
            End::Step(error) if is_of_group(error.code) => (AbortCause::Group, error.to_string()),
            End::Step(_) if flight.has_failed() => return self.note_record(flight),
            End::Step(error) => {
                let cause = Blame::of(error.code).cause();
                flight.counters.error(cause);
                flight.troubles.meet(None, cause, &error.to_string());
                (AbortCause::Cluster, error.to_string())
            }
        };
        if let Some(held_back) = flight.troubles.admit(&format!("transaction {cause}")) {
            tracing::warn!(
                %cause,
                words,
                held_back,
                "a transaction was aborted; its outputs are sent again in the next one"
            );
        }
        cause
    }

    /// Notes that we were fenced; whether that is another process's doing.
    pub(crate) fn is_fenced_too_often(&mut self, at: Instant) -> bool {
        self.fenced.push_back(at);
        self.fenced
            .retain(|then| at.duration_since(*then) <= FENCED_WITHIN);
        self.fenced.len() >= FENCED_MAX
    }

    /// How long to wait before the next attempt.
    pub(crate) fn pause(&self, cause: AbortCause) -> Duration {
        let max = match cause {
            AbortCause::Left | AbortCause::Refused => return Duration::ZERO,
            AbortCause::Cluster if self.missing.is_some() => return ASK_AGAIN,
            AbortCause::Group => PAUSE_OF_GROUP_MAX,
            AbortCause::Cluster | AbortCause::Fenced | AbortCause::Other => PAUSE_MAX,
        };
        match self.failures {
            0 | 1 => Duration::ZERO,
            failures => max.min(PAUSE_MIN * 2_u32.pow(failures.min(8) - 2)),
        }
    }

    /// A record was given up: by its own fault, or since its topic cannot be written.
    fn note_record(&mut self, flight: &Flight) -> AbortCause {
        let Some(failure) = flight.failure() else {
            return AbortCause::Other;
        };
        match Blame::of(failure.code) {
            Blame::Cluster(cause) => {
                let words = failure.code.to_string();
                flight.troubles.meet(Some(&failure.topic), cause, &words);
                self.missing = Some(failure.topic);
                AbortCause::Cluster
            }
            Blame::Client => AbortCause::Other,
            Blame::Record(_) | Blame::Neighbour | Blame::Full => {
                let admitted = flight.troubles.admit(&format!("refused {}", failure.topic));
                if let Some(held_back) = admitted {
                    tracing::warn!(
                        topic = failure.topic,
                        cause = %failure.code,
                        held_back,
                        "an output is refused: the transaction is aborted, and sent again with the output \
                         alone or in a reduced form"
                    );
                }
                AbortCause::Refused
            }
        }
    }
}

/// Whether the group refuses the member or its generation.
fn is_of_group(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId
            | ErrorCode::FencedInstanceId
            | ErrorCode::RebalanceInProgress
            | ErrorCode::StaleMemberEpoch
            | ErrorCode::FencedMemberEpoch
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_where_trying_at_once_does_not_help() {
        let mut setbacks = Setbacks::default();
        let flight = Flight::default();
        let mut pauses = |end: &End| {
            let cause = setbacks.note(end, &flight);
            setbacks.pause(cause).as_millis()
        };
        assert_eq!(pauses(&End::Abandoned), 0);
        let of_group: Vec<_> = (0..4).map(|_| pauses(&End::NotMember)).collect();
        assert_eq!(of_group, [100, 200, 400, 500]);
        let of_others: Vec<_> = (0..3).map(|_| pauses(&End::Record)).collect();
        assert_eq!(of_others, [1_600, 3_200, 5_000]);
        setbacks.over();
        assert!(!setbacks.is_retry());
    }

    #[test]
    fn being_fenced_again_and_again_is_another_process() {
        let mut setbacks = Setbacks::default();
        let start = tillwatch_kafka::now();
        let mut fenced =
            |seconds| setbacks.is_fenced_too_often(start + Duration::from_secs(seconds));
        assert!((0..4).all(|seconds| !fenced(seconds)));
        assert!(!fenced(70), "a minute later it begins anew");
        assert!((71..74).all(|seconds| !fenced(seconds)));
        assert!(fenced(74));
    }
}
