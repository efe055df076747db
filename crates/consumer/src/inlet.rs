//! The hand-over between the poll thread and one lane.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;
use tillwatch_records::{RawBatch, Settled, Ticket, TopicPartition};

use crate::ledger::Ledger;
use crate::native::Message;
use crate::settings::ConsumerSettings;
use crate::stop::Waker;

/// Batches kept for reuse: one that the lane works on, one that fills, one in between.
const SPARES_MAX: usize = 3;

/// Stands for an offset that is not known yet.
pub(crate) const UNKNOWN: i64 = -1;

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

/// When to stop reading from the partition. Reading goes on below half of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    batch_records_max: usize,
    pending_records_max: usize,
    pending_bytes_max: usize,
    unsettled_records_max: usize,
}

impl Limits {
    pub(crate) fn of(settings: &ConsumerSettings) -> Self {
        Self {
            batch_records_max: settings.batch_records_max,
            pending_records_max: settings.lane_queue_records_max,
            pending_bytes_max: settings.lane_queue_bytes(),
            unsettled_records_max: settings.lane_unsettled_records_max,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// In offset order; all but the last are full.
    pending: VecDeque<RawBatch>,
    pending_records: usize,
    pending_bytes: usize,
    spares: Vec<RawBatch>,
    /// The host was told and `take` has not given `None` since.
    scheduled: bool,
    /// Nothing is handed out any more.
    closed: bool,
    /// The poll thread leaves the partition's queue alone.
    paused: bool,
    ledger: Ledger,
}

/// Counted since the assignment.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) pauses: AtomicU64,
    /// One past the last offset received.
    pub(crate) position: AtomicI64,
    /// First offset that the broker still holds.
    pub(crate) low_watermark: AtomicI64,
    /// One past the last offset that the broker holds.
    pub(crate) high_watermark: AtomicI64,
    /// A batch failed and the run loop was not told yet.
    failed: AtomicBool,
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
            counters: Counters {
                records: AtomicU64::new(0),
                bytes: AtomicU64::new(0),
                pauses: AtomicU64::new(0),
                position: AtomicI64::new(UNKNOWN),
                low_watermark: AtomicI64::new(UNKNOWN),
                high_watermark: AtomicI64::new(UNKNOWN),
                failed: AtomicBool::new(false),
            },
        }
    }

    /// The partition.
    pub fn source(&self) -> &TopicPartition {
        &self.source
    }

    /// Everything that has arrived, at most one full batch, and the ticket that settles it: clone it
    /// into every output, drop it when there is none. `None` also means that the lane is idle now:
    /// [`crate::LaneHost::ready`] is called again when something arrives.
    pub fn take(self: &Arc<Self>) -> Option<(RawBatch, Ticket)> {
        let mut state = self.state.lock();
        let Some(batch) = state.pending.pop_front() else {
            state.scheduled = false;
            return None;
        };
        state.pending_records -= batch.len();
        state.pending_bytes -= batch.bytes_len();
        let first_offset = batch.get(0).offset;
        let next_offset = batch.next_offset().unwrap_or(first_offset + 1);
        let sequence = state.ledger.take(first_offset, next_offset, batch.len());
        let wake = self.may_resume(&state);
        drop(state);
        if wake {
            self.waker.wake();
        }
        let inlet = Arc::clone(self);
        let ticket = Ticket::new(move |settled| inlet.settle(sequence, settled));
        Some((batch, ticket))
    }

    /// Gives a batch's memory back for the next records.
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

    /// Appends records; whether the host must be told.
    pub(crate) fn push<'m>(&self, messages: impl Iterator<Item = Message<'m>>) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            return false;
        }
        let (records_before, bytes_before) = (state.pending_records, state.pending_bytes);
        let mut position = None;
        // The batch that fills, out of the queue while it fills.
        let mut batch = state.pending.pop_back();
        for message in messages {
            let mut filling = match batch.take() {
                Some(filling) if !filling.is_full(self.limits.batch_records_max) => filling,
                full => {
                    state.pending.extend(full);
                    let spare = state.spares.pop();
                    spare.unwrap_or_else(|| RawBatch::new(self.source.clone()))
                }
            };
            let bytes = filling.bytes_len();
            filling.push(
                message.offset(),
                message.timestamp_ms(),
                message.key(),
                message.payload(),
                message.headers(),
            );
            state.pending_records += 1;
            state.pending_bytes += filling.bytes_len() - bytes;
            position = Some(message.offset() + 1);
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

    /// The outcome of a commit: the stored offset, or `None` when it failed.
    pub(crate) fn note_commit(&self, stored: Option<i64>) {
        let mut state = self.state.lock();
        match stored {
            Some(offset) => state.ledger.confirm(offset),
            None => state.ledger.forget_request(),
        }
    }

    /// First offset of a failed batch, the first time it is asked for.
    pub(crate) fn take_failure(&self) -> Option<i64> {
        if !self.counters.failed.load(Ordering::Relaxed) {
            return None;
        }
        self.counters.failed.store(false, Ordering::Relaxed);
        self.state.lock().ledger.failed_at()
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
        state.ledger.settle(sequence, settled);
        let wake = state.closed || settled == Settled::Failed || self.may_resume(&state);
        drop(state);
        if settled == Settled::Failed {
            self.counters.failed.store(true, Ordering::Relaxed);
        }
        if wake {
            self.waker.wake();
        }
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
