//! What is counted of a partition and read without its lock.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

/// Stands for an offset that is not known yet.
pub(crate) const UNKNOWN: i64 = -1;

/// Counted since the assignment.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) pauses: AtomicU64,
    /// One past the last offset received.
    pub(crate) position: AtomicI64,
    /// First offset that the broker still holds.
    pub(crate) low_watermark: AtomicI64,
    /// One past the last offset that the broker holds.
    pub(crate) high_watermark: AtomicI64,
    /// `State::failure` holds something: looked at in every turn of the poll thread, without the lock.
    pub(crate) failed: AtomicBool,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            pauses: AtomicU64::new(0),
            position: AtomicI64::new(UNKNOWN),
            low_watermark: AtomicI64::new(UNKNOWN),
            high_watermark: AtomicI64::new(UNKNOWN),
            failed: AtomicBool::new(false),
        }
    }
}
