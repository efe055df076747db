//! A lane at work: what it takes, what becomes of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tillwatch_consumer::{Inlet, Moved, Taken};
use tillwatch_decode::RefusalReason;
use tillwatch_engine::{Input, LaneError, Processed, Workspace};
use tillwatch_records::{RawBatch, Ticket};
use tillwatch_scoring::Effort;
use tillwatch_sink::{DeadLetter, Delivery, MaskedRecord, SinkError};

use super::counting::{BatchWatch, StepClock, count_records, watch_delivery};
use super::cutting;
use super::making::{new_worker, seat_without_past};
use super::shared::Shared;
use super::slot::{Seat, Slot, Worker};
use crate::clock;
use crate::letters;
use crate::serve::beginning::begin;
use crate::serve::metrics::Step;

/// Batches that a lane takes before it lets another have its thread.
const TURN_BATCHES_MAX: usize = 16;

/// Runs a lane until nothing waits for it, or until its turn is over.
pub fn turn(shared: Arc<Shared>, slot: Arc<Slot>) {
    {
        let mut seat = slot.seat.lock();
        let mut lent = shared.workspaces.lend();
        for _ in 0..TURN_BATCHES_MAX {
            let Some(taken) = slot.inlet.take() else {
                // What this lane was still at when its partition began to leave.
                if slot.inlet.is_closed() {
                    shared.sink.settle_soon();
                }
                return;
            };
            let (raw, ticket) = match taken {
                Taken::Replay(raw) => (raw, None),
                Taken::Live(raw, ticket) => (raw, Some(ticket)),
                Taken::Lost(lost) => {
                    let index = slot.index_of(&lost.source);
                    seat.note_missed(lost.newest_ms, index.map(|index| (index, lost.to)));
                    continue;
                }
                Taken::Moved(moved) => {
                    seat.note_moved(&slot.inlet, moved);
                    if seat.worker.is_none() && seat.is_begun {
                        seat_without_past(&shared, &slot, &mut seat);
                    }
                    continue;
                }
            };
            let workspace = &mut *lent.workspace;
            if slot.is_broken() {
                // The consumer ends the run; the batches behind the one that broke the lane fail with it.
                ticket.iter().for_each(Ticket::fail);
            } else if !comes_through(&raw, ticket.as_ref(), || {
                work(&shared, &slot, &mut seat, workspace, &raw, ticket.as_ref());
            }) {
                slot.is_broken.store(true, Ordering::Relaxed);
                // A panic may have left in it what no other lane expects.
                *lent.workspace = Workspace::default();
            }
            slot.inlet.recycle(raw);
            *slot.waiting_since.lock() = clock::now();
        }
    }
    let next = Arc::clone(&shared);
    shared.pool.spawn_fifo(move || turn(next, slot));
}

/// Runs `work` on a batch; whether it came to its end. If it panics, which is a defect, the ticket fails
/// before its last clone can go: what was made of the batch so far does not count as all of it.
fn comes_through(raw: &RawBatch, ticket: Option<&Ticket>, work: impl FnOnce()) -> bool {
    let result = catch_unwind(AssertUnwindSafe(work));
    if result.is_err() {
        ticket.into_iter().for_each(Ticket::fail);
        let source = raw.source();
        tracing::error!(
            topic = &*source.topic,
            partition = source.partition,
            offset = raw.iter().next().map(|record| record.offset),
            records = raw.len(),
            "a batch was given up by a defect (panic): its records stay uncommitted; report it with the \
             lines before this one"
        );
    }
    result.is_ok()
}

/// Lets the lane take a batch; makes the lane at the first one, if it was not restored.
fn work(
    shared: &Shared,
    slot: &Slot,
    seat: &mut Seat,
    workspace: &mut Workspace,
    raw: &RawBatch,
    ticket: Option<&Ticket>,
) {
    if seat.worker.is_none() {
        let worker = first(shared, slot, seat, raw);
        slot.take_seat(seat, worker);
    }
    let Some(worker) = &mut seat.worker else {
        return;
    };
    match ticket {
        Some(ticket) => {
            shared.note_scores(slot.source());
            process(shared, slot, worker, workspace, raw, ticket);
        }
        None => replay(shared, slot, worker, workspace, raw),
    }
    if let Some(index) = slot.index_of(raw.source()) {
        worker.note_taken(index, raw);
    }
    cutting::between_batches(shared, slot, worker);
}

