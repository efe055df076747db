//! A lane that is restored from a snapshot.

use std::sync::atomic::Ordering;

use tillwatch_consumer::Position;
use tillwatch_engine::{EditedStage, Lane};
use tillwatch_state_store::{Manifest, StoreError};

use super::errand::Errand;
use super::making::cutter;
use super::passed::Passed;
use super::slot::Worker;
use crate::clock;
use crate::serve::deadline::Deadline;
use crate::serve::standing::Standing;
use crate::serve::state::{Attempt, Backoff, RestoreFailure, restore as restore_lane};

/// Restores the lane from the first of these snapshots that can be used; where each source is to be read from
/// then.
pub fn restore(
    errand: &Errand<'_>,
    manifests: Vec<Manifest>,
    passed: &mut Passed<'_>,
) -> Option<Vec<Position>> {
    for manifest in manifests {
        if !errand.is_wanted() {
            return None;
        }
        match restore_from(errand, &manifest) {
            Ok(worker) => {
                let worker = worker?;
                passed.note_taken(&manifest.name());
                let positions = positions_after(&worker, &errand.committed);
                errand.take_seat(worker);
                return Some(positions);
            }
            Err(error) => passed.note_failure(manifest.name(), &error),
        }
        errand.slot.coming_bytes.store(0, Ordering::Relaxed);
    }
    None
}

/// Snapshots of this meaning that can be used, the newest first. Waits for a store that does not answer,
/// unless there is hardly anything to be had: a group that has read nothing has at most what a lane noted
/// before its first record.
pub fn usable(
    errand: &Errand<'_>,
    meaning: &str,
    passed: &mut Passed<'_>,
) -> Option<Vec<Manifest>> {
    let (source, keeping) = (errand.source(), errand.keeping);
    let mut backoff = Backoff::default();
    loop {
        let marks = errand.marks();
        let look = || errand.store.newest_usable(meaning, &marks);
        let Some(found) = keeping.silence.ask(look) else {
            tracing::error!(
                topic = &*source.topic,
                partition = source.partition,
                "the store of snapshots has not answered other lanes; the lane goes on without"
            );
            return None;
        };
        let is_waited_for = !errand.is_new() && !keeping.silence.is_long();
        match found {
            Ok(found) => {
                for refused in found.passed_over {
                    passed.note(refused);
                }
                return Some(found.manifest.into_iter().chain(found.older).collect());
            }
            Err(error) if is_waited_for && errand.is_wanted() => {
                say_store_waits(errand, &error);
                errand.wait_until(backoff.next_wait(), || false);
            }
            Err(error) => {
                tracing::error!(
                    topic = &*source.topic,
                    partition = source.partition,
                    %error,
                    "the store of snapshots does not answer; the lane goes on without"
                );
                return None;
            }
        }
    }
}

fn say_store_waits(errand: &Errand<'_>, error: &StoreError) {
    let source = errand.source();
    tracing::warn!(
        topic = &*source.topic,
        partition = source.partition,
        %error,
        "cannot look for a snapshot; trying again"
    );
}

/// A lane that stands where `manifest` says; `None` when it is not wanted any more.
fn restore_from(
    errand: &Errand<'_>,
    manifest: &Manifest,
) -> Result<Option<Worker>, RestoreFailure> {
    let (slot, shared, keeping) = (errand.slot, errand.shared, errand.keeping);
    let (source, standings) = (errand.source(), &shared.standings);
    let marks = manifest.head().sources.iter();
    let next: Vec<Option<i64>> = marks.map(|mark| Some(mark.offset)).collect();
    let total = manifest.bytes();
    let began = clock::now();
    let mut lane = shared.lane(&slot.inlet, 0);
    standings.set(source, Standing::Restoring { read: 0, total });
    // Lanes that are kept make room for it before it is there.
    let coming = manifest.plain_bytes();
    slot.coming_bytes.store(coming, Ordering::Relaxed);
    let restored = restore_lane(
        &mut lane,
        &errand.store,
        manifest,
        |lane| follows_from_the_logs(errand, lane, &next),
        |read| {
            standings.set(source, Standing::Restoring { read, total });
            errand.is_wanted()
        },
    )?;
    let Attempt::Whole { restored, entries } = restored else {
        return Ok(None);
    };
    keeping.counts.count_restored(entries);
    // Before it is compared: what changes meanwhile is told again.
    let partitions = slot.inlet.partitions();
    if are_other_partitions(errand, manifest) {
        // Keys may have come from other partitions, with a past up to this moment.
        lane.missed(clock::unix_ms());
    }
    tracing::info!(
        topic = &*source.topic,
        partition = source.partition,
        snapshot = manifest.name(),
        entries,
        bytes = total,
        seconds = began.elapsed().as_secs_f64(),
        models_afresh = ?restored.fresh,
        models_dropped = ?restored.dropped,
        "restored"
    );
    restored
        .edited
        .iter()
        .for_each(|stage| say_edited(errand, stage));
    // Keys of another catalog are written anew.
    let after = restored.edited.is_empty().then(|| manifest.clone());
    Ok(Some(Worker {
        cutter: Some(cutter(keeping, slot, &lane, after)),
        deadline: shared.deadline.map(Deadline::new),
        next,
        partitions,
        lane,
    }))
}

/// Says what a stage has of a snapshot that was made under another catalog.
fn say_edited(errand: &Errand<'_>, stage: &EditedStage) {
    let source = errand.source();
    let flagged = match stage.is_anything_new() {
        true => "; scores are flagged WARMING until all is whole",
        false => "",
    };
    tracing::info!(
        topic = &*source.topic,
        partition = source.partition,
        "the catalog was edited: {stage}{flagged}"
    );
}

/// Refuses a lane that stands at `next` and holds a record which comes behind one that it is to be shown now.
fn follows_from_the_logs(
    errand: &Errand<'_>,
    lane: &Lane,
    next: &[Option<i64>],
) -> Result<(), RestoreFailure> {
    match errand.first_behind(lane, next) {
        None => Ok(()),
        Some((partition, record)) => Err(RestoreFailure::Reordered {
            partition,
            offset: record.offset,
        }),
    }
}

/// Whether a topic may have had another number of partitions when the snapshot was made: one that is known
/// only then or only now counts as another. If that is wrong, scores are flagged in vain for a while.
fn are_other_partitions(errand: &Errand<'_>, manifest: &Manifest) -> bool {
    let mut marks = manifest.head().sources.iter().zip(errand.marks());
    marks.any(|(then, now)| then.partitions != now.partitions)
}

/// Where to read on for a lane that was restored.
fn positions_after(worker: &Worker, committed: &[Option<i64>]) -> Vec<Position> {
    let sources = worker.next.iter().zip(committed);
    let position = |(next, committed): (&Option<i64>, &Option<i64>)| match (next, committed) {
        (Some(from), Some(live)) => Position::Replay {
            from: *from,
            live: *live,
        },
        _ => Position::Committed,
    };
    sources.map(position).collect()
}
