//! What has arrived from one source and was not taken yet.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use tillwatch_kafka::Begin;
use tillwatch_records::{RawBatch, TopicId, TopicPartition};

use super::arrivals::Arrivals;
use crate::counters::{Progress, UNKNOWN};
use crate::incoming::Incoming;
use crate::notice::{Bounds, Lost};
use crate::position::Told;

/// Batches kept for reuse: one that the lane works on, one that fills, one in between.
const SPARES_MAX: usize = 3;

/// Room of the one batch that is kept for reuse while nothing waits: what a lane of moderate load fills at a
/// time. A process may have hundreds of lanes, and room that one has needed in a burst is not kept by each of
/// them.
const IDLE_SPARE_BYTES_MAX: usize = 64 * 1024;

/// How long brokers say that a log ends within what is to be replayed before that is believed. A new leader
/// knows its end within milliseconds; brokers from before Kafka 2.2 may tell one that is too low until then.
const SHORT_TIME: Duration = Duration::from_secs(5);

/// Records of one source, in their order.
#[derive(Debug)]
pub(super) struct Strand {
    source: TopicPartition,
    /// The topic's id as every batch says it. The ids of scores are made of it, so it stays what it is once
    /// it was told or a batch was made.
    topic_id: OnceCell<Option<TopicId>>,
    /// In offset order; all but the last, and the last that is replayed, are full.
    pending: VecDeque<RawBatch>,
    /// Records of the first batch that were taken; less than it holds.
    taken: usize,
    /// Records that wait.
    records: usize,
    /// Bytes of the batches that wait, what was taken of the first one included.
    bytes: usize,
    spares: Vec<RawBatch>,
    /// The poll thread leaves the source's queue alone.
    pub(super) paused: bool,
    /// Offset of the first record that came, or where the source ended before one came.
    pub(super) first: Option<i64>,
    /// Where reading was to begin, once that is known: what the group had committed, or what the host said.
    due: Option<i64>,
    /// The host has said it: it knows the log up to there.
    is_told: bool,
    /// What the group had committed is known.
    is_located: bool,
    /// `due` was compared with `first`.
    is_compared: bool,
    /// First offset that is not replayed; below every offset when nothing is.
    live: i64,
    /// One past the last offset that is known to have been received.
    next: Option<i64>,
    /// Where the source ended when it was last looked at, if nothing has come since.
    pub(super) end: Option<i64>,
    /// Where brokers say that the log ends, if that is before `live`, and since when, as time elapsed.
    short: Option<(i64, Duration)>,
    /// What the lane was not told yet, in order: at most one between two batches that wait, and one at each
    /// end.
    losses: VecDeque<Lost>,
    /// No record has come since the last of `losses`: the next one begins a batch.
    breaks: bool,
    /// Losses that were not counted yet: at most one per record of a burst.
    uncounted: Vec<Range<i64>>,
    /// Used where other sources wait for this one.
    pub(super) arrivals: Arrivals,
    pub(super) progress: Progress,
}

/// What [`Strand::fill`] did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filled {
    pub(super) records: usize,
    pub(super) bytes: usize,
    /// The first offset, and when the broker appended it where it says so, if there was a record.
    pub(super) first: Option<(i64, Option<i64>)>,
    /// One past the last offset, if there was a record.
    pub(super) next: Option<i64>,
    /// An offset that was below the one expected: nothing from there on was taken.
    pub(super) fell_to: Option<i64>,
}

impl Strand {
    pub(super) fn new(source: TopicPartition) -> Self {
        Self {
            source,
            topic_id: OnceCell::new(),
            pending: VecDeque::new(),
            taken: 0,
            records: 0,
            bytes: 0,
            spares: Vec::new(),
            paused: false,
            first: None,
            due: None,
            is_told: false,
            is_located: false,
            is_compared: false,
            live: i64::MIN,
            next: None,
            end: None,
            short: None,
            losses: VecDeque::new(),
            breaks: false,
            uncounted: Vec::new(),
            arrivals: Arrivals::default(),
            progress: Progress::default(),
        }
    }

