//! A record as far as its id tells what it is, and what is kept of one that is accepted.

use bytemuck::{Pod, Zeroable};

use crate::structures::table::pod_map::Value;
use crate::times::NEVER_MS;
use crate::words::{get64, halves, set64, whole};

/// Bytes of an id in a list.
pub(crate) const ID_BYTES: usize = size_of::<Id>();

/// A record as far as its id tells what it is, and the times that decide what its key knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    /// Hash of the id; 0 where the record has none.
    pub(crate) id: u64,
    /// Hash of what the record says besides its time.
    pub(crate) content: u32,
    /// Whether the message says that it is sent again: then its time may be another.
    pub(crate) is_repeat: bool,
    /// Event time of the record.
    pub(crate) now_ms: i64,
    /// The newest event time of the key.
    pub(crate) newest_ms: i64,
    /// What lies before it may be forgotten.
    pub(crate) oldest_ms: i64,
}

/// What is kept of an accepted record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Event time.
    pub(super) time_ms: i64,
    /// Hash of what it said besides.
    pub(super) content: u32,
}

/// What a record is kept under, and what is kept of it, as words, so that nothing is left free between ids.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Id {
    pub(super) hash: [u32; 2],
    time_ms: [u32; 2],
    content: u32,
}

/// Ids within the horizon that were forgotten, since there were more than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) count: u64,
    /// Newest event time among them; [`NEVER_MS`] for none.
    pub(crate) newest_ms: i64,
}

/// Milliseconds of a second. Records are compared to the second, as DE7 tells when a message was sent: two
/// systems that pass it on may differ in what they add to that.
const SECOND_MS: i64 = 1000;

impl Named {
    /// The second of its event time.
    #[inline]
    pub(super) fn second(&self) -> i64 {
        self.kept().second()
    }

    #[inline]
    pub(super) fn kept(&self) -> Kept {
        Kept {
            time_ms: self.now_ms,
            content: self.content,
        }
    }
}

impl Kept {
    /// The second of its event time.
    #[inline]
    pub(super) fn second(&self) -> i64 {
        self.time_ms.div_euclid(SECOND_MS)
    }
}

impl Forgotten {
    pub(crate) const NONE: Self = Self {
        count: 0,
        newest_ms: NEVER_MS,
    };

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            newest_ms: self.newest_ms.max(other.newest_ms),
        }
    }
}

impl Id {
    #[inline]
    pub(super) fn of(hash: u64, kept: Kept) -> Self {
        Self {
            hash: halves(hash),
            time_ms: halves(kept.time_ms.cast_unsigned()),
            content: kept.content,
        }
    }

    #[inline]
    pub(super) fn kept(&self) -> Kept {
        Kept {
            time_ms: whole(self.time_ms).cast_signed(),
            content: self.content,
        }
    }
}

impl Value for Kept {
    const WORDS: usize = 3;

    #[inline]
    fn get(words: &[u32]) -> Self {
        Self {
            time_ms: get64(words, 0).cast_signed(),
            content: words[2],
        }
    }

    #[inline]
    fn put(self, words: &mut [u32]) {
        set64(words, 0, self.time_ms.cast_unsigned());
        words[2] = self.content;
    }
}
