//! The part of librdkafka that the safe binding does not wrap: queues read and written in bulk, commits
//! with answers, watermarks as the client last saw them, the names of its properties.
//!
//! All unsafe code that talks to Kafka is in this folder.
#![expect(
    unsafe_code,
    reason = "librdkafka's bulk calls, queues and mock settings have no safe binding; all of it is here"
)]

mod answers;
mod burst;
mod certificate;
mod commits;
mod described;
mod generation;
mod handle;
mod inquirer;
mod mock;
mod names;
mod options;
mod partition;
mod position;
mod signal;
mod topic;
mod topic_questions;
mod watermarks;

pub use burst::{BURST_RECORDS_MAX, Burst, BurstMessage, Headers};
pub use commits::{CommitAnswer, CommitQueue};
pub(crate) use generation::generation;
pub(crate) use inquirer::{Heard, Inquirer};
pub(crate) use mock::lower_rebalance_delay;
pub(crate) use names::property_names;
pub use partition::PartitionQueue;
pub(crate) use position::position;
pub use topic::{BulkMessage, NotTaken};
pub(crate) use topic::{TopicHandle, flush};
pub use topic_questions::TopicQuestions;
pub(crate) use watermarks::watermarks;
