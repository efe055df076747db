//! What is counted of a partition and read without its lock.

use std::sync::atomic::{AtomicI64, AtomicU64};

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
}
