//! Kafka → [`RawBatch`](tillwatch_records::RawBatch): one poll thread per process, one [`Inlet`] per
//! lane, offsets committed only after the outputs are acknowledged. A lane has one partition, or where
//! several topics are read the partitions of one number, merged into one order.
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
//!
//! `docs/rfc/0002-consumer-contract.md` says what a [`LaneHost`] and the consumer owe each other,
//! `docs/rfc/0004-merged-topics.md` how several topics are merged.
//! [`memory`] keeps the same contract without Kafka, threads and a clock, for tests.

mod announced;
mod assignment;
mod commits;
mod committer;
mod contact;
mod counters;
mod departure;
mod error;
mod host;
mod incoming;
mod inlet;
mod last_call;
mod ledger;
mod limits;
pub mod memory;
mod moment;
mod monitor;
mod newest;
mod notice;
mod past;
mod position;
mod probe;
mod pump;
mod rebalance;
mod roster;
mod run;
mod settings;
mod shared;
mod stop;
mod topics;

pub use committer::{Answer, Committer, Outcome};
pub use counters::ErrorCause;
pub use error::ConsumerError;
pub use host::LaneHost;
pub use inlet::{Inlet, Taken};
pub use last_call::LastCall;
pub use monitor::{ConsumerStats, Monitor, PartitionStats};
pub use newest::{Glance, Newest, newest};
pub use notice::{Lost, Moved};
pub use past::{History, Past};
pub use position::Position;
pub use probe::probe;
pub use run::Consumer;
pub use settings::{ConsumerSettings, Start};
pub use stop::StopToken;
pub use tillwatch_kafka::{
    Asked, BrokerTrouble, ClusterFacts, ErrorCode, Findings, FirstRecord, GroupClient, KafkaError,
    Operation, Operations, Properties, Refusal, Stretch, TopicFacts, TopicFindings, TopicIdentity,
    TopicSettings,
};
