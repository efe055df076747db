//! What is under way of a source, for metrics.

use std::time::Instant;

use super::strand::Strand;
use crate::ledger::Ledger;

/// See [`crate::PartitionStats`].
pub(crate) struct Occupancy {
    pub(crate) pending_records: usize,
    pub(crate) pending_bytes: usize,
    /// Allocated for what waits and for spares.
    pub(crate) held_bytes: usize,
    pub(crate) unsettled_records: usize,
    pub(crate) paused: bool,
    pub(crate) committed: Option<i64>,
    /// One past what is settled, or the first record that is not; nothing before the first record, but where
    /// something is replayed.
    pub(crate) settled_to: Option<i64>,
    /// Kafka timestamp of the first record that is not settled, those that are replayed apart.
    pub(crate) oldest_ms: Option<i64>,
    /// Where the broker had nothing more to be read, if nothing has come since.
    pub(crate) end: Option<i64>,
    pub(crate) stalled_since: Option<Instant>,
    pub(crate) committed_at: Option<Instant>,
}

impl Occupancy {
    /// Of the source whose records are in `strand`.
    pub(super) fn new(strand: &Strand, ledger: &Ledger, source: usize) -> Self {
        let first_waiting = strand.first_waiting().map(|(offset, _)| offset);
        let oldest_ms = match strand.first_owed() {
            Some((_, timestamp_ms)) if ledger.unsettled_of(source) == 0 => timestamp_ms,
            _ => ledger.oldest_ms(source),
        };
        // What is replayed was done before.
        let done_before = (strand.live() > i64::MIN).then(|| strand.live());
        Self {
            pending_records: strand.records(),
            pending_bytes: strand.bytes(),
            held_bytes: strand.held_bytes(),
            unsettled_records: ledger.unsettled_of(source),
            paused: strand.paused,
            committed: ledger.committed(source),
            settled_to: ledger.settled_to(source).or(done_before).or(first_waiting),
            oldest_ms,
            end: strand.end,
            stalled_since: strand.progress.stalled_since,
            committed_at: strand.progress.committed_at,
        }
    }
}
