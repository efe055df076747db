//! What went out, counted for export as metrics.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;

use crate::status::Cause;

/// Distinct dead-letter reasons that are counted apart; what comes after is counted as `other`, so
/// that a metric's labels stay bounded.
pub const REASONS_COUNTED_MAX: usize = 64;

/// How a record that was handed over came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is where it belongs.
    Delivered,
    /// It was refused in every form. Its input counts as done.
    Dropped,
    /// It was given up. Its input is read again.
    Failed,
}

/// Running totals of one sink. Every number only grows, but for `in_flight` and the queued bytes.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) scores: AtomicU64,
    pub(crate) alerts: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Records ever taken; those delivered are this less `failed`, `dropped` and `in_flight`.
    taken: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) full_waits: AtomicU64,
    /// Bytes of key and value in flight, of sinks that know them.
    queued_bytes: AtomicU64,
    errors: [AtomicU64; Cause::ALL.len()],
    reduced: AtomicU64,
    dropped: AtomicU64,
    transactions_committed: AtomicU64,
    transactions_aborted: [AtomicU64; AbortCause::ALL.len()],
    /// Microseconds from the beginning of transactions to their commit.
    transactions_us: AtomicU64,
    dead_letters: Mutex<BTreeMap<String, u64>>,
}

/// The totals at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountersSnapshot {
    /// Scores taken.
    pub scores: u64,
    /// Alerts taken.
    pub alerts: u64,
    /// Dead letters taken, by reason.
    pub dead_letters: BTreeMap<String, u64>,
    /// Bytes of encoded keys and values (of encoded lines for files; of arrays for Parquet).
    pub bytes: u64,
    /// Records handed over and not yet acknowledged.
    pub in_flight: u64,
    /// Records acknowledged.
    pub delivered: u64,
    /// Records given up: their input is read again.
    pub failed: u64,
    /// Times that a writer had to wait because the sink was full.
    pub full_waits: u64,
    /// Refusals and troubles of the client, by the number of their [`Cause`]: one for each record that was
    /// refused, each time.
    pub errors: [u64; Cause::ALL.len()],
    /// Records acknowledged in a reduced form, because the whole one was refused.
    pub reduced: u64,
    /// Records refused in every form. Their input counts as done, so they are not among `failed`.
    pub dropped: u64,
    /// Transactions, of a sink that writes in them.
    pub transactions: TransactionCounts,
}

/// Transactions that were ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionCounts {
    /// Those that committed.
    pub committed: u64,
    /// From their beginning to their commit, all together.
    pub took: Duration,
    /// Attempts that were aborted and made again, by the number of their [`AbortCause`].
    pub aborted: [u64; AbortCause::ALL.len()],
}

/// Why a transaction was aborted: one of few, fit for a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortCause {
    /// A broker refused a record for its own sake.
    Refused,
    /// A topic, a right or a broker was missing.
    Cluster,
    /// The group did not take the offsets: it was sharing partitions out, or it has removed us.
    Group,
    /// A partition left while the transaction held something of it.
    Left,
    /// The transaction was open for longer than its time-out, or another process has our transactional id.
    Fenced,
    /// Anything else.
    Other,
}

impl Counters {
    /// The totals now. Numbers that belong together may be apart by what is being written.
    pub fn snapshot(&self) -> CountersSnapshot {
        let (failed, in_flight) = (self.failed.load(Relaxed), self.in_flight.load(Relaxed));
        let (taken, dropped) = (self.taken.load(Relaxed), self.dropped.load(Relaxed));
        CountersSnapshot {
            scores: self.scores.load(Relaxed),
            alerts: self.alerts.load(Relaxed),
            dead_letters: self.dead_letters.lock().clone(),
            bytes: self.bytes.load(Relaxed),
            in_flight,
            delivered: taken.saturating_sub(failed + dropped + in_flight),
            failed,
            full_waits: self.full_waits.load(Relaxed),
            errors: self.errors.each_ref().map(|count| count.load(Relaxed)),
            reduced: self.reduced.load(Relaxed),
            dropped,
            transactions: TransactionCounts {
                committed: self.transactions_committed.load(Relaxed),
                took: Duration::from_micros(self.transactions_us.load(Relaxed)),
                aborted: self
                    .transactions_aborted
                    .each_ref()
                    .map(|count| count.load(Relaxed)),
            },
        }
    }