/// A lane without state whose first records are `raw`.
fn first(shared: &Shared, slot: &Slot, seat: &Seat, raw: &RawBatch) -> Worker {
    let lane = shared.lane(&slot.inlet, slot.inlet.start_offset());
    let mut lane = begin(lane, &*shared.past, &slot.inlet, raw);
    if let Some(missed_ms) = seat.missed_ms {
        lane.missed(missed_ms);
    }
    new_worker(shared, slot, lane, seat.begun.clone())
}

fn process(
    shared: &Shared,
    slot: &Slot,
    worker: &mut Worker,
    workspace: &mut Workspace,
    raw: &RawBatch,
    ticket: &Ticket,
) {
    let metrics = &shared.metrics;
    let Worker { lane, deadline, .. } = worker;
    let mut watch = BatchWatch {
        clock: StepClock::start(metrics),
        waiting_since: *slot.waiting_since.lock(),
        deadline: deadline.as_ref(),
        asked: Effort::Full,
    };
    let processed = match lane.process(Input::Raw(raw), workspace, &mut watch) {
        Ok(processed) => processed,
        Err(error) => return give_up(&error, ticket),
    };
    let BatchWatch {
        mut clock, asked, ..
    } = watch;
    if let Some(deadline) = deadline {
        deadline.learn(asked, processed.scores.len(), clock.took);
        metrics.count_effort(asked);
    }
    metrics.count_scores(&processed.scores, lane.models().lineup());
    metrics.count_unknown_codes(&processed.unknown_codes);
    tell_invalid(metrics.count_invalid_fields(&processed.invalid_fields));
    count_records(slot, lane, &processed, metrics);
    if let Err(error) = deliver(shared, raw, &processed, ticket) {
        // The ticket is failed: the consumer ends the run, and the batch is read again next time.
        ticket.fail();
        tracing::error!(%error, "output given up");
    }
    clock.over(Step::Sink);
    metrics.count_batch();
}

