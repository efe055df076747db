//! The hand-over between the poll thread and one lane.

mod arrivals;
mod failure;
mod merge;
mod state;
mod strand;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tillwatch_kafka::{Begin, Reach, Waker};
use tillwatch_records::{RawBatch, Settled, Ticket, TopicPartition};

use crate::counters::{Counters, UNKNOWN};
use crate::error::ConsumerError;
use crate::incoming::Incoming;
use crate::limits::Limits;
use crate::moment::Moment;
use crate::position::{Position, Told};
use state::State;

/// Records that a lane takes. A batch is of one kind, and of one source.
#[derive(Debug)]
pub enum Taken {
    /// Records to work on, and the ticket that settles them: clone it into every output, drop it when there
    /// is none.
    Live(RawBatch, Ticket),
    /// Records from before the partition goes live, to make state of again: whatever was made of them was
    /// delivered once, and nothing of them is committed.
    Replay(RawBatch),
}

/// What has arrived for one lane and was not taken yet, and what was taken and is not settled. It lives
/// from an assignment to its revocation.
///
/// A lane has one source, a partition; where several topics are read it has the partitions of one number,
/// whose records are merged in the order of `docs/rfc/0004-merged-topics.md`.
#[derive(Debug)]
pub struct Inlet {
    /// One for each topic, in the order of the settings.
    sources: Vec<Source>,
    waker: Arc<Waker>,
    state: Mutex<State>,
    /// `State::failure` holds something: looked at in every turn of the poll thread, without the lock.
    failed: AtomicBool,
}

/// A partition and what is counted of it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) partition: TopicPartition,
    pub(crate) counters: Counters,
}

/// See [`crate::PartitionStats`].
pub(crate) struct Occupancy {
    pub(crate) pending_records: usize,
    pub(crate) pending_bytes: usize,
    /// Allocated for what waits and for spares.
    pub(crate) held_bytes: usize,
    pub(crate) unsettled_records: usize,
    pub(crate) paused: bool,
    pub(crate) committed: Option<i64>,
    /// One past what is settled, or the first record that is not; nothing before the first record.
    pub(crate) settled_to: Option<i64>,
    /// Kafka timestamp of the first record that is not settled.
    pub(crate) oldest_ms: Option<i64>,
    /// Where the broker had nothing more to be read, if nothing has come since.
    pub(crate) end: Option<i64>,
    pub(crate) stalled_since: Option<Instant>,
    pub(crate) committed_at: Option<Instant>,
}

/// What is to be done after records were appended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// The host must be told that records wait.
    pub(crate) tell: bool,
    /// Offsets were passed over: see [`Inlet::judge_gaps`].
    pub(crate) has_gaps: bool,
}

/// What a look at a lane of several sources gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// The host must be told that records wait.
    pub(crate) tell: bool,
    /// When to look again.
    pub(crate) until: Option<Duration>,
}

impl Inlet {
    /// For a lane of `sources`, of which there is one at least: one of each topic, in the order of the
    /// settings.
    pub(crate) fn new(sources: Vec<TopicPartition>, limits: Limits, waker: Arc<Waker>) -> Self {
        let state = State::new(sources.iter(), limits);
        let sources = sources.into_iter().map(|partition| Source {
            partition,
            counters: Counters::new(),
        });
        Self {
            sources: sources.collect(),
            waker,
            state: Mutex::new(state),
            failed: AtomicBool::new(false),
        }
    }

    /// The partition; where several topics are read, that of the first one. It names the lane.
    pub fn source(&self) -> &TopicPartition {
        &self.sources[0].partition
    }

