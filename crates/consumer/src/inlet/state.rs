//! What an inlet holds, whoever asks for it.

use std::ops::Range;
use std::time::Duration;

use tillwatch_kafka::Begin;
use tillwatch_records::{Flags, RawBatch, Settled, TopicPartition};

use super::failure::Failure;
use super::identities::Noted;
use super::merge::{Merge, Waits};
use super::strand::{Filled, Strand};
use crate::incoming::Incoming;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::moment::Moment;
use crate::notice::{Bounds, Lost, Moved};
use crate::position::Told;

/// What waits for a lane, and what it took and has not settled. Sources are counted from 0.
#[derive(Debug)]
pub(super) struct State {
    limits: Limits,
    /// One per source.
    strands: Vec<Strand>,
    /// Where there are several sources.
    merge: Option<Merge>,
    /// Where reading begins in each source, once somebody has said so.
    told: Option<Vec<Told>>,
    /// The host was told and [`State::take`] has not given `None` since.
    scheduled: bool,
    /// Nothing is handed out any more.
    closed: bool,
    /// Topics whose partitions have become others; the lane was not told yet, or is never told since it is
    /// closed. At most one for each topic.
    moved: Vec<Moved>,
    pub(super) ledger: Ledger,
    /// Why the lane cannot go on; the run loop was not told yet.
    pub(super) failure: Option<Failure>,
}

/// What is handed out.
pub(super) enum HandedOut {
    Batch(Batch),
    Lost(Lost),
    Moved(Moved),
}

/// A batch that is handed out.
pub(super) struct Batch {
    pub(super) source: usize,
    pub(super) batch: RawBatch,
    /// Its number in the ledger; none when it is replayed.
    pub(super) sequence: Option<u64>,
    /// Its records that belong before one that was handed out earlier.
    pub(super) reordered: usize,
}

