//! The hand-over between the poll thread and one lane.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use tillwatch_kafka::{Begin, Waker};
use tillwatch_records::{RawBatch, Settled, Ticket, TopicPartition};

use crate::counters::{Counters, UNKNOWN};
use crate::error::ConsumerError;
use crate::incoming::Incoming;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::position::{Position, Told};

/// Batches kept for reuse: one that the lane works on, one that fills, one in between.
const SPARES_MAX: usize = 3;

/// Records that a lane takes. A batch is of one kind.
#[derive(Debug)]
pub enum Taken {
    /// Records to work on, and the ticket that settles them: clone it into every output, drop it when there
    /// is none.
    Live(RawBatch, Ticket),
    /// Records from before the partition goes live, to make state of again: whatever was made of them was
    /// delivered once, and nothing of them is committed.
    Replay(RawBatch),
}

/// What has arrived from one partition and was not taken yet, and what was taken and is not settled.
/// It lives from an assignment to its revocation.
#[derive(Debug)]
pub struct Inlet {
    source: TopicPartition,
    limits: Limits,
    waker: Arc<Waker>,
    state: Mutex<State>,
    pub(crate) counters: Counters,
}

#[derive(Debug, Default)]
struct State {
    /// In offset order; all but the last, and the last that is replayed, are full.
    pending: VecDeque<RawBatch>,
    pending_records: usize,
    pending_bytes: usize,
    spares: Vec<RawBatch>,
    /// Where reading begins, once somebody has said so.
    told: Option<Told>,
    /// The host was told and `take` has not given `None` since.
    scheduled: bool,
    /// Nothing is handed out any more.
    closed: bool,
    /// The poll thread leaves the partition's queue alone.
    paused: bool,
    ledger: Ledger,
    /// Why the partition cannot go on; the run loop was not told yet.
    failure: Option<Failure>,
}

/// Why a partition cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// An output was given up.
    Delivery,
    /// Outputs were taken back with the offsets that belong to them.
    Abandoned,
    /// A batch was settled that was not under way.
    Ledger,
}

/// See [`crate::PartitionStats`].
pub(crate) struct Occupancy {
    pub(crate) pending_records: usize,
    pub(crate) pending_bytes: usize,
    pub(crate) unsettled_records: usize,
    pub(crate) paused: bool,
    pub(crate) committed: Option<i64>,
}

impl Inlet {
    pub(crate) fn new(source: TopicPartition, limits: Limits, waker: Arc<Waker>) -> Self {
        Self {
            source,
            limits,
            waker,
            state: Mutex::default(),
            counters: Counters::new(),
        }
    }

    /// The partition.
    pub fn source(&self) -> &TopicPartition {
        &self.source
    }

    /// Says where to read from, from any thread; wakes the poll thread. Whether it was taken: a partition
    /// begins once, and not after it was closed. [`Position::NotYet`] changes nothing.
    pub fn begin(&self, position: Position) -> bool {
        let Some(told) = position.told() else {
            return false;
        };
        let mut state = self.state.lock();
        if state.told.is_some() || state.closed {
            return false;
        }
        state.told = Some(told);
        drop(state);
        self.waker.wake();
        true
    }

    /// Everything that has arrived, at most one full batch. `None` also means that the lane is idle now:
    /// [`crate::LaneHost::ready`] is called again when something arrives.
    pub fn take(self: &Arc<Self>) -> Option<Taken> {
        let mut state = self.state.lock();
        let Some(batch) = state.pending.pop_front() else {
            state.scheduled = false;
            return None;
        };
        state.pending_records -= batch.len();
        state.pending_bytes -= batch.bytes_len();
        let first_offset = batch.get(0).offset;
        let is_live = state.told.is_none_or(|told| first_offset >= told.live);
        let sequence = is_live.then(|| {
            let next_offset = batch.next_offset().unwrap_or(first_offset + 1);
            state.ledger.take(first_offset, next_offset, batch.len())
        });
        let wake = self.may_resume(&state);
        drop(state);
        if wake {
            self.waker.wake();
        }
        let Some(sequence) = sequence else {
            return Some(Taken::Replay(batch));
        };
        let inlet = Arc::clone(self);
        let ticket = Ticket::new(move |settled| inlet.settle(sequence, settled));
        Some(Taken::Live(batch, ticket))
    }

    /// Gives a batch's room back for the next records.
    pub fn recycle(&self, mut batch: RawBatch) {
        batch.clear();
        let mut state = self.state.lock();
        if state.spares.len() < SPARES_MAX && !state.closed {
            state.spares.push(batch);
        }
    }

    /// Whether the partition was revoked or the consumer stops: [`Inlet::take`] gives `None` and work
    /// in hand should end soon.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// First offset that the broker holds of this partition, once known. A lane whose first record is
    /// this one has missed nothing that can still be read.
    pub fn log_start(&self) -> Option<i64> {
        let offset = self.counters.low_watermark.load(Ordering::Relaxed);
        (offset != UNKNOWN).then_some(offset)
    }

    /// Where reading begins, once somebody has said so.
    pub(crate) fn told(&self) -> Option<Begin> {
        self.state.lock().told.map(|told| told.begin)
    }

    /// One past the last offset received.
    pub(crate) fn next_offset(&self) -> Option<i64> {
        let offset = self.counters.position.load(Ordering::Relaxed);
        (offset != UNKNOWN).then_some(offset)
    }