    /// Notes the topic's id, the first time.
    pub(super) fn name_topic(&mut self, id: Option<TopicId>) {
        self.topic_id.get_or_init(|| id);
    }

    /// Notes where reading begins.
    pub(super) fn begin(&mut self, told: Told) {
        self.live = told.live;
        if let Begin::At(offset) = told.begin {
            (self.due, self.is_told) = (Some(offset), true);
            self.next = Some(offset);
        }
    }

    /// Appends records of the source, whose next offset is `expected`.
    pub(super) fn fill<R: Incoming>(
        &mut self,
        records: impl Iterator<Item = R>,
        batch_records_max: usize,
        mut expected: i64,
        bounds: &Bounds<'_>,
    ) -> Filled {
        let (records_before, bytes_before, live) = (self.records, self.bytes, self.live);
        let mut filled = Filled::default();
        // The batch that fills, out of the queue while it fills.
        let mut batch = self.pending.pop_back();
        let is_replay = batch.as_ref().is_some_and(|batch| is_before(batch, live));
        let mut replaying = is_replay || expected < live;
        for record in records {
            let offset = record.offset();
            if offset != expected {
                if offset < expected {
                    filled.fell_to = Some(offset);
                    break;
                }
                self.note_gap(expected..offset, record.appended_ms(), bounds);
            }
            if self.breaks || (replaying && offset >= live) {
                // A batch never mixes replayed and live records, nor those before and behind a loss.
                replaying &= offset < live;
                self.breaks = false;
                self.pending.extend(batch.take());
            }
            let mut filling = match batch.take() {
                Some(filling) if !filling.is_full(batch_records_max) => filling,
                full => {
                    self.pending.extend(full);
                    self.empty_batch()
                }
            };
            let bytes = filling.bytes_len();
            record.append_to(&mut filling);
            self.records += 1;
            self.bytes += filling.bytes_len() - bytes;
            expected = offset + 1;
            if filled.first.is_none() {
                filled.first = Some((offset, record.appended_ms()));
            }
            filled.next = Some(expected);
            batch = Some(filling);
        }
        self.pending.extend(batch);
        self.next = filled.next.or(self.next);
        filled.records = self.records - records_before;
        filled.bytes = self.bytes - bytes_before;
        if filled.records > 0 {
            self.end = None;
        }
        if filled.next.is_some_and(|next| next > live) {
            // What is replayed waits for no commit.
            self.progress.note_arrival();
        }
        filled
    }

    /// The first batch, whole.
    pub(super) fn pop(&mut self) -> Option<RawBatch> {
        let batch = self.pending.pop_front()?;
        self.records -= batch.len();
        self.bytes -= batch.bytes_len();
        Some(batch)
    }

    /// The first `records` records of those that wait, at most what is left of the first batch. They are
    /// copied unless they are a whole batch.
    pub(super) fn cut(&mut self, records: usize) -> Option<RawBatch> {
        self.arrivals.take(records);
        let waiting = self.pending.front()?.len();
        let end = waiting.min(self.taken + records);
        if self.taken == 0 && end == waiting {
            return self.pop();
        }
        let mut run = self.empty_batch();
        let first = self.pending.front()?;
        for index in self.taken..end {
            let record = first.get(index);
            run.push(
                record.offset,
                record.timestamp_ms,
                record.key,
                record.payload,
                record.headers(),
            );
        }
        self.records -= end - self.taken;
        self.taken = end;
        if end == waiting {
            self.taken = 0;
            if let Some(done) = self.pending.pop_front() {
                self.bytes -= done.bytes_len();
                self.recycle(done);
            }
        }
        Some(run)
    }

    /// Timestamps of the records that wait in the first batch, in order: `i64::MIN` for a record that has
    /// none.
    pub(super) fn timestamps_ms(&self) -> impl Iterator<Item = i64> {
        let first = self.pending.front();
        first.into_iter().flat_map(|batch| {
            (self.taken..batch.len()).map(|index| batch.get(index).timestamp_ms.unwrap_or(i64::MIN))
        })
    }

