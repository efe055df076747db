//! Which offsets of a lane's sources may be committed.

use std::collections::VecDeque;

use tillwatch_records::Settled;

/// Batches that a lane took, in order, until they are settled. Only the end of the settled prefix may be
/// committed: outputs are acknowledged out of order, offsets are not committed so. The prefix is that of
/// the lane, over all its sources, so that what is committed of them is one cut through its records.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// One per source of the lane.
    sources: Vec<Standing>,
    /// Sequence number of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
    /// Sequence number of the first entry that is neither staged nor delivered, as far as was looked.
    unstaged: u64,
    /// Records in entries that are not settled.
    unsettled_records: usize,
    /// Source and first offset of the first batch that failed: nothing from there on may be committed.
    failed_at: Option<(usize, i64)>,
    /// Nothing is committed any more, settled or not.
    is_broken: bool,
    /// The partitions are another member's, perhaps: nothing is committed, but what settles is noted.
    is_over: bool,
}

/// A batch was settled that is not under way: twice, or never taken. What the ledger says is worth nothing
/// after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotUnderWay;

/// How far one source is.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// First offset of the first batch.
    began: Option<i64>,
    /// Records in its entries that are not settled.
    unsettled_records: usize,
    /// One past the last record of the settled prefix.
    committable: Option<i64>,
    /// What a commit was last asked for.
    requested: Option<i64>,
    /// What the broker confirmed.
    committed: Option<i64>,
}

#[derive(Debug)]
struct Entry {
    source: usize,
    first_offset: i64,
    next_offset: i64,
    records: usize,
    /// Kafka timestamp of the first record, if it has one.
    timestamp_ms: Option<i64>,
    /// What was made of it is in a transaction that is about to end.
    is_staged: bool,
    settled: Option<Settled>,
}

impl Ledger {
    /// A ledger of a lane of `sources` sources, which are counted from 0.
    pub(crate) fn new(sources: usize) -> Self {
        Self {
            sources: vec![Standing::default(); sources],
            first: 0,
            entries: VecDeque::new(),
            unstaged: 0,
            unsettled_records: 0,
            failed_at: None,
            is_broken: false,
            is_over: false,
        }
    }

    /// Notes a batch of `source` that leaves the inlet, whose first record is of `timestamp_ms`; its
    /// sequence number. The inlet hands out no offset below one that it has handed out.
    pub(crate) fn take(
        &mut self,
        source: usize,
        first_offset: i64,
        next_offset: i64,
        records: usize,
        timestamp_ms: Option<i64>,
    ) -> u64 {
        let standing = &mut self.sources[source];
        standing.began.get_or_insert(first_offset);
        standing.unsettled_records += records;
        self.unsettled_records += records;
        self.entries.push_back(Entry {
            source,
            first_offset,
            next_offset,
            records,
            timestamp_ms,
            is_staged: false,
            settled: None,
        });
        self.first + self.entries.len() as u64 - 1
    }

