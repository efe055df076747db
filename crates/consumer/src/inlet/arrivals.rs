//! How long the records of a source have waited.

use std::collections::VecDeque;
use std::time::Duration;

/// When the records arrived that wait, of a source among others.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Records, oldest first, that have waited for as long as a record must.
    matured: usize,
    /// When others arrived and how many at once, oldest first. Not more than there are records that
    /// wait, whose number is bounded.
    others: VecDeque<(Duration, usize)>,
    /// Records in `others`.
    counted: usize,
}

impl Arrivals {
    /// `waiting` records wait at `at`; those that were not seen before arrived just then.
    pub(super) fn note(&mut self, at: Duration, waiting: usize) {
        let new = waiting.saturating_sub(self.matured + self.counted);
        if new > 0 {
            self.others.push_back((at, new));
            self.counted += new;
        }
    }

    /// Takes note of what has waited for `wait` at `at`.
    pub(super) fn mature(&mut self, at: Duration, wait: Duration) {
        while let Some((arrived, records)) = self.others.front()
            && *arrived + wait <= at
        {
            self.matured += records;
            self.counted -= records;
            self.others.pop_front();
        }
    }

    /// Records, oldest first, that have waited for as long as a record must.
    pub(super) fn matured(&self) -> usize {
        self.matured
    }

    /// When the next ones have waited for `wait`.
    pub(super) fn next_at(&self, wait: Duration) -> Option<Duration> {
        self.others.front().map(|(arrived, _)| *arrived + wait)
    }

    /// The oldest `records` wait no more.
    pub(super) fn take(&mut self, records: usize) {
        let matured = records.min(self.matured);
        self.matured -= matured;
        let mut left = records - matured;
        while left > 0
            && let Some((_, waiting)) = self.others.front_mut()
        {
            let taken = left.min(*waiting);
            *waiting -= taken;
            left -= taken;
            self.counted -= taken;
            if *waiting == 0 {
                self.others.pop_front();
            }
        }
    }

    /// Nothing waits any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn every_record_waits_from_its_own_arrival() {
        let mut arrivals = Arrivals::default();
        arrivals.note(ms(0), 3);
        arrivals.note(ms(5), 3);
        arrivals.note(ms(8), 5);
        arrivals.mature(ms(9), ms(10));
        assert_eq!(
            (arrivals.matured(), arrivals.next_at(ms(10))),
            (0, Some(ms(10)))
        );
        arrivals.mature(ms(10), ms(10));
        assert_eq!(
            (arrivals.matured(), arrivals.next_at(ms(10))),
            (3, Some(ms(18)))
        );
        arrivals.take(2);
        assert_eq!(arrivals.matured(), 1);
        // More than have matured, as when their order is certain; one of them was not noted.
        arrivals.take(3);
        assert_eq!((arrivals.matured(), arrivals.next_at(ms(10))), (0, None));
        arrivals.note(ms(20), 1);
        arrivals.mature(ms(30), ms(10));
        assert_eq!(arrivals.matured(), 1);
    }
}
