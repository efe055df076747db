//! A record on its way into the state of its key.

use crate::inputs::Inputs;
use crate::plan::{CountedBy, End};
use crate::state::Cohorts;

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Not older than the key's watermark: remembered, and the windows move.
    InOrder,
    /// Older, but within the allowed lateness: remembered at its place.
    Late,
    /// Read, not remembered; a duplicate is not in its own windows, since its first record is.
    Refused {
        /// Whether the record is in its own windows.
        with_current: bool,
    },
}

/// A record to fold.
pub(crate) struct Record<'a> {
    pub(crate) now_ms: i64,
    /// What it contributes, in the plan's layout; what only its key can tell is filled in.
    pub(crate) delta: &'a mut [u32],
    pub(crate) admission: Admission,
    /// Whether its event id was accepted before with another content.
    pub(crate) is_reused: bool,
    /// Row of the batch.
    pub(crate) row: usize,
}

/// What features are read from besides the key: the batch and what its lane remembers.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    /// One per [`Plan::cohorts`].
    pub(crate) cohorts: &'a [Cohorts],
}

impl Record<'_> {
    /// Whether it is in the windows that end with it.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        let refused = Admission::Refused {
            with_current: false,
        };
        self.admission != refused
    }

    /// 1 where it is in windows with this end and counts.
    #[inline]
    pub(super) fn own_count(&self, end: End, count: CountedBy) -> u32 {
        match count {
            _ if !(end.with_current && self.is_current()) => 0,
            CountedBy::Rows => 1,
            CountedBy::Word(at) => self.delta[at],
        }
    }
}