/// Says once for each column and cause that fields cannot be read.
fn tell_invalid(new: Vec<(&str, &'static str)>) {
    for (column, cause) in new {
        if cause == RefusalReason::PAN_IN_CLEAR.code() {
            tracing::error!(
                column,
                "a column holds what looks like card numbers in clear; their digits are hidden; mend the \
                 producer, or name the column in [decode] no_card_numbers_in where they are other numbers"
            );
        } else {
            tracing::warn!(
                column,
                cause,
                "a field cannot be read, and is null; its scores are flagged FIELD_INVALID"
            );
        }
    }
}

/// Lets a lane know records again that it has scored and delivered before. If that fails, the lane is broken,
/// and the ticket of its first live batch says so.
fn replay(
    shared: &Shared,
    slot: &Slot,
    worker: &mut Worker,
    workspace: &mut Workspace,
    raw: &RawBatch,
) {
    let lane = &mut worker.lane;
    if let Err(error) = lane.process(Input::Raw(raw), workspace, &mut ()) {
        tracing::error!(%error, "replay given up");
    }
    shared.metrics.state().count_replayed(raw.len() as u64);
    slot.show(lane);
}

/// Fails the ticket of a batch that has no scores: the consumer ends the run, and the batch is read
/// again next time.
fn give_up(error: &LaneError, ticket: &Ticket) {
    ticket.fail();
    // The batches after the one that broke the lane say nothing new.
    if !matches!(error, LaneError::Broken { .. }) {
        tracing::error!(%error, "batch given up");
    }
}

/// Hands everything made from a batch to the sink.
fn deliver(
    shared: &Shared,
    raw: &RawBatch,
    processed: &Processed,
    ticket: &Ticket,
) -> Result<(), SinkError> {
    let refusals = processed.refusals.iter();
    let masked: Vec<Option<MaskedRecord>> = refusals
        .clone()
        .map(|refusal| {
            let mask = shared.letter_mask.as_ref();
            letters::masked(mask, raw, &raw.get(refusal.index), refusal)
        })
        .collect();
    let letters = refusals.zip(&masked).map(|(refusal, masked)| {
        letters::letter(raw, raw.get(refusal.index), masked.as_ref(), refusal)
    });
    let letters: Vec<DeadLetter<'_>> = letters.collect();
    let scores = Some(&processed.scores).filter(|scores| !scores.is_empty());
    let watched = scores.map(|_| watch_delivery(shared, processed, ticket));
    shared.sink.deliver(&Delivery {
        letters: &letters,
        scores,
        ticket,
        scores_ticket: watched.as_ref().unwrap_or(ticket),
    })?;
    for (refusal, letter) in processed.refusals.iter().zip(&letters) {
        let reason = refusal.reason.code();
        let count = shared.metrics.count_dead_letter(reason);
        // The 1st, 2nd, 4th, 8th … of a reason: a flood stays readable, and none goes unnoticed.
        if count.is_power_of_two() {
            tracing::warn!(
                reason,
                detail = refusal.detail,
                topic = &*letter.source.topic,
                partition = letter.source.partition,
                offset = letter.record.offset,
                count,
                "record refused and dead-lettered"
            );
        }
    }
    Ok(())
}

impl Seat {
    /// Tells the lane, as soon as there is one, that records with timestamps up to `newest_ms` may be
    /// missing; where they are of one source, it goes on at an offset.
    fn note_missed(&mut self, newest_ms: i64, next: Option<(usize, i64)>) {
        let Some(worker) = &mut self.worker else {
            self.missed_ms = self.missed_ms.max(Some(newest_ms));
            if let Some((index, offset)) = next
                && let Some(begun) = self.begun.get_mut(index)
            {
                *begun = Some(offset);
            }
            return;
        };
        worker.lane.missed(newest_ms);
        if let Some((index, offset)) = next {
            worker.note_next(index, offset);
        }
    }

    /// Tells the lane, as soon as there is one, what a topic has become.
    fn note_moved(&mut self, inlet: &Inlet, moved: Moved) {
        match &mut self.worker {
            Some(worker) => worker.note_moved(inlet, &moved),
            None => {
                self.missed_ms = self.missed_ms.max(Some(moved.newest_ms));
                self.moved.retain(|known| known.topic != moved.topic);
                self.moved.push(moved);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tillwatch_engine::BatchStart;
    use tillwatch_records::{Settled, TopicPartition};

    use super::*;

    #[test]
    fn a_batch_without_scores_fails_its_ticket() {
        let settled = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&settled);
        let ticket = Ticket::new(move |settled| seen.lock().push(settled));
        let at = BatchStart {
            source: TopicPartition::new("t", 0),
            offset: Some(7),
        };
        give_up(&LaneError::Broken { at }, &ticket);
        drop(ticket);
        assert_eq!(*settled.lock(), [Settled::Failed]);
    }

    #[test]
    fn a_batch_that_ends_in_a_panic_fails_its_ticket() {
        let settled = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&settled);
        let ticket = Ticket::new(move |settled| seen.lock().push(settled));
        let raw = RawBatch::new(TopicPartition::new("t", 0));
        // An output that was handed over before has a clone, and is delivered later.
        let output = ticket.clone();
        let is_whole = comes_through(&raw, Some(&ticket), || {
            let inside = ticket.clone();
            assert!(!raw.is_empty(), "a defect");
            drop(inside);
        });
        assert!(!is_whole);
        drop(ticket);
        assert!(settled.lock().is_empty());
        drop(output);
        assert_eq!(*settled.lock(), [Settled::Failed]);
        assert!(comes_through(&raw, None, || {}));
    }
}