    /// Notes the end of a batch and moves the prefix on.
    pub(crate) fn settle(&mut self, sequence: u64, settled: Settled) -> Result<(), NotUnderWay> {
        let index = sequence.checked_sub(self.first).map(|index| index as usize);
        let entry = index.and_then(|index| self.entries.get_mut(index));
        let entry = entry.filter(|entry| entry.settled.is_none());
        let entry = entry.ok_or(NotUnderWay)?;
        entry.settled = Some(settled);
        if settled == Settled::Failed {
            self.unstaged = self.unstaged.min(sequence);
        }
        self.unsettled_records -= entry.records;
        self.sources[entry.source].unsettled_records -= entry.records;
        while let Some(entry) = self.entries.front() {
            match entry.settled {
                Some(Settled::Delivered) => {
                    self.sources[entry.source].committable = Some(entry.next_offset);
                    self.entries.pop_front();
                    self.first += 1;
                }
                Some(Settled::Failed) => {
                    self.failed_at
                        .get_or_insert((entry.source, entry.first_offset));
                    break;
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Notes that what was made of a batch is in a transaction that is about to end. Source and offset to
    /// store in it, when every batch before it is delivered or staged, too.
    pub(crate) fn stage(&mut self, sequence: u64) -> Option<(usize, i64)> {
        let index = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.entries.get_mut(index)?.is_staged = true;
        if self.is_broken || self.is_over {
            return None;
        }
        self.unstaged = self.unstaged.max(self.first);
        while let Some(entry) = self.entries.get((self.unstaged - self.first) as usize) {
            let is_delivered = entry.settled == Some(Settled::Delivered);
            let is_failed = entry.settled == Some(Settled::Failed);
            if is_failed || !(entry.is_staged || is_delivered) {
                break;
            }
            self.unstaged += 1;
        }
        let entry = &self.entries[index];
        (sequence < self.unstaged).then_some((entry.source, entry.next_offset))
    }

    /// Reading of `source` began at `offset`: it may be committed, since nothing of it was taken yet.
    pub(crate) fn begin_at(&mut self, source: usize, offset: i64) {
        let standing = &mut self.sources[source];
        if standing.began.is_none() {
            standing.committable.get_or_insert(offset);
        }
    }

    /// Everything of `source` below `offset` was read and there is nothing to do for it: control records
    /// of transactions. Counts once everything that was taken is delivered; `false` when it is not.
    pub(crate) fn skip_to(&mut self, source: usize, offset: i64) -> bool {
        let is_done = self.entries.is_empty();
        let standing = &mut self.sources[source];
        if is_done && standing.committable.is_none_or(|at| at < offset) {
            standing.committable = Some(offset);
        }
        is_done
    }

    /// Nothing is committed from here on, not even what has settled.
    pub(crate) fn break_off(&mut self) {
        self.is_broken = true;
    }

    /// Nothing is committed from here on. What was taken may still be delivered, which is noted.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    /// First offset of `source` that is not safe: the end of what was committed, or where the first batch
    /// began.
    pub(crate) fn first_unsafe(&self, source: usize) -> i64 {
        let standing = &self.sources[source];
        standing.committed.or(standing.began).unwrap_or(0)
    }

    /// Source and first offset of the failed batch at the end of the settled prefix, or of any failed batch.
    pub(crate) fn failed_at(&self) -> Option<(usize, i64)> {
        self.failed_at.or_else(|| {
            let failed = |entry: &&Entry| entry.settled == Some(Settled::Failed);
            let entry = self.entries.iter().find(failed)?;
            Some((entry.source, entry.first_offset))
        })
    }

    /// One past the last record of the settled prefix of `source`; where its first batch began when nothing
    /// of it has settled.
    pub(crate) fn settled_to(&self, source: usize) -> Option<i64> {
        let standing = &self.sources[source];
        standing.committable.or(standing.began)
    }

    /// Kafka timestamp of the first record of `source` that is not settled, where it has one.
    pub(crate) fn oldest_ms(&self, source: usize) -> Option<i64> {
        let mut waiting = self.entries.iter();
        let waits = |entry: &&Entry| entry.source == source && entry.settled.is_none();
        waiting.find(waits)?.timestamp_ms
    }

    /// Records that were taken and are not settled.
    pub(crate) fn unsettled_records(&self) -> usize {
        self.unsettled_records
    }

    /// Records of `source` among them.
    pub(crate) fn unsettled_of(&self, source: usize) -> usize {
        self.sources[source].unsettled_records
    }

    /// Offset of `source` to commit now, when there is news since the last request.
    pub(crate) fn request(&mut self, source: usize) -> Option<i64> {
        let standing = &mut self.sources[source];
        let is_asked = standing.committable == standing.requested;
        // A transaction stores offsets without being asked to.
        let is_stored = standing.committable == standing.committed;
        if self.is_broken || self.is_over || is_asked || is_stored {
            return None;
        }
        standing.requested = standing.committable;
        standing.committable
    }

    /// Offset of `source` that the broker has not confirmed, whether asked for or not.
    pub(crate) fn unconfirmed(&self, source: usize) -> Option<i64> {
        let standing = &self.sources[source];
        standing
            .committable
            .filter(|_| !self.is_broken && standing.committable != standing.committed)
    }

    /// Whether an offset of `source` was asked for and is not answered yet.
    pub(crate) fn is_asking(&self, source: usize) -> bool {
        let standing = &self.sources[source];
        standing.requested.is_some() && standing.requested != standing.committed
    }

    /// Whether everything that was taken is delivered, and nothing is wrong.
    pub(crate) fn is_delivered(&self) -> bool {
        self.entries.is_empty() && !self.is_broken
    }

    /// Whether something that was taken is never delivered, or nobody knows.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_broken || self.failed_at().is_some()
    }

    /// One past the last offset of `source` that is done; `None` where nothing is.
    pub(crate) fn done_to(&self, source: usize) -> Option<i64> {
        self.sources[source].committable
    }

    /// The broker stored `offset` for `source`.
    pub(crate) fn confirm(&mut self, source: usize, offset: i64) {
        let standing = &mut self.sources[source];
        standing.committed = standing.committed.max(Some(offset));
    }

    /// A commit of `source` failed: ask again next time.
    pub(crate) fn forget_request(&mut self, source: usize) {
        let standing = &mut self.sources[source];
        standing.requested = standing.committed;
    }

    /// What the broker confirmed last of `source`.
    pub(crate) fn committed(&self, source: usize) -> Option<i64> {
        self.sources[source].committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_the_settled_prefix_only() {
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 0, 10, 10, None);
        let b = ledger.take(0, 10, 15, 5, None);
        let c = ledger.take(0, 15, 16, 1, None);
        assert_eq!(ledger.unsettled_records(), 16);
        ledger.settle(b, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(0), None);
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(0), Some(15));
        assert_eq!(ledger.request(0), None);
        ledger.settle(c, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(0), Some(16));
        assert_eq!(ledger.unsettled_records(), 0);
    }

    #[test]
    fn never_passes_a_failed_batch() {
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 0, 10, 10, None);
        let b = ledger.take(0, 10, 20, 10, None);
        let c = ledger.take(0, 20, 30, 10, None);
        ledger.settle(c, Settled::Delivered).unwrap();
        ledger.settle(b, Settled::Failed).unwrap();
        assert_eq!(ledger.failed_at(), Some((0, 10)));
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(0), Some(10));
        assert_eq!(ledger.failed_at(), Some((0, 10)));
    }

