//! What a group has announced, before and while it is done.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
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
        let announced = Announced::Assigned(sources);
        self.announced.lock().push_back(announced);
    }

    pub(crate) fn note_revoked(&self, sources: Vec<TopicPartition>, lost: bool) {
        let announced = Announced::Revoked(sources, lost);
        self.announced.lock().push_back(announced);
    }

    /// What was announced next.
    pub(crate) fn next(&self) -> Option<Announced> {
        self.announced.lock().pop_front()
    }
}
