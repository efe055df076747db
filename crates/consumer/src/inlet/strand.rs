//! What has arrived from one source and was not taken yet.

use std::collections::VecDeque;
use std::ops::Range;

use tillwatch_records::{RawBatch, TopicPartition};

use super::arrivals::Arrivals;
use crate::counters::{Progress, UNKNOWN};
use crate::incoming::Incoming;

/// Batches kept for reuse: one that the lane works on, one that fills, one in between.
const SPARES_MAX: usize = 3;

/// Room of the one batch that is kept for reuse while nothing waits: what a lane of moderate load fills at a
/// time. A process may have hundreds of lanes, and room that one has needed in a burst is not kept by each of
/// them.
const IDLE_SPARE_BYTES_MAX: usize = 64 * 1024;

/// Records of one source, in their order.
#[derive(Debug)]
pub(super) struct Strand {
    source: TopicPartition,
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
    /// What the group had committed when reading began, once that is known.
    committed: Option<Option<i64>>,
    /// That was compared with `first`.
    is_compared: bool,
    /// Where the source ended when it was last looked at, if nothing has come since.
    pub(super) end: Option<i64>,
    /// Offsets that were passed over since they were last looked at: at most one per record of a burst.
    gaps: Vec<Range<i64>>,
    /// Used where other sources wait for this one.
    pub(super) arrivals: Arrivals,
    pub(super) progress: Progress,
}

/// What [`Strand::fill`] did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filled {
    pub(super) records: usize,
    pub(super) bytes: usize,
    /// The first offset, if there was a record.
    pub(super) first: Option<i64>,
    /// One past the last offset, if there was a record.
    pub(super) next: Option<i64>,
    /// An offset that was below the one expected: nothing from there on was taken.
    pub(super) fell_to: Option<i64>,
}

impl Strand {
    pub(super) fn new(source: TopicPartition) -> Self {
        Self {
            source,
            pending: VecDeque::new(),
            taken: 0,
            records: 0,
            bytes: 0,
            spares: Vec::new(),
            paused: false,
            first: None,
            committed: None,
            is_compared: false,
            end: None,
            gaps: Vec::new(),
            arrivals: Arrivals::default(),
            progress: Progress::default(),
        }
    }

    /// Appends records of the source, whose next offset is `expected`. Offsets from `live` on are not
    /// replayed.
    pub(super) fn fill<R: Incoming>(
        &mut self,
        records: impl Iterator<Item = R>,
        batch_records_max: usize,
        live: i64,
        mut expected: i64,
    ) -> Filled {
        let (records_before, bytes_before) = (self.records, self.bytes);
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
                self.note_gap(expected, offset);
            }
            if replaying && offset >= live {
                // A batch never mixes replayed and live records.
                replaying = false;
                self.pending.extend(batch.take());
            }
            let mut filling = match batch.take() {
                Some(filling) if !filling.is_full(batch_records_max) => filling,
                full => {
                    self.pending.extend(full);
                    let spare = self.spares.pop();
                    spare.unwrap_or_else(|| RawBatch::new(self.source.clone()))
                }
            };
            let bytes = filling.bytes_len();
            record.append_to(&mut filling);
            self.records += 1;
            self.bytes += filling.bytes_len() - bytes;
            expected = offset + 1;
            filled.first.get_or_insert(offset);
            filled.next = Some(expected);
            batch = Some(filling);
        }
        self.pending.extend(batch);
        filled.records = self.records - records_before;
        filled.bytes = self.bytes - bytes_before;
        if filled.records > 0 {
            self.end = None;
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
        let first = self.pending.front()?;
        let end = first.len().min(self.taken + records);
        if self.taken == 0 && end == first.len() {
            return self.pop();
        }
        let spare = self.spares.pop();
        let mut run = spare.unwrap_or_else(|| RawBatch::new(self.source.clone()));
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
        if end == first.len() {
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
    pub(super) fn note_committed(&mut self, offset: Option<i64>) {
        self.committed = Some(offset);
        self.compare_beginning();
    }

    /// Where reading began that went on at what the group had committed, of a log that begins at `low`.
    pub(super) fn begun_at(&self, low: i64) -> Option<i64> {
        self.committed
            .map(|committed| committed.map_or(low, |offset| offset.max(low)))
    }

    /// Notes where reading began, the first time.
    pub(super) fn note_first(&mut self, offset: i64) {
        if self.first.is_some() {
            return;
        }
        let committed = self.committed.flatten();
        if let Some(committed) = committed.filter(|committed| *committed > offset) {
            tracing::warn!(
                topic = &*self.source.topic,
                partition = self.source.partition,
                committed,
                offset,
                "the group had committed an offset past the end of the log: the topic was made anew or \
                 truncated; reading begins where the log allows"
            );
        }
        self.first = Some(offset);
        self.compare_beginning();
    }

    /// Whether offsets were passed over since the last [`Strand::take_gaps`].
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Offsets that were passed over.
    pub(super) fn take_gaps(&mut self) -> Vec<Range<i64>> {
        std::mem::take(&mut self.gaps)
    }

    /// Drops everything that waits.
    pub(super) fn clear(&mut self) {
        self.pending = VecDeque::new();
        self.spares = Vec::new();
        self.arrivals.clear();
        self.end = None;
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

    /// Notes that offsets were passed over.
    #[cold]
    pub(super) fn note_gap(&mut self, expected: i64, offset: i64) {
        if expected != UNKNOWN {
            self.gaps.push(expected..offset);
        }
    }

    /// Once both are known: what lies between where the group had got to and where reading began.
    fn compare_beginning(&mut self) {
        if let (Some(committed), Some(first)) = (self.committed, self.first)
            && !self.is_compared
        {
            self.is_compared = true;
            let committed = committed.filter(|committed| *committed < first);
            self.gaps
                .extend(committed.map(|committed| committed..first));
        }
    }
}

/// Whether `batch` begins before `live`.
fn is_before(batch: &RawBatch, live: i64) -> bool {
    !batch.is_empty() && batch.get(0).offset < live
}