    #[test]
    fn asks_again_after_a_refused_commit() {
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 5, 6, 1, None);
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(0), Some(6));
        ledger.forget_request(0);
        assert_eq!(ledger.request(0), Some(6));
        ledger.confirm(0, 6);
        ledger.forget_request(0);
        assert_eq!(ledger.request(0), None);
    }

    #[test]
    fn a_batch_settles_once() {
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 0, 10, 10, None);
        let b = ledger.take(0, 10, 20, 10, None);
        ledger.settle(b, Settled::Delivered).unwrap();
        assert_eq!(ledger.settle(b, Settled::Delivered), Err(NotUnderWay));
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.settle(a, Settled::Delivered), Err(NotUnderWay));
        assert_eq!(ledger.settle(b + 1, Settled::Delivered), Err(NotUnderWay));
        // The ledger stayed whole.
        assert_eq!(ledger.unsettled_records(), 0);
        assert_eq!(ledger.request(0), Some(20));
    }

    #[test]
    fn commits_nothing_once_it_is_broken_off() {
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 7, 10, 3, None);
        ledger.settle(a, Settled::Delivered).unwrap();
        ledger.break_off();
        assert_eq!(ledger.request(0), None);
        assert_eq!(ledger.unconfirmed(0), None);
    }

    #[test]
    fn what_settles_after_the_end_is_noted_and_not_committed() {
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 7, 10, 3, None);
        ledger.end();
        assert_eq!(ledger.stage(a), None);
        assert!(!ledger.is_delivered());
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(0), None);
        assert!(ledger.is_delivered() && !ledger.is_given_up());
        assert_eq!(ledger.done_to(0), Some(10));
        let b = ledger.take(0, 10, 12, 2, None);
        let c = ledger.take(0, 12, 13, 1, None);
        ledger.settle(c, Settled::Failed).unwrap();
        assert!(!ledger.is_delivered() && ledger.is_given_up());
        ledger.settle(b, Settled::Delivered).unwrap();
        assert!(!ledger.is_delivered() && ledger.is_given_up());
    }

    #[test]
    fn a_staged_batch_has_an_offset_when_all_before_it_are_staged_or_delivered() {
        let mut ledger = Ledger::new(2);
        let a = ledger.take(0, 0, 10, 10, None);
        let b = ledger.take(1, 70, 71, 1, None);
        let c = ledger.take(0, 10, 20, 10, None);
        let d = ledger.take(0, 20, 30, 10, None);
        assert_eq!(ledger.stage(c), None, "two before it are under way");
        assert_eq!(ledger.stage(a), Some((0, 10)));
        // It made no output.
        ledger.settle(b, Settled::Delivered).unwrap();
        assert_eq!(ledger.stage(c), Some((0, 20)));
        // Another attempt of the same transaction.
        assert_eq!(ledger.stage(a), Some((0, 10)));
        assert_eq!((ledger.request(0), ledger.request(1)), (None, None));
        ledger.settle(a, Settled::Delivered).unwrap();
        ledger.settle(c, Settled::Failed).unwrap();
        assert_eq!(ledger.stage(a), None, "it is over");
        assert_eq!(ledger.stage(d), None, "the one before it was given up");
    }

    #[test]
    fn nothing_behind_a_failed_batch_is_staged() {
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 0, 10, 10, None);
        let b = ledger.take(0, 10, 20, 10, None);
        ledger.settle(a, Settled::Failed).unwrap();
        assert_eq!(ledger.stage(b), None);
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 0, 10, 10, None);
        assert_eq!(ledger.stage(a), Some((0, 10)));
        ledger.break_off();
        assert_eq!(ledger.stage(a), None);
    }

    #[test]
    fn what_is_stored_unasked_is_not_asked_for() {
        let mut ledger = Ledger::new(1);
        let a = ledger.take(0, 0, 10, 10, None);
        ledger.confirm(0, 10);
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!((ledger.request(0), ledger.unconfirmed(0)), (None, None));
    }

    #[test]
    fn what_is_committed_of_several_sources_is_one_cut() {
        let mut ledger = Ledger::new(2);
        let a = ledger.take(0, 0, 10, 10, None);
        let b = ledger.take(1, 70, 71, 1, None);
        let c = ledger.take(0, 10, 20, 10, None);
        ledger.settle(a, Settled::Delivered).unwrap();
        ledger.settle(c, Settled::Delivered).unwrap();
        // The second source's record lies between the two runs of the first.
        assert_eq!((ledger.request(0), ledger.request(1)), (Some(10), None));
        ledger.settle(b, Settled::Delivered).unwrap();
        assert_eq!((ledger.request(0), ledger.request(1)), (Some(20), Some(71)));
        ledger.confirm(0, 20);
        ledger.forget_request(1);
        assert_eq!((ledger.request(0), ledger.request(1)), (None, Some(71)));
        assert_eq!((ledger.first_unsafe(0), ledger.first_unsafe(1)), (20, 70));
    }

    #[test]
    fn a_failed_run_holds_back_every_source() {
        let mut ledger = Ledger::new(2);
        let a = ledger.take(1, 5, 6, 1, None);
        let b = ledger.take(0, 0, 9, 9, None);
        assert_eq!((ledger.unsettled_of(0), ledger.unsettled_of(1)), (9, 1));
        ledger.settle(b, Settled::Delivered).unwrap();
        ledger.settle(a, Settled::Failed).unwrap();
        assert_eq!(ledger.failed_at(), Some((1, 5)));
        assert_eq!((ledger.request(0), ledger.request(1)), (None, None));
    }

    #[test]
    fn what_needs_no_work_is_committed_when_all_before_it_is_delivered() {
        let mut ledger = Ledger::new(1);
        ledger.begin_at(0, 40);
        assert_eq!(ledger.request(0), Some(40));
        let a = ledger.take(0, 40, 43, 3, None);
        assert!(!ledger.skip_to(0, 44), "a record before it is under way");
        assert_eq!(ledger.unconfirmed(0), Some(40));
        ledger.settle(a, Settled::Delivered).unwrap();
        ledger.begin_at(0, 41);
        assert_eq!(ledger.request(0), Some(43));
        assert!(ledger.skip_to(0, 44));
        assert!(ledger.skip_to(0, 41), "it never goes back");
        assert_eq!(ledger.request(0), Some(44));
    }
}
