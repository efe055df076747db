//! Kafka → [`RawBatch`](tillwatch_records::RawBatch): one poll thread per process, one [`Inlet`] per
//! assigned partition, offsets committed only after the outputs are acknowledged.
//!
//! ```text
//!              poll thread                         a lane's thread                sink
//!  librdkafka ─▶ Consumer::run ─▶ Inlet ─take()─▶ RawBatch + Ticket ─▶ … ─▶ drops the last Ticket
//!                     ▲ commit                                                     │
//!                     └──────────────── end of the settled prefix ◀────────────────┘
//! ```
//!
//! Every partition keeps its own librdkafka queue, read in bursts. Back-pressure is to leave that
//! queue alone: librdkafka stops fetching once it holds `queued.max.messages.kbytes`, and what was
//! fetched is kept, where librdkafka's own pause would throw it away and fetch it again.

mod commit;
mod context;
mod error;
mod inlet;
mod ledger;
mod monitor;
mod native;
mod notices;
mod probe;
mod pump;
mod run;
mod settings;
mod stop;

use std::sync::Arc;

pub use error::ConsumerError;
pub use inlet::Inlet;
pub use monitor::{ConsumerStats, Monitor, PartitionStats};
pub use probe::{TopicStatus, probe};
pub use run::Consumer;
pub use settings::{ConsumerSettings, Properties, Start};
pub use stop::StopToken;

/// What the consumer calls when partitions come, have records, and go.
///
/// Every method runs on the poll thread and must not block: heartbeats go on without it, but every
/// partition's records wait. In order, per partition: `assigned` once, `ready` any number of times,
/// then either `revoked` or `lost` once. A partition that comes back gets a new [`Inlet`].
pub trait LaneHost: Send + Sync {
    /// `inlet`'s partition is ours from now on. No record of it was handed out yet.
    fn assigned(&self, inlet: &Arc<Inlet>);

    /// Records wait in `inlet` and nobody was told yet: schedule the lane, which calls
    /// [`Inlet::take`] until it gives `None`. Not called again before that `None`.
    fn ready(&self, inlet: &Arc<Inlet>);

    /// The partition moves to another member, or we stop. Everything taken was settled, or the drain
    /// timeout passed; what was settled is committed.
    fn revoked(&self, inlet: &Arc<Inlet>);

    /// The partition was taken from us (the session timed out): another member may read it already,
    /// nothing was committed.
    fn lost(&self, inlet: &Arc<Inlet>) {
        self.revoked(inlet);
    }
}