    /// Offset and Kafka timestamp of the first record that waits.
    pub(super) fn first_waiting(&self) -> Option<(i64, Option<i64>)> {
        let first = self.pending.front()?.get(self.taken);
        Some((first.offset, first.timestamp_ms))
    }

    /// The first record that waits and is not replayed, with its Kafka timestamp.
    pub(super) fn first_owed(&self) -> Option<(i64, Option<i64>)> {
        let is_owed = |batch: &RawBatch| !is_before(batch, self.live);
        let at = self.pending.iter().position(is_owed)?;
        let first = self.pending[at].get(if at == 0 { self.taken } else { 0 });
        Some((first.offset, first.timestamp_ms))
    }

    /// Gives a batch's room back for the next records.
    pub(super) fn recycle(&mut self, mut batch: RawBatch) {
        if self.spares.len() < SPARES_MAX {
            batch.clear();
            self.spares.push(batch);
        }
    }

    /// The lane is idle: gives back the room of a burst, unless records wait that need it soon.
    pub(super) fn rest(&mut self) {
        if self.is_empty() {
            let is_small = |spare: &RawBatch| spare.allocated_bytes() <= IDLE_SPARE_BYTES_MAX;
            self.spares.retain(is_small);
            self.spares.truncate(1);
        }
    }

    /// Notes what the group had committed when reading began.
    pub(super) fn note_committed(&mut self, offset: Option<i64>, bounds: &Bounds<'_>) {
        if !self.is_told {
            (self.due, self.is_located) = (offset, true);
        }
        self.compare_beginning(None, bounds);
    }

    /// Where reading began, of a log that begins at `low`, as far as that is known before a record has come.
    pub(super) fn begun_at(&self, low: i64) -> Option<i64> {
        let is_known = self.is_told || self.is_located;
        is_known.then(|| self.due.map_or(low, |due| due.max(low)))
    }

    /// Notes where reading began, the first time. Gives where the host said that it begins, if that lies
    /// behind it: then the log is another one.
    pub(super) fn note_first(
        &mut self,
        offset: i64,
        appended_ms: Option<i64>,
        bounds: &Bounds<'_>,
    ) -> Option<i64> {
        if self.first.is_some() {
            return None;
        }
        self.first = Some(offset);
        if let Some(due) = self.due.filter(|due| *due > offset) {
            if self.is_told {
                return Some(due);
            }
            tracing::warn!(
                topic = &*self.source.topic,
                partition = self.source.partition,
                committed = due,
                offset,
                "the group had committed an offset past the end of the log: the topic was made anew or \
                 truncated; reading begins where the log allows"
            );
        }
        self.compare_beginning(appended_ms, bounds);
        None
    }

    /// All that can be read below `end` was received, of a source whose next offset was `expected`.
    pub(super) fn note_end(&mut self, end: i64, expected: i64, bounds: &Bounds<'_>) {
        if end > expected {
            self.note_gap(expected..end, None, bounds);
        }
        self.end = Some(end);
        self.next = Some(end);
    }

    /// Takes note that brokers say, at the time `elapsed`, where the log ends. Gives where it ended first,
    /// if it has ended for long within what is to be replayed: then it is not the one that the group has
    /// read.
    pub(super) fn note_told_end(&mut self, end: i64, elapsed: Duration) -> Option<i64> {
        if end >= self.live {
            self.short = None;
            return None;
        }
        let (first, since) = *self.short.get_or_insert((end, elapsed));
        (elapsed >= since + SHORT_TIME).then_some(first)
    }

    /// Whether brokers say that the log ends within what is to be replayed. What is appended there is new,
    /// and is not handed out as what was done before.
    pub(super) fn is_short(&self) -> bool {
        self.short.is_some()
    }

    /// Losses that were not counted yet.
    pub(super) fn take_uncounted(&mut self) -> Vec<Range<i64>> {
        std::mem::take(&mut self.uncounted)
    }

    /// What the lane is to be told before the next record.
    pub(super) fn has_loss(&self) -> bool {
        self.losses.front().is_some_and(|loss| {
            let waiting = self.first_waiting();
            waiting.is_none_or(|(offset, _)| loss.to <= offset)
        })
    }

