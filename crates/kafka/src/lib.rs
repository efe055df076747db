//! librdkafka as the rest of the workspace uses it: what its safe binding leaves rough is made smooth
//! here, once, and everything unsafe about Kafka is here.
//!
//! - [`Properties`] → [`ClientConfig`]: an operator's properties, checked, with our defaults, never
//!   showing a secret.
//! - [`GroupClient`]: a member of a consumer group, whose partitions are read in bursts
//!   ([`PartitionQueue`]) and whose commits have answers ([`CommitQueue`]).
//! - [`Producer`]: records in bulk ([`Topic::produce`]), each with what it owes.
//! - [`GroupIdentity`]: who we are in a group, for transactions of a [`Producer`] that hold offsets.
//! - [`Trouble`]: what an error code asks of us. Decisions are made by codes, never by the words of a
//!   message.
//! - [`ask`]: what brokers, topics and a group answer, what we are allowed, and why a broker cannot be
//!   reached.
//! - [`Past`]: how new the records before an offset are; [`first_records`]: which record comes next.
//! - [`TopicReader`]: a topic from its beginning to its end, for whoever looks at what was written.
//! - [`Cluster`]: a Kafka inside the process, for demonstrations and tests.

mod cluster;
mod config;
mod error;
mod facts;
mod first_records;
mod group;
mod identity;
mod log;
mod native;
mod notices;
mod past;
mod paths;
mod probe;
mod producer;
mod properties;
mod refused;
mod topic_name;
mod topic_reader;
mod transaction;
mod trouble;
mod waker;

pub use cluster::Cluster;
pub use config::{Choice, ClientConfig, ClientKind};
pub use error::KafkaError;
pub use facts::{
    Asked, ByTopic, ClusterFacts, Node, Operation, Operations, Refusal, TopicFacts, TopicIdentity,
    TopicSettings,
};
pub use first_records::{FirstRecord, Stretch, first_records};
pub use group::{Begin, GroupClient, GroupEvents, Reach, TopicCount};
pub use identity::{GroupIdentity, GroupStamp};
pub use native::{
    BURST_RECORDS_MAX, BulkMessage, Burst, BurstMessage, CommitAnswer, CommitQueue, Headers,
    NotTaken, PartitionQueue, TopicQuestions,
};
pub use notices::Notices;
pub use past::Past;
pub use probe::{BrokerTrouble, Findings, Question, TopicFindings, ask};
pub use producer::{Deliveries, OutRecord, Producer, Topic, Undelivered};
pub use properties::Properties;
pub use topic_name::check_topic_name;
pub use topic_reader::{Span, TopicReader, TopicRecord};
pub use transaction::{Then, TransactionError};
pub use trouble::{ErrorCode, Trouble};
pub use waker::{Waker, now};
