//! What an inlet is made of, and what it says of itself.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tillwatch_records::{RawBatch, Ticket, TopicPartition};

use crate::counters::Counters;
use crate::notice::{Lost, Moved};

/// What a lane takes: records, a batch of which is of one kind and of one source, and what it must know
/// before the next ones.
#[derive(Debug)]
pub enum Taken {
    /// Records to work on, and the ticket that settles them: clone it into every output, drop it when there
    /// is none.
    Live(RawBatch, Ticket),
    /// Records from before the partition goes live, to make state of again: whatever was made of them was
    /// delivered once, and nothing of them is committed.
    Replay(RawBatch),
    /// Records are missing here.
    Lost(Lost),
    /// Keys may have come from other lanes, and gone to others, without what is known of them.
    Moved(Moved),
}

/// A partition and what is counted of it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) partition: TopicPartition,
    pub(crate) counters: Counters,
}

/// What is to be done after records were appended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// The host must be told that records wait.
    pub(crate) tell: bool,
}

/// What a look at a lane of several sources gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// The host must be told that records wait.
    pub(crate) tell: bool,
    /// When to look again.
    pub(crate) until: Option<Duration>,
}

impl Source {
    /// Counts records that were deleted before they were read, and says it loudly.
    pub(super) fn count_loss(&self, gap: &Range<i64>) {
        let lost = (gap.end - gap.start).unsigned_abs();
        self.counters.lost.fetch_add(lost, Ordering::Relaxed);
        tracing::error!(
            topic = &*self.partition.topic,
            partition = self.partition.partition,
            first_offset = gap.start,
            next_offset = gap.end,
            lost,
            "records were deleted before they were read: raise retention.ms of the topic, or add \
             instances until the lag falls"
        );
    }
}