    pub(crate) fn error(&self, cause: Cause) {
        self.errors[cause as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn reduced(&self) {
        self.reduced.fetch_add(1, Relaxed);
    }

    /// A transaction has committed, so long after its beginning.
    pub(crate) fn committed(&self, took: Duration) {
        self.transactions_committed.fetch_add(1, Relaxed);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.transactions_us.fetch_add(us, Relaxed);
    }

    pub(crate) fn aborted(&self, cause: AbortCause) {
        self.transactions_aborted[cause as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn dead_letter(&self, reason: &str) {
        let mut counted = self.dead_letters.lock();
        if let Some(count) = counted.get_mut(reason) {
            *count += 1;
        } else {
            let known = if counted.len() < REASONS_COUNTED_MAX {
                reason
            } else {
                "other"
            };
            *counted.entry(known.to_owned()).or_default() += 1;
        }
    }

    pub(crate) fn batch(&self, scores: usize, alerts: usize) {
        self.scores.fetch_add(scores as u64, Relaxed);
        self.alerts.fetch_add(alerts as u64, Relaxed);
    }

    pub(crate) fn taken(&self, records: usize, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.taken.fetch_add(records as u64, Relaxed);
        self.in_flight.fetch_add(records as u64, SeqCst);
    }

    /// Records done with, delivered or given up.
    pub(crate) fn done(&self) -> u64 {
        let in_flight = self.in_flight.load(SeqCst);
        self.taken.load(Relaxed).saturating_sub(in_flight)
    }

    /// Bytes of key and value in flight.
    pub(crate) fn queued_bytes(&self) -> u64 {
        self.queued_bytes.load(Relaxed)
    }

    /// Bytes of key and value that go into flight.
    pub(crate) fn queue(&self, bytes: usize) {
        self.queued_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Bytes of key and value that are in flight no more.
    pub(crate) fn unqueue(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes as u64, Relaxed);
    }

    /// Takes `records` out of flight; gives how many are left there.
    pub(crate) fn settled(&self, records: usize, outcome: Outcome) -> u64 {
        let records = records as u64;
        match outcome {
            Outcome::Delivered => {}
            Outcome::Dropped => _ = self.dropped.fetch_add(records, Relaxed),
            Outcome::Failed => _ = self.failed.fetch_add(records, Relaxed),
        }
        self.in_flight.fetch_sub(records, SeqCst) - records
    }
}

impl CountersSnapshot {
    /// Adds the totals of another sink, for one figure over several.
    pub fn add(&mut self, other: &Self) {
        self.scores += other.scores;
        self.alerts += other.alerts;
        for (reason, count) in &other.dead_letters {
            *self.dead_letters.entry(reason.clone()).or_default() += count;
        }
        self.bytes += other.bytes;
        self.in_flight += other.in_flight;
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.full_waits += other.full_waits;
        for (total, count) in self.errors.iter_mut().zip(other.errors) {
            *total += count;
        }
        self.reduced += other.reduced;
        self.dropped += other.dropped;
        let (total, added) = (&mut self.transactions, &other.transactions);
        total.committed += added.committed;
        total.took += added.took;
        for (total, count) in total.aborted.iter_mut().zip(added.aborted) {
            *total += count;
        }
    }
}

impl AbortCause {
    /// Every cause, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Refused,
        Self::Cluster,
        Self::Group,
        Self::Left,
        Self::Fenced,
        Self::Other,
    ];

    /// The name as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Cluster => "cluster",
            Self::Group => "group",
            Self::Left => "partition_left",
            Self::Fenced => "fenced",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for AbortCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
