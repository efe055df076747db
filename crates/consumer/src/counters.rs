//! What is counted of a partition and read without its lock; how far its commits are; errors by cause.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use tillwatch_kafka::{Trouble, now};

/// Stands for an offset that is not known yet.
pub(crate) const UNKNOWN: i64 = -1;

/// Counted since the assignment.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) pauses: AtomicU64,
    /// Records that were deleted before they were read.
    pub(crate) lost: AtomicU64,
    /// Records handed out behind one of another source that they belong before.
    pub(crate) reordered: AtomicU64,
    /// One past the last offset received; where the source ends when all up to there was received.
    pub(crate) position: AtomicI64,
    /// First offset that the broker still holds.
    pub(crate) low_watermark: AtomicI64,
    /// One past the last offset that the broker holds.
    pub(crate) high_watermark: AtomicI64,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            pauses: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            reordered: AtomicU64::new(0),
            position: AtomicI64::new(UNKNOWN),
            low_watermark: AtomicI64::new(UNKNOWN),
            high_watermark: AtomicI64::new(UNKNOWN),
        }
    }

    /// First offset that the broker still holds, where it is known.
    pub(crate) fn low(&self) -> Option<i64> {
        let low = self.low_watermark.load(Ordering::Relaxed);
        (low != UNKNOWN).then_some(low)
    }
}

/// What is known of a partition's commits since the assignment. Part of an inlet's state, under its lock.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Since when something waits to be committed and the committed offset has not moved.
    pub(crate) stalled_since: Option<Instant>,
    /// When the broker last confirmed a commit.
    pub(crate) committed_at: Option<Instant>,
}

impl Progress {
    /// Records have arrived.
    pub(crate) fn note_arrival(&mut self) {
        if self.stalled_since.is_none() {
            self.stalled_since = Some(now());
        }
    }

    /// The broker has confirmed a commit; `waits` when something else is to be committed.
    pub(crate) fn note_commit(&mut self, waits: bool) {
        let at = now();
        self.committed_at = Some(at);
        self.stalled_since = waits.then_some(at);
    }
}

/// What an error of the client is about, as metrics count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCause {
    /// The broker refuses who we are: TLS or SASL.
    Authentication,
    /// The broker knows us and does not let us.
    Authorization,
    /// A topic or partition is not there.
    TopicMissing,
    /// No broker can be reached.
    BrokersDown,
    /// The client cannot go on.
    Fatal,
    /// Anything else: the client tries again by itself.
    Other,
}

impl ErrorCause {
    /// Every cause.
    pub const ALL: [Self; 6] = [
        Self::Authentication,
        Self::Authorization,
        Self::TopicMissing,
        Self::BrokersDown,
        Self::Fatal,
        Self::Other,
    ];

    /// The name on metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::TopicMissing => "topic_missing",
            Self::BrokersDown => "brokers_down",
            Self::Fatal => "fatal",
            Self::Other => "other",
        }
    }

    /// What `trouble` counts as.
    pub(crate) fn of(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Authentication => Self::Authentication,
            Trouble::Authorization => Self::Authorization,
            Trouble::TopicMissing => Self::TopicMissing,
            Trouble::BrokersDown => Self::BrokersDown,
            Trouble::Fatal => Self::Fatal,
            _ => Self::Other,
        }
    }
}
