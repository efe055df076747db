//! Cuts of lanes: in slices between batches, and in turns of their own where no records come.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tillwatch_consumer::{Inlet, LastCall};
use tillwatch_engine::ActiveModels;
use tillwatch_state_store::{CutHead, SourceMark};

use super::shared::Shared;
use super::slot::{Slot, Worker};
use crate::clock;
use crate::serve::state::{Advance, Keeping, Slice};

/// Most time that a slice takes from a lane that scores.
const SLICE_MAX: Duration = Duration::from_millis(1);

/// A slice of a lane that leaves: it takes no records, and the thread is soon another's.
const LAST_SLICE_MAX: Duration = Duration::from_millis(5);

/// How soon a lane is looked at again whose entries find no room on their way to the store.
const FULL_WAIT: Duration = Duration::from_millis(10);

/// Lets a lane's cut go on for a slice, between two batches.
pub fn between_batches(shared: &Shared, slot: &Slot, worker: &mut Worker) {
    if let Some(keeping) = &shared.keeping {
        let advance = advance(keeping, slot, worker);
        slot.look_again(advance);
    }
}

/// Lets a lane that has something to do for its cut have a turn of the pool, unless it has one.
pub fn look(shared: &Arc<Shared>, slot: &Arc<Slot>, now: Instant) {
    let is_due = slot.cut_turns.look_at.lock().is_some_and(|at| at <= now);
    if is_due && !slot.cut_turns.is_queued.swap(true, Ordering::AcqRel) {
        spawn(shared, slot);
    }
}

/// Begins the last cut of a lane that leaves; `done` is dropped when it is stored, or cannot be.
pub fn begin_last(shared: &Arc<Shared>, slot: &Arc<Slot>, done: LastCall) {
    if shared.keeping.is_none() {
        return;
    }
    *slot.cut_turns.leaving.lock() = Some(done);
    *slot.cut_turns.look_at.lock() = Some(clock::now());
    look(shared, slot, clock::now());
}

fn spawn(shared: &Arc<Shared>, slot: &Arc<Slot>) {
    let (next, slot) = (Arc::clone(shared), Arc::clone(slot));
    shared.pool.spawn_fifo(move || turn(&next, &slot));
}

/// One slice of the cut of a lane that takes no records at the moment.
fn turn(shared: &Arc<Shared>, slot: &Arc<Slot>) {
    slot.cut_turns.is_queued.store(false, Ordering::Release);
    let Some(keeping) = &shared.keeping else {
        return;
    };
    // Whoever is at work with the lane lets its cut go on as well.
    let Some(mut seat) = slot.seat.try_lock() else {
        return;
    };
    let worker = seat.worker.as_mut().filter(|_| !slot.is_broken());
    let Some(worker) = worker else {
        // There is nothing to store.
        *slot.cut_turns.leaving.lock() = None;
        *slot.cut_turns.look_at.lock() = None;
        return;
    };
    let is_leaving = slot.cut_turns.leaving.lock().is_some();
    let advance = match is_leaving {
        true => finish(keeping, slot, worker),
        false => advance(keeping, slot, worker),
    };
    drop(seat);
    slot.look_again(advance);
    if advance == Advance::More {
        look(shared, slot, clock::now());
    }
}

fn advance(keeping: &Keeping, slot: &Slot, worker: &mut Worker) -> Advance {
    with_slice(keeping, slot, worker, SLICE_MAX, |cutter, lane, slice| {
        cutter.advance(lane, slice)
    })
}

fn finish(keeping: &Keeping, slot: &Slot, worker: &mut Worker) -> Advance {
    let mut leaving = slot.cut_turns.leaving.lock();
    if !leaving.as_ref().is_some_and(LastCall::is_awaited) {
        // Its time is over.
        *leaving = None;
        return Advance::Over;
    }
    with_slice(
        keeping,
        slot,
        worker,
        LAST_SLICE_MAX,
        |cutter, lane, slice| cutter.finish(lane, slice, &mut leaving),
    )
}

fn with_slice(
    keeping: &Keeping,
    slot: &Slot,
    worker: &mut Worker,
    limit: Duration,
    work: impl FnOnce(
        &mut crate::serve::state::Cutter,
        &mut tillwatch_engine::Lane,
        &Slice<'_>,
    ) -> Advance,
) -> Advance {
    let Worker {
        lane,
        cutter: Some(cutter),
        next,
        partitions,
        ..
    } = worker
    else {
        return Advance::Over;
    };
    let models = Arc::clone(lane.models());
    let slice = Slice {
        uploads: &keeping.uploads,
        counts: &keeping.counts,
        limit,
        head: &|| head(keeping, &slot.inlet, (next, partitions), &models),
    };
    work(cutter, lane, &slice)
}

/// Where a lane stands, and what it is: what it was told, and not what is known meanwhile. A cut between the
/// two would say that it holds what it lacks.
fn head(
    keeping: &Keeping,
    inlet: &Inlet,
    (next, partitions): (&[Option<i64>], &[Option<usize>]),
    models: &ActiveModels,
) -> CutHead {
    // What it knows first is no change, and it is not told of it.
    let told = inlet.partitions_told().into_iter().zip(partitions);
    let told = told.map(|(told, known)| known.or(told));
    let sources = inlet.sources().zip(next);
    let known = inlet.topic_ids().into_iter().zip(told);
    let marks = sources
        .zip(known)
        .map(|((source, next), (topic_id, partitions))| SourceMark {
            topic: source.topic.to_string(),
            // Where nothing was taken, the group's offset is as good, and the first one is never wrong.
            offset: next.or_else(|| keeping.committed(source)).unwrap_or(0),
            topic_id,
            partitions: partitions.and_then(|count| i32::try_from(count).ok()),
        });
    CutHead {
        sources: marks.collect(),
        meaning: keeping.meaning.clone(),
        models: models.lineup().versions().model.clone(),
        made_by: concat!("tillwatch ", env!("CARGO_PKG_VERSION")).to_owned(),
        made_at_ms: clock::unix_ms(),
    }
}

impl Slot {
    /// Notes when the lane's cut is to be looked at next.
    fn look_again(&self, advance: Advance) {
        let mut look_at = self.cut_turns.look_at.lock();
        *look_at = match advance {
            Advance::Until(at) => Some(at),
            Advance::More => Some(clock::now()),
            Advance::Full => Some(clock::now() + FULL_WAIT),
            Advance::Over => None,
        };
        // One that began to leave meanwhile is looked at in any case.
        if self.cut_turns.leaving.lock().is_some() {
            *look_at = Some(look_at.map_or_else(clock::now, |at| at.min(clock::now() + FULL_WAIT)));
        }
    }
}
