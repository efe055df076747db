//! What a group has announced, before and while it is done.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_kafka::now;
use tillwatch_records::TopicPartition;

use crate::departure::Departure;

/// What the group has announced, and what leaves because of it.
#[derive(Default)]
pub(crate) struct Rebalances {
    /// Announced and not looked at yet. The client announces nothing more before a revocation was answered,
    /// but that partitions are lost: at most a few.
    announced: Mutex<VecDeque<(Instant, Announced)>>,
    /// Only the poll thread holds it.
    pub(crate) leaving: Mutex<Vec<Leaving>>,
}

/// A step of a rebalance.
pub(crate) enum Announced {
    Assigned(Vec<TopicPartition>),
    /// And whether another member may have them already.
    Revoked(Vec<TopicPartition>, bool),
}

/// Lanes that leave.
pub(crate) struct Leaving {
    pub(crate) departure: Departure,
    /// What the group wants back. It waits for [`GroupClient::release`]; nothing when we go by ourselves.
    pub(crate) revoked: Option<Vec<TopicPartition>>,
    /// When to ask again whether the group has us.
    pub(crate) next_check: Duration,
}

impl Rebalances {
    pub(crate) fn note_assigned(&self, sources: Vec<TopicPartition>) {
        self.note(Announced::Assigned(sources));
    }

    pub(crate) fn note_revoked(&self, sources: Vec<TopicPartition>, lost: bool) {
        self.note(Announced::Revoked(sources, lost));
    }

    /// What was announced next and is due at `at`: a revocation when it is `rest` old, or when something was
    /// announced after it.
    pub(crate) fn next(&self, at: Instant, rest: Duration) -> Option<Announced> {
        let mut announced = self.announced.lock();
        if Self::due_of(&announced, rest).is_some_and(|due| at < due) {
            return None;
        }
        announced.pop_front().map(|(_, announced)| announced)
    }

    /// When the revocation is due that rests, if one does.
    pub(crate) fn due(&self, rest: Duration) -> Option<Instant> {
        Self::due_of(&self.announced.lock(), rest)
    }

    fn due_of(announced: &VecDeque<(Instant, Announced)>, rest: Duration) -> Option<Instant> {
        match announced.front() {
            Some((since, Announced::Revoked(_, false))) if announced.len() == 1 => {
                Some(*since + rest)
            }
            _ => None,
        }
    }

    fn note(&self, announced: Announced) {
        self.announced.lock().push_back((now(), announced));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_millis(600);

    fn revoked(rebalances: &Rebalances, lost: bool) {
        rebalances.note_revoked(vec![TopicPartition::new("payments", 0)], lost);
    }

    #[test]
    fn a_revocation_rests_until_it_is_due() {
        let rebalances = Rebalances::default();
        assert_eq!(rebalances.due(REST), None);
        rebalances.note_assigned(Vec::new());
        assert!(matches!(
            rebalances.next(now(), REST),
            Some(Announced::Assigned(_))
        ));
        let before = now();
        revoked(&rebalances, false);
        assert!(rebalances.next(before + REST / 2, REST).is_none());
        let due = rebalances.due(REST).unwrap();
        assert!(before + REST <= due && due <= now() + REST);
        let next = rebalances.next(due, REST);
        assert!(matches!(next, Some(Announced::Revoked(_, false))));
        assert!(rebalances.next(due, REST).is_none() && rebalances.due(REST).is_none());
    }

    #[test]
    fn a_revocation_does_not_rest_where_nothing_is_gained_or_more_has_happened() {
        let rebalances = Rebalances::default();
        let before = now();
        revoked(&rebalances, false);
        assert!(rebalances.next(now(), Duration::ZERO).is_some());
        // What another member may have is given up at once.
        revoked(&rebalances, true);
        assert!(matches!(
            rebalances.next(before, REST),
            Some(Announced::Revoked(_, true))
        ));
        revoked(&rebalances, false);
        revoked(&rebalances, true);
        assert_eq!(rebalances.due(REST), None);
        assert!(matches!(
            rebalances.next(before, REST),
            Some(Announced::Revoked(_, false))
        ));
        assert!(matches!(
            rebalances.next(before, REST),
            Some(Announced::Revoked(_, true))
        ));
    }
}
