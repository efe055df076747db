//! Who we are in a consumer group, for whoever stores offsets in the group's name.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::KafkaError as BindingError;
use rdkafka::{Offset, TopicPartitionList};
use tillwatch_records::TopicPartition;

use crate::native;
use crate::trouble::ErrorCode;

/// A member of a group, as seen from another thread. It does not keep the client alive.
#[derive(Clone)]
pub struct GroupIdentity(Weak<dyn MemberClient>);

/// Member and generation at one moment: a broker refuses offsets of a generation that is over.
pub struct GroupStamp(pub(crate) ConsumerGroupMetadata);

/// A consumer of whatever context.
trait MemberClient: Send + Sync {
    fn metadata(&self) -> Option<ConsumerGroupMetadata>;
    fn committed(
        &self,
        asked: TopicPartitionList,
        timeout: Duration,
    ) -> Result<TopicPartitionList, BindingError>;
}

impl GroupIdentity {
    /// The member that `client` is.
    pub fn of<C: ConsumerContext + 'static>(client: &Arc<BaseConsumer<C>>) -> Self {
        let client: Arc<dyn MemberClient> = Arc::<BaseConsumer<C>>::clone(client);
        Self(Arc::downgrade(&client))
    }

    /// Member and generation now; `None` while the client is in no group, and when it has ended.
    pub fn stamp(&self) -> Option<GroupStamp> {
        self.0.upgrade()?.metadata().map(GroupStamp)
    }

    /// What the group has committed of `sources`, `None` for a source of which it has committed nothing.
    /// Waits for open transactions to end, at most `timeout`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn committed(
        &self,
        sources: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<i64>>, ErrorCode> {
        let client = self.0.upgrade().ok_or(ErrorCode::BrokerDestroy)?;
        let mut asked = TopicPartitionList::with_capacity(sources.len());
        for source in sources {
            asked.add_partition(&source.topic, source.partition);
        }
        let answer = client.committed(asked, timeout).map_err(|e| code_of(&e))?;
        let offset = |source: &TopicPartition| {
            let found = answer.find_partition(&source.topic, source.partition);
            let Some(found) = found else {
                return Ok(None);
            };
            found.error().map_err(|error| code_of(&error))?;
            Ok(match found.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            })
        };
        sources.iter().map(offset).collect()
    }
}

impl<C: ConsumerContext + 'static> MemberClient for BaseConsumer<C> {
    fn metadata(&self) -> Option<ConsumerGroupMetadata> {
        // A broker does not fence offsets without a generation, so it must be known that this has one.
        let before = native::generation(self);
        let metadata = self.group_metadata();
        let is_member = before > 0 && native::generation(self) == before;
        metadata.filter(|_| is_member)
    }

    fn committed(
        &self,
        asked: TopicPartitionList,
        timeout: Duration,
    ) -> Result<TopicPartitionList, BindingError> {
        self.committed_offsets(asked, timeout)
    }
}

fn code_of(error: &BindingError) -> ErrorCode {
    error.rdkafka_error_code().unwrap_or(ErrorCode::Unknown)
}
