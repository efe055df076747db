//! Offsets that are stored by the sink's transactions.

use std::sync::Arc;
use std::time::Duration;

use tillwatch_consumer::{Answer, Committer, ErrorCode, GroupClient, Outcome};
use tillwatch_records::TopicPartition;
use tillwatch_sink::Transactions;

/// Has offsets stored in the transactions that hold the outputs.
pub struct TransactionCommits(Arc<dyn Transactions>);

impl TransactionCommits {
    /// Stores offsets in the name of `client`'s member.
    pub fn new(transactions: Arc<dyn Transactions>, client: &GroupClient) -> Self {
        transactions.attach(client.identity(), Arc::clone(client.waker()));
        Self(transactions)
    }
}

impl Committer for TransactionCommits {
    fn request(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), ErrorCode> {
        self.0.request(offsets);
        Ok(())
    }

    fn has_news(&mut self) -> bool {
        self.0.has_stored()
    }

    fn answer(&mut self, timeout: Duration) -> Option<Answer> {
        let stored = self.0.stored(timeout);
        if stored.is_empty() {
            return None;
        }
        let stored = stored.into_iter();
        let offsets = stored.map(|(source, offset)| (source, offset, Outcome::Stored));
        Some(Answer {
            result: Ok(()),
            offsets: offsets.collect(),
        })
    }

    fn outstanding(&self) -> usize {
        self.0.outstanding()
    }

    fn abandon(&mut self, sources: &[TopicPartition]) {
        self.0.abandon(sources);
    }
}

impl Drop for TransactionCommits {
    fn drop(&mut self) {
        self.0.detach();
    }
}
