//! Committed offsets in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_kafka::ErrorCode;
use tillwatch_records::TopicPartition;

use crate::committer::{Answer, Committer, Outcome};

/// What becomes of commits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answering {
    /// They are stored.
    #[default]
    Store,
    /// They are refused, as by a coordinator that moves; what is asked for again is stored, once this is
    /// changed back.
    Refuse,
    /// They are taken back together with the outputs, as by a transaction that is aborted.
    Abandon,
    /// Nobody answers.
    Silence,
}

/// What a coordinator would keep.
#[derive(Debug, Default)]
pub(super) struct Storage {
    pub(super) stored: BTreeMap<TopicPartition, i64>,
    /// Every offset that was stored, in order.
    pub(super) commits: Vec<(TopicPartition, i64)>,
    pub(super) answering: Answering,
}

/// Commits to a [`Storage`].
pub(super) struct MemoryCommits {
    storage: Arc<Mutex<Storage>>,
    /// Requests without an answer yet.
    open: VecDeque<Vec<(TopicPartition, i64)>>,
}

impl MemoryCommits {
    pub(super) fn new(storage: Arc<Mutex<Storage>>) -> Self {
        Self {
            storage,
            open: VecDeque::new(),
        }
    }
}

impl Committer for MemoryCommits {
    fn request(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), ErrorCode> {
        self.open.push_back(offsets.to_vec());
        Ok(())
    }

    fn has_news(&mut self) -> bool {
        !self.open.is_empty()
    }

    fn answer(&mut self, _timeout: Duration) -> Option<Answer> {
        let mut storage = self.storage.lock();
        let (result, outcome) = match storage.answering {
            Answering::Store => (Ok(()), Outcome::Stored),
            Answering::Refuse => (Err(ErrorCode::NotCoordinator), Outcome::Refused),
            Answering::Abandon => (Ok(()), Outcome::Abandoned),
            Answering::Silence => return None,
        };
        let offsets = self.open.pop_front()?;
        if outcome == Outcome::Stored {
            storage.stored.extend(offsets.iter().cloned());
            storage.commits.extend(offsets.iter().cloned());
        }
        let offsets = offsets.into_iter();
        Some(Answer {
            result,
            offsets: offsets
                .map(|(source, offset)| (source, offset, outcome))
                .collect(),
        })
    }

    fn outstanding(&self) -> usize {
        self.open.len()
    }

    fn abandon(&mut self, sources: &[TopicPartition]) {
        for request in &mut self.open {
            request.retain(|(source, _)| !sources.contains(source));
        }
        self.open.retain(|request| !request.is_empty());
    }
}