    /// The partitions whose records come here, in the order of the topics in the settings.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &TopicPartition> {
        self.sources.iter().map(|source| &source.partition)
    }

    /// Says where to read from, from any thread; wakes the poll thread. Where there are several sources it
    /// holds for each. Whether it was taken: a lane begins once, and not after it was closed.
    /// [`Position::NotYet`] changes nothing.
    pub fn begin(&self, position: Position) -> bool {
        self.begin_each(&vec![position; self.sources.len()])
    }

    /// As [`Inlet::begin`], with a position for each of [`Inlet::sources`]. It is not taken either when
    /// their number is another, or one of them says nothing.
    pub fn begin_each(&self, positions: &[Position]) -> bool {
        let told: Option<Vec<Told>> = positions.iter().map(|position| position.told()).collect();
        let Some(told) = told.filter(|told| told.len() == self.sources.len()) else {
            return false;
        };
        let is_taken = self.state.lock().begin(told);
        if is_taken {
            self.waker.wake();
        }
        is_taken
    }

    /// Everything that has arrived and may go, at most one full batch. `None` also means that the lane is
    /// idle now: [`crate::LaneHost::ready`] is called again when there is something.
    ///
    /// A batch that is marked with `REORDERED` was handed out in an order that a replay may not
    /// give.
    pub fn take(self: &Arc<Self>) -> Option<Taken> {
        let mut state = self.state.lock();
        let Some(handed_out) = state.take() else {
            // What waits for another source goes when the poll thread says so.
            let is_blocked = state.is_waiting();
            drop(state);
            if is_blocked {
                self.waker.wake();
            }
            return None;
        };
        let may_resume = state.may_resume();
        drop(state);
        if may_resume {
            self.waker.wake();
        }
        let source = handed_out.source;
        if handed_out.reordered > 0 {
            let reordered = &self.sources[source].counters.reordered;
            reordered.fetch_add(handed_out.reordered as u64, Ordering::Relaxed);
        }
        let batch = handed_out.batch;
        let Some(sequence) = handed_out.sequence else {
            return Some(Taken::Replay(batch));
        };
        let inlet = Arc::clone(self);
        let ticket = Ticket::new(move |settled| inlet.settle(source, sequence, settled));
        Some(Taken::Live(batch, ticket))
    }

    /// Gives a batch's room back for the next records.
    pub fn recycle(&self, batch: RawBatch) {
        if let Some(source) = self.index_of(batch.source()) {
            self.state.lock().recycle(source, batch);
        }
    }

    /// Whether the partition was revoked or the consumer stops: [`Inlet::take`] gives `None` and work
    /// in hand should end soon.
    pub fn is_closed(&self) -> bool {
        self.state.lock().is_closed()
    }

    /// First offset that the broker holds of the partition that names the lane, once known. A lane whose
    /// first record is this one has missed nothing that can still be read.
    pub fn log_start(&self) -> Option<i64> {
        known(&self.sources[0].counters.low_watermark)
    }

    /// The offset at which the lane's records begin: 0 when nothing came before them. Of several sources
    /// the one whose records begin latest; `i64::MAX` while that is not known of one of them.
    pub fn start_offset(&self) -> i64 {
        let state = self.state.lock();
        let firsts = state.firsts().map(|first| first.unwrap_or(i64::MAX));
        firsts.max().unwrap_or(i64::MAX)
    }

    /// The lane's sources, each with the offset of its first record where that is known.
    pub fn starts(&self) -> Vec<(TopicPartition, Option<i64>)> {
        let state = self.state.lock();
        self.sources().cloned().zip(state.firsts()).collect()
    }

    /// The partitions with what is counted of each.
    pub(crate) fn counted(&self) -> &[Source] {
        &self.sources
    }

    /// Which of the lane's sources `partition` is.
    pub(crate) fn index_of(&self, partition: &TopicPartition) -> Option<usize> {
        self.sources().position(|source| source == partition)
    }

    /// Where reading of a source begins, once somebody has said so.
    pub(crate) fn told(&self, source: usize) -> Option<Begin> {
        self.state.lock().told(source)
    }

    /// Where reading of a source goes on, once something is known of it.
    pub(crate) fn next_offset(&self, source: usize) -> Option<i64> {
        known(&self.sources[source].counters.position)
    }

    /// Appends records of a source.
    pub(crate) fn push<R: Incoming>(
        &self,
        source: usize,
        records: impl Iterator<Item = R>,
    ) -> Pushed {
        let counters = &self.sources[source].counters;
        let expected = counters.position.load(Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.is_closed() {
            return Pushed::default();
        }
        let (filled, tell) = state.push(source, records, expected);
        let has_gaps = state.has_gaps(source);
        self.show_failure(state);
        counters
            .records
            .fetch_add(filled.records as u64, Ordering::Relaxed);
        counters
            .bytes
            .fetch_add(filled.bytes as u64, Ordering::Relaxed);
        if let Some(next) = filled.next {
            counters.position.store(next, Ordering::Relaxed);
        }
        Pushed { tell, has_gaps }
    }

    /// Takes note of how far the client has read a source of which it holds nothing more. Whether offsets
    /// were passed over.
    pub(crate) fn note_reach(&self, source: usize, reach: Reach) -> bool {
        let position = match known(&self.sources[source].counters.position) {
            Some(received) => reach.position.max(Some(received)),
            // The client's position may be that of an earlier assignment.
            None => self.state.lock().begun_at(source, reach.low),
        };
        // What lies below the log's beginning can be read no more.
        let position = position.map(|position| position.max(reach.low));
        position == Some(reach.high) && self.note_end(source, reach.high)
    }

    /// Whether a source was not read to the end that the broker tells, and nothing of it waits.
    pub(crate) fn stands(&self, source: usize) -> bool {
        let counters = &self.sources[source].counters;
        let end = known(&counters.high_watermark);
        let is_behind = known(&counters.position) < end;
        let state = self.state.lock();
        let strand = state.strand(source);
        is_behind && strand.is_empty() && strand.end.is_none() && !strand.paused
    }

    /// What can be read of a source ends at `end`: whether that is where it was read to.
    pub(crate) fn note_readable(&self, source: usize, end: i64) {
        if known(&self.sources[source].counters.position) == Some(end) {
            self.note_end(source, end);
        }
    }

    /// The source was at its end when it was last looked at: all that can be read below `offset` was
    /// received, control records of transactions apart. Whether offsets were passed over.
    fn note_end(&self, source: usize, offset: i64) -> bool {
        let position = &self.sources[source].counters.position;
        let expected = position.load(Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.is_closed() {
            return false;
        }
        if state.note_end(source, offset, expected) {
            position.store(offset, Ordering::Relaxed);
        }
        let has_gaps = state.has_gaps(source);
        self.show_failure(state);
        has_gaps
    }

    /// The group had committed `offset` of a source when reading of it began. Whether offsets turn out to
    /// be passed over.
    pub(crate) fn note_committed(&self, source: usize, offset: Option<i64>) -> bool {
        let mut state = self.state.lock();
        state.note_committed(source, offset);
        state.has_gaps(source)
    }

    /// Counts, and says loudly, which of the offsets that were passed over are lost: the broker holds
    /// offsets from `low` on, and they lay below. Others are what compaction and control records of
    /// transactions leave.
    pub(crate) fn judge_gaps(&self, source: usize, low: Option<i64>) {
        let Source {
            partition,
            counters,
        } = &self.sources[source];
        let gaps = self.state.lock().take_gaps(source);
        let Some(low) = low.or_else(|| known(&counters.low_watermark)) else {
            return;
        };
        // At most one: the log has one beginning.
        let is_lost = |gap: &&Range<i64>| gap.start < low && low <= gap.end;
        if let Some(gap) = gaps.iter().find(is_lost) {
            let lost = (gap.end - gap.start).unsigned_abs();
            counters.lost.fetch_add(lost, Ordering::Relaxed);
            tracing::error!(
                topic = &*partition.topic,
                partition = partition.partition,
                first_offset = gap.start,
                next_offset = gap.end,
                lost,
                "records were deleted before they were read: raise retention.ms of the topic, or add \
                 instances until the lag falls"
            );
        }
    }

    /// Reading of a source began at `offset`, where nobody had committed anything: it is committed at once.
    pub(crate) fn commit_beginning(&self, source: usize, offset: i64) {
        self.state.lock().ledger.begin_at(source, offset);
    }

    /// Sources that others wait for, and of which it is not known that they are at their end.
    pub(crate) fn awaited(&self) -> Vec<usize> {
        self.state.lock().awaited()
    }

    /// Looks whether the records of a lane of several sources may go.
    pub(crate) fn look(&self, at: Moment) -> Look {
        let (waits, tell) = self.state.lock().look(at);
        for source in waits.given_up {
            let partition = &self.sources[source].partition;
            tracing::warn!(
                topic = &*partition.topic,
                partition = partition.partition,
                "unread records do not come: the other topics go on without them, marked REORDERED"
            );
        }
        Look {
            tell,
            until: waits.until,
        }
    }

    /// Whether the poll thread may read more from a source; decides about pausing.
    pub(crate) fn accepts(&self, source: usize) -> bool {
        let (accepts, pauses) = self.state.lock().accepts(source);
        if pauses {
            let counter = &self.sources[source].counters.pauses;
            counter.fetch_add(1, Ordering::Relaxed);
        }
        accepts
    }

    /// Hands nothing out any more and drops what was not taken: it is not committed, so whoever owns
    /// the partition next reads it.
    pub(crate) fn close(&self) {
        self.state.lock().close();
    }

    /// Whether everything taken was settled.
    pub(crate) fn is_settled(&self) -> bool {
        self.state.lock().ledger.unsettled_records() == 0
    }

    /// Offsets to commit, when there is news.
    pub(crate) fn request_commits(&self) -> Vec<(TopicPartition, i64)> {
        let mut state = self.state.lock();
        state.skip_to_ends();
        self.offsets(|source| state.ledger.request(source))
    }

    /// Offsets that the broker has not confirmed yet.
    pub(crate) fn unconfirmed(&self) -> Vec<(TopicPartition, i64)> {
        let state = self.state.lock();
        self.offsets(|source| state.ledger.unconfirmed(source))
    }

    /// A commit of `source` up to `offset` is stored.
    pub(crate) fn note_stored(&self, source: &TopicPartition, offset: i64) {
        if let Some(source) = self.index_of(source) {
            self.state.lock().note_stored(source, offset);
        }
    }

    /// A commit of `source` failed: it is asked for again.
    pub(crate) fn note_refusal(&self, source: &TopicPartition) {
        if let Some(source) = self.index_of(source) {
            self.state.lock().ledger.forget_request(source);
        }
    }

    /// What was to be committed of `source` was taken back, outputs included.
    pub(crate) fn note_abandoned(&self, source: &TopicPartition) {
        if let Some(source) = self.index_of(source) {
            let mut state = self.state.lock();
            state.abandon(source);
            self.show_failure(state);
        }
    }

    /// Why the lane cannot go on, the first time it is asked for.
    pub(crate) fn take_failure(&self) -> Option<ConsumerError> {
        if !self.failed.load(Ordering::Relaxed) {
            return None;
        }
        self.failed.store(false, Ordering::Relaxed);
        let mut state = self.state.lock();
        let failure = state.failure.take()?;
        let name = |source: usize| &self.sources[source].partition;
        Some(failure.error(&state.ledger, name))
    }

    /// What is under way of a source, for metrics.
    pub(crate) fn occupancy(&self, source: usize) -> Occupancy {
        let state = self.state.lock();
        let (strand, ledger) = (state.strand(source), &state.ledger);
        let first = strand.first_waiting();
        let is_settled = ledger.unsettled_of(source) == 0;
        let oldest_ms = match first {
            Some((_, timestamp_ms)) if is_settled => timestamp_ms,
            _ => ledger.oldest_ms(source),
        };
        Occupancy {
            pending_records: strand.records(),
            pending_bytes: strand.bytes(),
            held_bytes: strand.held_bytes(),
            unsettled_records: ledger.unsettled_of(source),
            paused: strand.paused,
            committed: ledger.committed(source),
            settled_to: ledger
                .settled_to(source)
                .or(first.map(|(offset, _)| offset)),
            oldest_ms,
            end: strand.end,
            stalled_since: strand.progress.stalled_since,
            committed_at: strand.progress.committed_at,
        }
    }

    fn settle(&self, source: usize, sequence: u64, settled: Settled) {
        let mut state = self.state.lock();
        state.settle(source, sequence, settled);
        let wake = state.is_closed() || state.failure.is_some() || state.may_resume();
        self.show_failure(state);
        if wake {
            self.waker.wake();
        }
    }

    fn show_failure(&self, state: MutexGuard<'_, State>) {
        if state.failure.is_some() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    fn offsets(&self, mut of: impl FnMut(usize) -> Option<i64>) -> Vec<(TopicPartition, i64)> {
        let sources = self.sources.iter().enumerate();
        let offsets = sources.filter_map(|(index, source)| {
            let offset = of(index)?;
            Some((source.partition.clone(), offset))
        });
        offsets.collect()
    }
}

fn known(offset: &AtomicI64) -> Option<i64> {
    let offset = offset.load(Ordering::Relaxed);
    (offset != UNKNOWN).then_some(offset)
}
