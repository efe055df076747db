//! What it takes to let a lane work, with a snapshot or without.

use std::sync::Arc;

use tillwatch_engine::Lane;
use tillwatch_state_store::Manifest;

use super::shared::Shared;
use super::slot::{Seat, Slot, Worker};
use crate::clock;
use crate::serve::deadline::Deadline;
use crate::serve::state::{Cutter, Keeping, LaneCuts};

/// A worker of `lane`, which is new and takes the records from `next` on.
pub fn new_worker(shared: &Shared, slot: &Slot, mut lane: Lane, next: Vec<Option<i64>>) -> Worker {
    let cutter = shared.keeping.as_ref().map(|keeping| {
        lane.track();
        cutter(keeping, slot, &lane, None)
    });
    Worker {
        lane,
        deadline: shared.deadline.map(Deadline::new),
        cutter,
        next,
        partitions: slot.inlet.partitions_told(),
    }
}

/// What cuts `lane`, which is tracked and stands where the snapshot `after` was made, if at any.
pub fn cutter(keeping: &Keeping, slot: &Slot, lane: &Lane, after: Option<Manifest>) -> Cutter {
    let id = keeping.lane_id(&slot.inlet);
    let store = keeping.lane_store(&id);
    let cuts = LaneCuts::new(id, store, after, Arc::clone(&slot.gauges.cuts));
    let first = keeping.first_cut(slot.source().partition);
    Cutter::new(Arc::new(cuts), lane, keeping.settings.interval, first)
}

/// Seats a lane whose keys were in other partitions up to this moment, before its first record: so its first
/// snapshot says so, also where no record comes.
pub fn seat_without_past(shared: &Shared, slot: &Slot, seat: &mut Seat) {
    // What it lacks of its own partition is not newer either.
    let mut lane = shared.lane(&slot.inlet, 0);
    lane.missed(
        seat.missed_ms
            .max(Some(clock::unix_ms()))
            .unwrap_or(i64::MAX),
    );
    let source = slot.source();
    tracing::warn!(
        topic = &*source.topic,
        partition = source.partition,
        "no state, and the topic had another number of partitions before: keys of this partition may have a \
         past in others; scores are flagged WARMING while features may lack it"
    );
    slot.show(&lane);
    let worker = new_worker(shared, slot, lane, seat.begun.clone());
    slot.take_seat(seat, worker);
}
