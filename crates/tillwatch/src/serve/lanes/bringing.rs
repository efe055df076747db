//! How a lane that was assigned gets the state that belongs to the committed offset.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_consumer::Position;
use tillwatch_state_store::{LaneStore, Manifest};

use super::errand::Errand;
use super::from_store::from_store;
use super::kept::positions_of_kept;
use super::looking_back::look_back;
use super::making::seat_without_past;
use super::shared::Shared;
use super::slot::Slot;
use crate::serve::metrics::Origin;
use crate::serve::standing::Standing;
use crate::serve::state::{LaneCuts, StoreSilence};

/// How long outputs of a lane that was kept may be under way: as long as they would be waited for when it
/// leaves in order.
const SETTLE_WAIT: Duration = Duration::from_secs(10);

/// Gives the lane of `slot` its state, from where it can be had, and begins to read. `kept` is the place that
/// it had before its partition was lost.
pub fn bring_back(
    shared: &Shared,
    slot: &Slot,
    committed: Vec<Option<i64>>,
    kept: Option<Arc<Slot>>,
) {
    let Some(keeping) = &shared.keeping else {
        return;
    };
    let errand = Errand::new(shared, keeping, slot, committed);
    let (origin, positions) = bring(&errand, kept);
    keeping.counts.count_origin(origin);
    note_positions(&errand, &positions);
    begin_without_past(&errand);
    slot.inlet.begin_each(&positions);
}

/// Where the lane's state came from, and where each source is to be read from.
fn bring(errand: &Errand<'_>, kept: Option<Arc<Slot>>) -> (Origin, Vec<Position>) {
    if let Some(kept) = kept
        && let Some(positions) = go_on(errand, &kept)
    {
        return (Origin::Kept, positions);
    }
    if let Some(found) = from_store(errand) {
        return found;
    }
    match look_back(errand) {
        Some(positions) => (Origin::Replay, positions),
        None => (Origin::Nothing, as_committed(errand)),
    }
}

/// What is to be read again before the lane scores: perhaps nothing.
fn note_positions(errand: &Errand<'_>, positions: &[Position]) {
    let standings = &errand.shared.standings;
    let again = positions.iter().map(|position| match position {
        Position::Replay { from, live } => live.abs_diff(*from),
        _ => 0,
    });
    match again.sum() {
        0 => errand.shared.note_scores(errand.source()),
        total => standings.set(errand.source(), Standing::Replaying { left: None, total }),
    }
}

/// Every source from where the group has committed on, without a look back.
fn as_committed(errand: &Errand<'_>) -> Vec<Position> {
    let committed = &errand.committed;
    errand.slot.seat.lock().begun.clone_from(committed);
    vec![Position::Committed; committed.len()]
}

/// A lane that has no state is told if its keys were in other partitions before: the consumer has noticed
/// it, or snapshots of others say so.
fn begin_without_past(errand: &Errand<'_>) {
    let (slot, source) = (errand.slot, errand.source());
    let was_other = || {
        let spread = &errand.shared.spread;
        let known = spread.was_other(errand.keeping, &errand.id, &errand.marks());
        let error = match known {
            Ok(Some(was_other)) => return was_other,
            Ok(None) => None,
            Err(error) => Some(error.to_string()),
        };
        tracing::error!(
            topic = &*source.topic,
            partition = source.partition,
            error,
            "cannot look whether the topic had another number of partitions before: scores of keys that \
             came from another partition are not flagged"
        );
        false
    };
    let has_state = slot.seat.lock().worker.is_some();
    let was_other = !has_state && errand.is_wanted() && was_other();
    let mut seat = slot.seat.lock();
    seat.is_begun = true;
    if !has_state && (was_other || seat.missed_ms.is_some()) {
        seat_without_past(errand.shared, slot, &mut seat);
    }
}

/// Goes on with a lane that was kept, where all that it handed out was delivered.
fn go_on(errand: &Errand<'_>, kept: &Slot) -> Option<Vec<Position>> {
    let (source, inlet) = (errand.source(), &errand.slot.inlet);
    let give_up = |why: &str| {
        tracing::info!(
            topic = &*source.topic,
            partition = source.partition,
            why,
            "the lane that was kept cannot go on; it is restored like any other"
        );
    };
    if kept.inlet.topic_ids() != inlet.topic_ids() {
        give_up("the topic was made anew");
        return None;
    }
    let is_decided = || kept.inlet.settled().is_some() || kept.inlet.is_given_up();
    errand.wait_until(SETTLE_WAIT, is_decided);
    if kept.inlet.settled().is_none() {
        give_up("not everything that it made was delivered");
        return None;
    }
    // Locked until the last batch that was in hand when the partition was lost is done.
    let worker = kept
        .seat
        .lock()
        .worker
        .take()
        .filter(|_| !kept.is_broken())?;
    let Some(positions) = positions_of_kept(&worker.next, &errand.committed) else {
        give_up("others have read of a topic that it has taken nothing of");
        return None;
    };
    if errand.first_behind(&worker.lane, &worker.next).is_some() {
        give_up("others have read a record that belongs before one that it has taken");
        return None;
    }
    if let Some(cutter) = &worker.cutter {
        look_for_newer(errand, Arc::clone(cutter.cuts()));
    }
    tracing::info!(
        topic = &*source.topic,
        partition = source.partition,
        ?positions,
        "the lane goes on as it was when its partition was lost"
    );
    errand.slot.gauges.cuts.go_on_from(&kept.gauges.cuts);
    errand.take_seat(worker);
    Some(positions)
}

/// Looks whether the newest snapshot in the store is another owner's, once all lanes have begun that wait
/// for a thread: a lane that was kept needs no store to go on, and may have been lost because of a network
/// that the store is behind as well. A cut that begins before that is known is made anew if what it names is
/// gone.
fn look_for_newer(errand: &Errand<'_>, cuts: Arc<LaneCuts>) {
    let (store, silence) = (errand.store.clone(), Arc::clone(&errand.keeping.silence));
    errand.keeping.restores.spawn_fifo(move || {
        let newest = newest_stored(&store, &silence);
        cuts.go_on_after(newest.as_ref());
    });
}

/// The newest snapshot in the store, whoever made it, as far as the store answers.
fn newest_stored(store: &LaneStore, silence: &StoreSilence) -> Option<Manifest> {
    let manifests = silence.ask(|| store.manifests())?.ok();
    let (manifests, _) = manifests?;
    manifests.into_iter().next()
}