    /// What the lane is told before the next record.
    pub(super) fn pop_loss(&mut self) -> Option<Lost> {
        if self.has_loss() {
            self.losses.pop_front()
        } else {
            None
        }
    }

    /// Whether records are still to be replayed.
    pub(super) fn replays(&self) -> bool {
        self.position().is_none_or(|at| at < self.live) && self.live > i64::MIN
    }

    /// Offsets that are still to be replayed.
    pub(super) fn replay_left(&self) -> u64 {
        let left = self.position().map_or(0, |at| self.live.saturating_sub(at));
        u64::try_from(left).unwrap_or(0)
    }

    /// First offset that is not replayed.
    pub(super) fn live(&self) -> i64 {
        self.live
    }

    /// Drops everything that waits.
    pub(super) fn clear(&mut self) {
        self.pending = VecDeque::new();
        self.spares = Vec::new();
        self.arrivals.clear();
        self.end = None;
        self.losses.clear();
        (self.taken, self.records, self.bytes) = (0, 0, 0);
    }

    /// Records that wait.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes allocated for what waits and for spares.
    pub(super) fn held_bytes(&self) -> usize {
        let batches = self.pending.iter().chain(&self.spares);
        batches.map(RawBatch::allocated_bytes).sum()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// A batch to fill.
    fn empty_batch(&mut self) -> RawBatch {
        let spare = self.spares.pop();
        spare.unwrap_or_else(|| {
            let id = self.topic_id.get_or_init(|| None);
            RawBatch::of_topic(self.source.clone(), id.clone())
        })
    }

    /// The next offset that the lane gets, as far as that is known.
    fn position(&self) -> Option<i64> {
        self.first_waiting().map(|(offset, _)| offset).or(self.next)
    }

    /// Notes that offsets were passed over; the record behind them was appended at `next_ms`.
    #[cold]
    fn note_gap(&mut self, gap: Range<i64>, next_ms: Option<i64>, bounds: &Bounds<'_>) {
        if gap.start == UNKNOWN || !is_lost(&gap, bounds) {
            return;
        }
        self.uncounted.push(gap.clone());
        let newest_ms = next_ms.unwrap_or(bounds.unix_ms);
        let open = self.losses.back_mut().filter(|_| self.breaks);
        match open.filter(|loss| loss.to == gap.start) {
            Some(loss) => {
                loss.to = gap.end;
                loss.newest_ms = loss.newest_ms.max(newest_ms);
            }
            None => self.losses.push_back(self.lost(gap, newest_ms)),
        }
        self.breaks = true;
    }

    /// Once both are known: what lies between where reading was to begin and where it began.
    fn compare_beginning(&mut self, appended_ms: Option<i64>, bounds: &Bounds<'_>) {
        let (Some(due), Some(first), false) = (self.due, self.first, self.is_compared) else {
            return;
        };
        self.is_compared = true;
        let gap = due..first;
        if due < first && is_lost(&gap, bounds) {
            self.uncounted.push(gap.clone());
            let newest_ms = appended_ms.unwrap_or(bounds.unix_ms);
            self.losses.push_front(self.lost(gap, newest_ms));
        }
    }

    fn lost(&self, gap: Range<i64>, newest_ms: i64) -> Lost {
        Lost {
            source: self.source.clone(),
            from: gap.start,
            to: gap.end,
            newest_ms,
        }
    }
}

/// Whether records that `gap` passes over were deleted: the log begins behind its start. Other gaps are what
/// compaction and control records of transactions leave. When the log has since come to begin behind the
/// whole of it, nobody can tell any more, and it counts as lost.
fn is_lost(gap: &Range<i64>, bounds: &Bounds<'_>) -> bool {
    (bounds.low)().is_some_and(|low| gap.start < low)
}

/// Whether `batch` begins before `live`.
fn is_before(batch: &RawBatch, live: i64) -> bool {
    !batch.is_empty() && batch.get(0).offset < live
}
