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
    announced: Mutex<VecDeque<Announced>>,
    /// Only the poll thread holds it.
    pub(crate) leaving: Mutex<Vec<Leaving>>,
}

/// A step of a rebalance.
pub(crate) enum Announced {
    Assigned(Vec<TopicPartition>),
    Revoked {
        sources: Vec<TopicPartition>,
        /// Until when they may be read on.
        until: Instant,
    },
    /// Revoked, and perhaps another member's already.
    Lost(Vec<TopicPartition>),
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

    pub(crate) fn note_revoked(&self, sources: Vec<TopicPartition>, lost: bool, rest: Duration) {
        self.note(if lost {
            Announced::Lost(sources)
        } else {
            let until = now() + rest;
            Announced::Revoked { sources, until }
        });
    }

    /// What was announced next, unless it is a revocation that rests at `at`.
    pub(crate) fn next(&self, at: Instant) -> Option<Announced> {
        let rests = self.rests_until().is_some_and(|until| at < until);
        if rests { None } else { self.next_at_once() }
    }

    /// What was announced next.
    pub(crate) fn next_at_once(&self) -> Option<Announced> {
        self.announced.lock().pop_front()
    }

    /// Until when a revocation rests, if one does: the one that was announced last.
    pub(crate) fn rests_until(&self) -> Option<Instant> {
        match self.announced.lock().make_contiguous() {
            [Announced::Revoked { until, .. }] => Some(*until),
            _ => None,
        }
    }

    fn note(&self, announced: Announced) {
        self.announced.lock().push_back(announced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_millis(600);

    fn revoked(rebalances: &Rebalances, lost: bool, rest: Duration) {
        rebalances.note_revoked(vec![TopicPartition::new("payments", 0)], lost, rest);
    }

    #[test]
    fn a_revocation_rests_until_it_is_due() {
        let rebalances = Rebalances::default();
        assert_eq!(rebalances.rests_until(), None);
        rebalances.note_assigned(Vec::new());
        assert!(matches!(
            rebalances.next(now()),
            Some(Announced::Assigned(_))
        ));
        let before = now();
        revoked(&rebalances, false, REST);
        assert!(rebalances.next(before + REST / 2).is_none());
        let due = rebalances.rests_until().unwrap();
        assert!(before + REST <= due && due <= now() + REST);
        let next = rebalances.next(due);
        assert!(matches!(next, Some(Announced::Revoked { .. })));
        assert!(rebalances.next(due).is_none() && rebalances.rests_until().is_none());
    }

    #[test]
    fn a_revocation_does_not_rest_where_nothing_is_gained_or_more_has_happened() {
        let rebalances = Rebalances::default();
        let before = now();
        revoked(&rebalances, false, Duration::ZERO);
        assert!(rebalances.next(now()).is_some());
        // What another member may have is given up at once.
        revoked(&rebalances, true, REST);
        assert!(matches!(rebalances.next(before), Some(Announced::Lost(_))));
        revoked(&rebalances, false, REST);
        revoked(&rebalances, true, REST);
        assert_eq!(rebalances.rests_until(), None);
        assert!(matches!(
            rebalances.next(before),
            Some(Announced::Revoked { .. })
        ));
        assert!(matches!(rebalances.next(before), Some(Announced::Lost(_))));
        // As at a stop.
        revoked(&rebalances, false, REST);
        assert!(rebalances.next(before).is_none());
        assert!(rebalances.next_at_once().is_some());
    }
}