    /// Appends records; whether the host must be told.
    pub(crate) fn push<R: Incoming>(&self, records: impl Iterator<Item = R>) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            return false;
        }
        let (records_before, bytes_before) = (state.pending_records, state.pending_bytes);
        let mut position = None;
        // The batch that fills, out of the queue while it fills.
        let mut batch = state.pending.pop_back();
        let live = state.told.map_or(i64::MIN, |told| told.live);
        let mut replaying = batch.as_ref().is_some_and(|batch| is_before(batch, live))
            || self.next_offset().is_none_or(|next| next < live);
        for record in records {
            let offset = record.offset();
            if replaying && offset >= live {
                // A batch never mixes replayed and live records.
                replaying = false;
                state.pending.extend(batch.take());
            }
            let mut filling = match batch.take() {
                Some(filling) if !filling.is_full(self.limits.batch_records_max) => filling,
                full => {
                    state.pending.extend(full);
                    let spare = state.spares.pop();
                    spare.unwrap_or_else(|| RawBatch::new(self.source.clone()))
                }
            };
            let bytes = filling.bytes_len();
            record.append_to(&mut filling);
            state.pending_records += 1;
            state.pending_bytes += filling.bytes_len() - bytes;
            position = Some(offset + 1);
            batch = Some(filling);
        }
        state.pending.extend(batch);
        let records = state.pending_records - records_before;
        let bytes = state.pending_bytes - bytes_before;
        let tell = records > 0 && !state.scheduled;
        state.scheduled |= tell;
        drop(state);
        self.counters
            .records
            .fetch_add(records as u64, Ordering::Relaxed);
        self.counters
            .bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(position) = position {
            self.counters.position.store(position, Ordering::Relaxed);
        }
        tell
    }

    /// Whether the poll thread may read more from the partition; decides about pausing.
    pub(crate) fn accepts(&self) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            return false;
        }
        if state.paused {
            state.paused = !self.is_below(&state, 2);
        } else if !self.is_below(&state, 1) {
            state.paused = true;
            self.counters.pauses.fetch_add(1, Ordering::Relaxed);
        }
        !state.paused
    }

    /// Hands nothing out any more and drops what was not taken: it is not committed, so whoever owns
    /// the partition next reads it.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.pending = VecDeque::new();
        state.pending_records = 0;
        state.pending_bytes = 0;
        state.spares = Vec::new();
    }

    /// Whether everything taken was settled.
    pub(crate) fn is_settled(&self) -> bool {
        self.state.lock().ledger.unsettled_records() == 0
    }

    /// Offset to commit, when there is news.
    pub(crate) fn request_commit(&self) -> Option<i64> {
        self.state.lock().ledger.request()
    }

    /// Offset that the broker has not confirmed yet.
    pub(crate) fn unconfirmed(&self) -> Option<i64> {
        self.state.lock().ledger.unconfirmed()
    }

    /// A commit up to `offset` is stored.
    pub(crate) fn note_stored(&self, offset: i64) {
        self.state.lock().ledger.confirm(offset);
    }

    /// A commit failed: it is asked for again.
    pub(crate) fn note_refusal(&self) {
        self.state.lock().ledger.forget_request();
    }

    /// What was to be committed was taken back, outputs included.
    pub(crate) fn note_abandoned(&self) {
        let mut state = self.state.lock();
        state.ledger.break_off();
        self.fail(&mut state, Failure::Abandoned);
    }

    /// Why the partition cannot go on, the first time it is asked for.
    pub(crate) fn take_failure(&self) -> Option<ConsumerError> {
        if !self.counters.failed.load(Ordering::Relaxed) {
            return None;
        }
        self.counters.failed.store(false, Ordering::Relaxed);
        let mut state = self.state.lock();
        let failure = state.failure.take()?;
        let source_partition = self.source.clone();
        let first_unsafe = state.ledger.first_unsafe();
        Some(match failure {
            Failure::Delivery => ConsumerError::Delivery {
                source_partition,
                offset: state.ledger.failed_at().unwrap_or(first_unsafe),
            },
            Failure::Abandoned => ConsumerError::Abandoned {
                source_partition,
                offset: first_unsafe,
            },
            Failure::Ledger => ConsumerError::Ledger {
                source_partition,
                offset: first_unsafe,
            },
        })
    }

    /// What is under way, for metrics.
    pub(crate) fn occupancy(&self) -> Occupancy {
        let state = self.state.lock();
        Occupancy {
            pending_records: state.pending_records,
            pending_bytes: state.pending_bytes,
            unsettled_records: state.ledger.unsettled_records(),
            paused: state.paused,
            committed: state.ledger.committed(),
        }
    }

    fn settle(&self, sequence: u64, settled: Settled) {
        let mut state = self.state.lock();
        let is_noted = state.ledger.settle(sequence, settled).is_ok();
        if !is_noted {
            state.ledger.break_off();
            self.fail(&mut state, Failure::Ledger);
        } else if settled == Settled::Failed {
            self.fail(&mut state, Failure::Delivery);
        }
        let wake = state.closed || state.failure.is_some() || self.may_resume(&state);
        drop(state);
        if wake {
            self.waker.wake();
        }
    }

    fn fail(&self, state: &mut State, failure: Failure) {
        state.failure.get_or_insert(failure);
        self.counters.failed.store(true, Ordering::Relaxed);
    }

    fn may_resume(&self, state: &State) -> bool {
        state.paused && self.is_below(state, 2)
    }

    fn is_below(&self, state: &State, share: usize) -> bool {
        let limits = &self.limits;
        state.pending_records < limits.pending_records_max / share
            && state.pending_bytes < limits.pending_bytes_max / share
            && state.ledger.unsettled_records() < limits.unsettled_records_max / share
    }
}

/// Whether `batch` begins before `live`.
fn is_before(batch: &RawBatch, live: i64) -> bool {
    !batch.is_empty() && batch.get(0).offset < live
}

#[cfg(test)]
mod tests;
