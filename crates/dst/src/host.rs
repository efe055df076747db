//! What the consumer calls in an instance.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tillwatch_consumer::{Inlet, LaneHost, LastCall, Position};
use tillwatch_records::TopicPartition;

use crate::coordinator::Shared;
use crate::group::Member;
use crate::slot::Slot;

/// The lanes of one instance. As the binary's host, but that nothing happens by itself.
pub(crate) struct Host {
    pub(crate) lanes: Mutex<Lanes>,
    member: Member,
    shared: Shared,
}

/// Lanes by number, which is that of their partitions.
#[derive(Default)]
pub(crate) struct Lanes {
    pub(crate) slots: BTreeMap<usize, Slot>,
    /// Lanes whose partitions were lost, and may come back, with the time of the loss.
    pub(crate) kept: BTreeMap<usize, (Slot, i64)>,
    /// Lanes that have left: what was made by them and not stored is given up, where it is stored in
    /// transactions.
    pub(crate) left: Vec<usize>,
    /// The time, in milliseconds since 1970.
    pub(crate) now_ms: i64,
}

impl Host {
    pub(crate) fn new(member: Member, shared: &Shared) -> Self {
        Self {
            lanes: Mutex::default(),
            member,
            shared: Arc::clone(shared),
        }
    }
}

/// The number of an inlet's lane.
pub(crate) fn number(inlet: &Inlet) -> usize {
    inlet.source().partition as usize
}

impl LaneHost for Host {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        self.lanes
            .lock()
            .slots
            .insert(number(inlet), Slot::new(inlet));
        Position::NotYet
    }

    fn located(&self, inlet: &Arc<Inlet>, source: &TopicPartition, offset: Option<i64>) {
        if let Some(slot) = self.lanes.lock().slots.get_mut(&number(inlet)) {
            slot.note_located(source, offset);
        }
    }

    fn ready(&self, inlet: &Arc<Inlet>) {
        if let Some(slot) = self.lanes.lock().slots.get_mut(&number(inlet)) {
            slot.is_ready = true;
        }
    }

    fn last_call(&self, inlet: &Arc<Inlet>, done: LastCall) {
        let mut lanes = self.lanes.lock();
        if let Some(slot) = lanes
            .slots
            .get_mut(&number(inlet))
            .filter(|slot| slot.worker.is_some())
        {
            slot.leaving = Some(done);
        }
    }

    fn revoked(&self, inlet: &Arc<Inlet>) {
        let lane = number(inlet);
        let mut lanes = self.lanes.lock();
        lanes.slots.remove(&lane);
        lanes.left.push(lane);
        self.shared.lock().group.release(lane, self.member);
    }

    fn lost(&self, inlet: &Arc<Inlet>) {
        let lane = number(inlet);
        let mut lanes = self.lanes.lock();
        let now_ms = lanes.now_ms;
        if let Some(mut slot) = lanes.slots.remove(&lane) {
            slot.leaving = None;
            lanes.kept.insert(lane, (slot, now_ms));
        }
        lanes.left.push(lane);
    }
}
