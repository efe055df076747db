//! Where reading of a partition begins.

use tillwatch_kafka::Begin;

/// The answer to an assignment: where the partition is to be read from.
///
/// Offsets that the broker no longer holds are passed over: reading begins at the next one that it holds
/// (`start` says which when the partition was never committed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Where the group has committed to, or where `start` says when it has committed nothing.
    Committed,
    /// At this offset. What settles is committed, though the group may have committed more already.
    From(i64),
    /// Records from `from` to, not including, `live` are handed out as replay: without a ticket, and
    /// nothing of them is committed. From `live` on records have tickets.
    Replay {
        /// First offset to replay.
        from: i64,
        /// First offset that is not replayed; `from` or more.
        live: i64,
    },
    /// Nothing is read until [`crate::Inlet::begin`] says where. Other partitions and heartbeats go on.
    NotYet,
}

/// A position that was told: where to read, and from which offset on records have tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) begin: Begin,
    /// Below every offset when nothing is replayed.
    pub(crate) live: i64,
}

impl Position {
    /// What it says, if it says where.
    pub(crate) fn told(self) -> Option<Told> {
        let all_live = |begin| Told {
            begin,
            live: i64::MIN,
        };
        match self {
            Self::Committed => Some(all_live(Begin::Committed)),
            Self::From(offset) => Some(all_live(Begin::At(offset))),
            Self::Replay { from, live } => Some(Told {
                begin: Begin::At(from),
                live,
            }),
            Self::NotYet => None,
        }
    }
}