impl State {
    pub(super) fn new<'a>(
        sources: impl ExactSizeIterator<Item = &'a TopicPartition>,
        limits: Limits,
    ) -> Self {
        let count = sources.len();
        Self {
            limits,
            strands: sources.cloned().map(Strand::new).collect(),
            merge: (count > 1).then(|| Merge::new(count, &limits)),
            told: None,
            scheduled: false,
            closed: false,
            moved: Vec::new(),
            ledger: Ledger::new(count),
            failure: None,
        }
    }

    /// Notes where reading begins; whether it was taken.
    pub(super) fn begin(&mut self, told: Vec<Told>) -> bool {
        let is_taken = self.told.is_none() && !self.closed;
        if is_taken {
            for (strand, told) in self.strands.iter_mut().zip(&told) {
                strand.begin(*told);
            }
            self.told = Some(told);
        }
        is_taken
    }

    /// Brokers have said what the topic of a source is.
    pub(super) fn note_topic(&mut self, source: usize, noted: Noted) {
        match noted {
            Noted::First(id) => self.strands[source].name_topic(id),
            Noted::Same => {}
            Noted::Remade { before, after } => {
                // What was settled may be of other records: nothing is committed any more.
                self.ledger.break_off();
                self.fail(Failure::Remade {
                    source,
                    before,
                    after,
                });
            }
        }
    }

    /// Where reading of a source begins.
    pub(super) fn told(&self, source: usize) -> Option<Begin> {
        self.told.as_ref().map(|told| told[source].begin)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Records wait, though perhaps for another source.
    pub(super) fn is_waiting(&self) -> bool {
        self.strands.iter().any(|strand| !strand.is_empty())
    }

    /// What is next; the lane is idle when there is nothing.
    pub(super) fn take(&mut self) -> Option<HandedOut> {
        if let Some(moved) = self.moved.pop_if(|_| !self.closed) {
            return Some(HandedOut::Moved(moved));
        }
        if let Some(lost) = self.strands.iter_mut().find_map(Strand::pop_loss) {
            return Some(HandedOut::Lost(lost));
        }
        let Some((source, batch, reordered)) = self.next() else {
            self.scheduled = false;
            self.strands.iter_mut().for_each(Strand::rest);
            return None;
        };
        let first = batch.get(0);
        let (first_offset, timestamp_ms) = (first.offset, first.timestamp_ms);
        let is_live = first_offset >= self.strands[source].live();
        let sequence = is_live.then(|| {
            let next_offset = batch.next_offset().unwrap_or(first_offset + 1);
            let records = batch.len();
            let ledger = &mut self.ledger;
            ledger.take(source, first_offset, next_offset, records, timestamp_ms)
        });
        Some(HandedOut::Batch(Batch {
            source,
            batch,
            sequence,
            reordered,
        }))
    }

    /// Whether the host must be told that something waits which is no record.
    pub(super) fn tell_notices(&mut self) -> bool {
        let waits = !self.moved.is_empty() || self.strands.iter().any(Strand::has_loss);
        self.tell(waits)
    }

    /// The lane is to be told that a topic of it has other partitions.
    pub(super) fn note_moved(&mut self, moved: Moved) {
        let mut waiting = self.moved.iter_mut();
        match waiting.find(|waiting| waiting.topic == moved.topic) {
            Some(waiting) => {
                waiting.after = moved.after;
                waiting.newest_ms = waiting.newest_ms.max(moved.newest_ms);
            }
            None => self.moved.push(moved),
        }
    }

    /// How many partitions the topics of `sources` had, by what the lane was told, where they are `known` to
    /// have so many.
    pub(super) fn as_told<'a>(
        &self,
        sources: impl Iterator<Item = &'a TopicPartition>,
        mut known: Vec<Option<usize>>,
    ) -> Vec<Option<usize>> {
        for (source, known) in sources.zip(&mut known) {
            let mut untold = self.moved.iter();
            if let Some(moved) = untold.find(|moved| moved.topic == source.topic) {
                *known = Some(moved.before);
            }
        }
        known
    }

    /// Offsets that are still to be replayed, once it is known where reading begins.
    pub(super) fn replay_left(&self) -> Option<u64> {
        self.told.as_ref()?;
        Some(self.strands.iter().map(Strand::replay_left).sum())
    }

    pub(super) fn recycle(&mut self, source: usize, batch: RawBatch) {
        if !self.closed {
            self.strands[source].recycle(batch);
        }
    }

    /// The first offset of each source, where it is known.
    pub(super) fn firsts(&self) -> impl Iterator<Item = Option<i64>> {
        self.strands.iter().map(|strand| strand.first)
    }

    /// Appends records of a source whose next offset is `expected`. Also gives whether the host must be told.
    pub(super) fn push<R: Incoming>(
        &mut self,
        source: usize,
        records: impl Iterator<Item = R>,
        expected: i64,
        bounds: &Bounds<'_>,
    ) -> (Filled, bool) {
        let most = self.limits.batch_records_max;
        let strand = &mut self.strands[source];
        let filled = strand.fill(records, most, expected, bounds);
        if let Some((first, appended_ms)) = filled.first
            && let Some(due) = strand.note_first(first, appended_ms, bounds)
        {
            // It is of another log: nothing of it is handed out.
            strand.clear();
            self.fall(source, due, first);
            return (Filled::default(), false);
        }
        if let Some(found) = filled.fell_to {
            self.fall(source, filled.next.unwrap_or(expected), found);
        }
        // Where records wait for other sources, a look says when they may go.
        let tell = self.tell(filled.records > 0 && self.merge.is_none());
        (filled, tell)
    }

    /// A source whose next offset is `expected` ends at `offset`. Whether that can be.
    pub(super) fn note_end(
        &mut self,
        source: usize,
        offset: i64,
        expected: i64,
        bounds: &Bounds<'_>,
    ) -> bool {
        let strand = &mut self.strands[source];
        let due = strand.note_first(offset, None, bounds);
        let expected = due.unwrap_or(expected);
        if offset < expected {
            self.fall(source, expected, offset);
            return false;
        }
        strand.note_end(offset, expected, bounds);
        true
    }

    /// Brokers say, at the time `elapsed`, that the log of a source ends at `end`.
    pub(super) fn note_told_end(&mut self, source: usize, end: i64, elapsed: Duration) {
        let strand = &mut self.strands[source];
        let live = strand.live();
        if let Some(found) = strand.note_told_end(end, elapsed) {
            self.fall(source, live, found);
        }
    }

    /// The group had committed `offset` of a source when reading of it began.
    pub(super) fn note_committed(
        &mut self,
        source: usize,
        offset: Option<i64>,
        bounds: &Bounds<'_>,
    ) {
        self.strands[source].note_committed(offset, bounds);
    }

    /// Losses of a source that were not counted yet.
    pub(super) fn take_uncounted(&mut self, source: usize) -> Vec<Range<i64>> {
        self.strands[source].take_uncounted()
    }

    /// Where reading of a source began, whose log begins at `low`, as far as that is known before a record
    /// has come.
    pub(super) fn begun_at(&self, source: usize, low: i64) -> Option<i64> {
        self.told(source)?;
        self.strands[source].begun_at(low)
    }

    /// Sources that others wait for, and of which it is not known that they are at their end.
    pub(super) fn awaited(&self) -> Vec<usize> {
        if self.merge.is_none() || !self.is_waiting() {
            return Vec::new();
        }
        let strands = self.strands.iter().enumerate();
        let awaited = strands.filter(|(_, strand)| strand.is_empty() && strand.end.is_none());
        awaited.map(|(source, _)| source).collect()
    }

    /// Looks which records may go. Gives what is waited for and whether the host must be told.
    pub(super) fn look(&mut self, at: Moment) -> (Waits, bool) {
        let Some(merge) = &mut self.merge else {
            return (Waits::default(), false);
        };
        let waits = merge.look(at, &mut self.strands);
        let may_go = merge.choose(&self.strands).is_some();
        (waits, self.tell(may_go))
    }

    /// Whether more of a source may be read, and whether reading it pauses from now on.
    pub(super) fn accepts(&mut self, source: usize) -> (bool, bool) {
        if self.closed || self.strands[source].is_short() {
            return (false, false);
        }
        let was_paused = self.strands[source].paused;
        let accepts = self.is_below(source, if was_paused { 2 } else { 1 });
        self.strands[source].paused = !accepts;
        (accepts, !accepts && !was_paused)
    }

    /// Whether reading of a source that pauses may go on.
    pub(super) fn may_resume(&self) -> bool {
        let sources = 0..self.strands.len();
        let mut paused = sources.filter(|source| self.strands[*source].paused);
        paused.any(|source| self.is_below(source, 2))
    }

    /// What waits of a source.
    pub(super) fn strand(&self, source: usize) -> &Strand {
        &self.strands[source]
    }

    /// A commit of a source up to `offset` is stored.
    pub(super) fn note_stored(&mut self, source: usize, offset: i64) {
        self.ledger.confirm(source, offset);
        let waits = self.strands[source].first_owed().is_some()
            || self.ledger.unsettled_of(source) > 0
            || self.ledger.unconfirmed(source).is_some();
        self.strands[source].progress.note_commit(waits);
    }

    /// Hands nothing out any more and drops what was not taken.
    pub(super) fn close(&mut self) {
        self.skip_to_ends();
        self.closed = true;
        self.strands.iter_mut().for_each(Strand::clear);
    }

    /// Lets sources of which nothing waits be committed up to where they end.
    pub(super) fn skip_to_ends(&mut self) {
        for source in 0..self.strands.len() {
            let strand = &self.strands[source];
            let end = strand.end.filter(|_| strand.is_empty() && !self.closed);
            if let Some(end) = end.filter(|end| *end >= strand.live()) {
                self.ledger.skip_to(source, end);
            }
        }
    }

    /// Notes the end of a batch of a source.
    pub(super) fn settle(&mut self, source: usize, sequence: u64, settled: Settled) {
        if self.ledger.settle(sequence, settled).is_err() {
            self.ledger.break_off();
            self.fail(Failure::Ledger { source });
        } else if settled == Settled::Failed {
            self.fail(Failure::Delivery);
        }
    }

    /// What was to be committed of a source was taken back, outputs included.
    pub(super) fn abandon(&mut self, source: usize) {
        self.ledger.break_off();
        self.fail(Failure::Abandoned { source });
    }

    /// Offsets of a source went back: the topic was made anew or truncated. What was settled is of other
    /// records, so nothing is committed any more.
    fn fall(&mut self, source: usize, expected: i64, found: i64) {
        self.ledger.break_off();
        self.fail(Failure::Fell {
            source,
            expected,
            found,
        });
    }

    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// The next batch, its source, and how many of its records belong before one that went earlier.
    fn next(&mut self) -> Option<(usize, RawBatch, usize)> {
        let Some(merge) = &mut self.merge else {
            return Some((0, self.strands[0].pop()?, 0));
        };
        let run = merge.choose(&self.strands)?;
        let strand = &mut self.strands[run.strand];
        let order = merge.hand_out(run, strand);
        let mut batch = strand.cut(run.records)?;
        if order.is_marked {
            batch.mark(Flags::REORDERED);
        }
        Some((run.strand, batch, order.reordered))
    }

    /// Whether the host must be told that something waits, if it `waits`.
    fn tell(&mut self, waits: bool) -> bool {
        let tell = waits && !self.scheduled && !self.closed;
        self.scheduled |= tell;
        tell
    }

    fn is_below(&self, source: usize, share: usize) -> bool {
        let limits = &self.limits;
        let strand = &self.strands[source];
        strand.records() < limits.pending_records_max / share
            && strand.bytes() < limits.pending_bytes_max / share
            && self.ledger.unsettled_records() < limits.unsettled_records_max / share
    }
}
