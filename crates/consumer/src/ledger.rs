//! Which offsets of a partition may be committed.

use std::collections::VecDeque;

use tillwatch_records::Settled;

/// Batches that were taken, in order, until they are settled. Only the end of the settled prefix may
/// be committed: outputs are acknowledged out of order, offsets are not committed so.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// First offset of the first batch.
    began: Option<i64>,
    /// Sequence number of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
    /// Records in entries that are not settled.
    unsettled_records: usize,
    /// One past the last record of the settled prefix.
    committable: Option<i64>,
    /// What a commit was last asked for.
    requested: Option<i64>,
    /// What the broker confirmed.
    committed: Option<i64>,
    /// First offset of the first batch that failed: nothing from there on may be committed.
    failed_at: Option<i64>,
    /// Nothing is committed any more, settled or not.
    is_broken: bool,
}

/// A batch was settled that is not under way: twice, or never taken. What the ledger says is worth nothing
/// after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotUnderWay;

#[derive(Debug)]
struct Entry {
    first_offset: i64,
    next_offset: i64,
    records: usize,
    settled: Option<Settled>,
}

impl Ledger {
    /// Notes a batch that leaves the inlet; its sequence number.
    pub(crate) fn take(&mut self, first_offset: i64, next_offset: i64, records: usize) -> u64 {
        debug_assert!(first_offset < next_offset);
        debug_assert!(
            self.entries
                .back()
                .is_none_or(|last| last.next_offset <= first_offset)
        );
        self.began.get_or_insert(first_offset);
        self.unsettled_records += records;
        self.entries.push_back(Entry {
            first_offset,
            next_offset,
            records,
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
        self.unsettled_records -= entry.records;
        while let Some(entry) = self.entries.front() {
            match entry.settled {
                Some(Settled::Delivered) => {
                    self.committable = Some(entry.next_offset);
                    self.entries.pop_front();
                    self.first += 1;
                }
                Some(Settled::Failed) => {
                    self.failed_at.get_or_insert(entry.first_offset);
                    break;
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Nothing is committed from here on, not even what has settled.
    pub(crate) fn break_off(&mut self) {
        self.is_broken = true;
    }

    /// First offset that is not safe: the end of what was committed, or where the first batch began.
    pub(crate) fn first_unsafe(&self) -> i64 {
        self.committed.or(self.began).unwrap_or(0)
    }

    /// First offset of the failed batch at the end of the settled prefix, or of any failed batch.
    pub(crate) fn failed_at(&self) -> Option<i64> {
        self.failed_at.or_else(|| {
            let failed = |entry: &&Entry| entry.settled == Some(Settled::Failed);
            self.entries
                .iter()
                .find(failed)
                .map(|entry| entry.first_offset)
        })
    }

    /// Records that were taken and are not settled.
    pub(crate) fn unsettled_records(&self) -> usize {
        self.unsettled_records
    }

    /// Offset to commit now, when there is news since the last request.
    pub(crate) fn request(&mut self) -> Option<i64> {
        if self.is_broken || self.committable == self.requested {
            return None;
        }
        self.requested = self.committable;
        self.committable
    }

    /// Offset that the broker has not confirmed, whether asked for or not.
    pub(crate) fn unconfirmed(&self) -> Option<i64> {
        self.committable
            .filter(|_| !self.is_broken && self.committable != self.committed)
    }

    /// The broker stored `offset`.
    pub(crate) fn confirm(&mut self, offset: i64) {
        self.committed = self.committed.max(Some(offset));
    }

    /// A commit failed: ask again next time.
    pub(crate) fn forget_request(&mut self) {
        self.requested = self.committed;
    }

    /// What the broker confirmed last.
    pub(crate) fn committed(&self) -> Option<i64> {
        self.committed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_the_settled_prefix_only() {
        let mut ledger = Ledger::default();
        let a = ledger.take(0, 10, 10);
        let b = ledger.take(10, 15, 5);
        let c = ledger.take(15, 16, 1);
        assert_eq!(ledger.unsettled_records(), 16);
        ledger.settle(b, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(), None);
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(), Some(15));
        assert_eq!(ledger.request(), None);
        ledger.settle(c, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(), Some(16));
        assert_eq!(ledger.unsettled_records(), 0);
    }

    #[test]
    fn never_passes_a_failed_batch() {
        let mut ledger = Ledger::default();
        let a = ledger.take(0, 10, 10);
        let b = ledger.take(10, 20, 10);
        let c = ledger.take(20, 30, 10);
        ledger.settle(c, Settled::Delivered).unwrap();
        ledger.settle(b, Settled::Failed).unwrap();
        assert_eq!(ledger.failed_at(), Some(10));
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(), Some(10));
        assert_eq!(ledger.failed_at(), Some(10));
    }

    #[test]
    fn asks_again_after_a_refused_commit() {
        let mut ledger = Ledger::default();
        let a = ledger.take(5, 6, 1);
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.request(), Some(6));
        ledger.forget_request();
        assert_eq!(ledger.request(), Some(6));
        ledger.confirm(6);
        ledger.forget_request();
        assert_eq!(ledger.request(), None);
    }

    #[test]
    fn a_batch_settles_once() {
        let mut ledger = Ledger::default();
        let a = ledger.take(0, 10, 10);
        let b = ledger.take(10, 20, 10);
        ledger.settle(b, Settled::Delivered).unwrap();
        assert_eq!(ledger.settle(b, Settled::Delivered), Err(NotUnderWay));
        ledger.settle(a, Settled::Delivered).unwrap();
        assert_eq!(ledger.settle(a, Settled::Delivered), Err(NotUnderWay));
        assert_eq!(ledger.settle(b + 1, Settled::Delivered), Err(NotUnderWay));
        // The ledger stayed whole.
        assert_eq!(ledger.unsettled_records(), 0);
        assert_eq!(ledger.request(), Some(20));
    }

    #[test]
    fn commits_nothing_once_it_is_broken_off() {
        let mut ledger = Ledger::default();
        let a = ledger.take(7, 10, 3);
        ledger.settle(a, Settled::Delivered).unwrap();
        ledger.break_off();
        assert_eq!(ledger.request(), None);
        assert_eq!(ledger.unconfirmed(), None);
    }
}
