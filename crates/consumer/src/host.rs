//! What the consumer calls.

use std::sync::Arc;

use tillwatch_records::TopicPartition;

use crate::inlet::Inlet;
use crate::last_call::LastCall;
use crate::position::Position;

/// What the consumer calls when partitions come, have records, and go.
///
/// Every method runs on the poll thread and must not block: heartbeats go on without it, but every
/// partition's records wait. In order, per lane: `assigned` once; `located` at most once for each
/// source, if that was answered [`Position::NotYet`]; `ready` any number of times; then either
/// `leaving`, `last_call` and `revoked` once, or `lost` once, which may come instead of any of these three
/// when the group takes the partitions away meanwhile. A partition that comes back gets a new [`Inlet`].
pub trait LaneHost: Send + Sync {
    /// `inlet`'s partitions are ours from now on. No record of them was handed out yet. The answer says where
    /// to read from; after [`Position::NotYet`] any thread says so by [`Inlet::begin`].
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position;

    /// The group has committed `offset` of `source`, which was not begun; `None` when it has committed
    /// nothing. Not called for a partition that begins before the coordinator answers. What brokers tell of
    /// the lane's topics is known by then: [`Inlet::partitions`], [`Inlet::topic_ids`].
    fn located(&self, _inlet: &Arc<Inlet>, _source: &TopicPartition, _offset: Option<i64>) {}

    /// Records wait in `inlet` and nobody was told yet: schedule the lane, which calls
    /// [`Inlet::take`] until it gives `None`. Not called again before that `None`.
    fn ready(&self, inlet: &Arc<Inlet>);

    /// Partitions are about to leave together, and nothing more is handed out of theirs. From here on the
    /// drain timeout runs: whatever holds outputs back until more come is to let them go.
    fn leaving(&self, _inlets: &[Arc<Inlet>]) {}

    /// The lane is about to leave: nothing more is handed out, and everything taken was settled, or the
    /// drain timeout passed. Whatever is to be written of it is written from here on, by other threads, and
    /// then `done` is dropped: the lane leaves, and other lanes go on meanwhile. A ticket that is dropped
    /// before `done` is part of the last commit. The drain timeout bounds all of it: once it has passed,
    /// nobody waits for `done`.
    fn last_call(&self, _inlet: &Arc<Inlet>, done: LastCall) {
        drop(done);
    }

    /// The partition moves to another member, or we stop. What was settled is committed, unless a warning
    /// says otherwise.
    fn revoked(&self, inlet: &Arc<Inlet>);

    /// The partition was taken from us (the session timed out): another member may read it already, and
    /// nothing more is committed. What the lane has taken may still settle: [`Inlet::settled`].
    fn lost(&self, inlet: &Arc<Inlet>) {
        self.revoked(inlet);
    }
}
