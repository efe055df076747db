//! The seam between a sink that writes in transactions and whoever commits offsets.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_kafka::{GroupIdentity, Waker};
use tillwatch_records::TopicPartition;

/// The transactions of a sink, as the consumer of its input sees them. Offsets of batches with outputs are
/// stored with these, without being asked for: see [`tillwatch_records::Ticket::stage`]. Any thread may call
/// it, and nothing but `stored` waits.
pub trait Transactions: Send + Sync {
    /// From here on offsets are stored in the name of `group`'s member; what is stored wakes `waker`.
    fn attach(&self, group: GroupIdentity, waker: Arc<Waker>);

    /// The member is about to end: nothing more is stored in its name.
    fn detach(&self);

    /// Asks for offsets to be stored, each one past the last record that is done: those that no transaction
    /// has stored yet join the next one.
    fn request(&self, offsets: &[(TopicPartition, i64)]);

    /// Whether [`Transactions::stored`] has something to say.
    fn has_stored(&self) -> bool;

    /// Offsets that were stored since the last call, the newest of each partition. Waits for some at most
    /// `timeout`; whoever waits has the transaction end at once.
    fn stored(&self, timeout: Duration) -> Vec<(TopicPartition, i64)>;

    /// Partitions with offsets that were asked for and are not stored, or are and were not told.
    fn outstanding(&self) -> usize;

    /// `sources` are about to leave. From here on nothing is sent to the group that could store their
    /// offsets, and what was made from them and is not committed fails.
    fn abandon(&self, sources: &[TopicPartition]);
}
