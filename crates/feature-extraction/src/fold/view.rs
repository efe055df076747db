//! What a feature sees of a record: the state of its key, and where its windows begin and end.

use super::record::{Admission, Around, Record};
use crate::plan::{CountedBy, End, Plan, Window};
use crate::state::{History, Span};
use crate::structures::{Decayed, HeldSlot, Queue};

/// A record, the state of its key and the windows that it sees.
pub(super) struct View<'a> {
    pub(super) plan: &'a Plan,
    pub(super) history: &'a History,
    pub(super) queues: &'a [Queue],
    /// Moved to the window of a record that is not in order, and back.
    pub(super) holdings: &'a mut [HeldSlot],
    /// Reading one moves the place at which it is read next.
    pub(super) decayed: &'a mut [Decayed],
    pub(super) record: &'a Record<'a>,
    pub(super) around: Around<'a>,
    /// Whether the record is in the windows that end with it.
    pub(super) current: bool,
    pub(super) bounds: &'a [u32],
    pub(super) starts: &'a [usize],
    pub(super) ends: &'a [u32],
    /// Whether the totals at the ends have tops.
    pub(super) has_tops: bool,
}

impl View<'_> {
    #[inline]
    pub(super) fn in_order(&self) -> bool {
        self.record.admission == Admission::InOrder
    }

    /// Whether detectors leave the record alone.
    #[inline]
    pub(super) fn is_late(&self) -> bool {
        self.record.now_ms < self.history.watermark_ms
    }

    #[inline]
    pub(super) fn has_current(&self, end: End) -> bool {
        end.with_current && self.current
    }

    #[inline]
    pub(super) fn end(&self, window: Window) -> &[u32] {
        let stride = self.plan.layout.places.topped_stride;
        &self.ends[window.end * stride..][..stride]
    }

    /// Rows of the window, the record itself aside.
    #[inline]
    pub(super) fn rows(&self, window: Window) -> Span {
        Span {
            start: self.bounds[window.start],
            end: self.bounds[self.plan.ends[window.end].bound],
        }
    }

    /// 1 where the record itself is in windows with this end and counts.
    #[inline]
    pub(super) fn own_count(&self, end: usize, count: CountedBy) -> u32 {
        self.record.own_count(self.plan.ends[end], count)
    }

    #[inline]
    pub(super) fn count(&self, window: Window, count: CountedBy) -> u32 {
        match count {
            CountedBy::Word(at) => {
                let start = self.history.row(self.plan, self.bounds[window.start]);
                self.end(window)[at].wrapping_sub(start[at])
            }
            CountedBy::Rows => {
                let rows = self.rows(window);
                rows.end - rows.start + self.own_count(window.end, count)
            }
        }
    }
}
