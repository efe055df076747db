//! Settled prefixes → committed offsets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::consumer::BaseConsumer;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::context::{Context, Shared};
use crate::inlet::Inlet;
use crate::native::{CommitAnswer, CommitQueue};
use crate::stop::now;

/// Asks for a commit of what has settled since the last one; see [`note_answers`].
pub(crate) fn commit_news(shared: &Shared, consumer: &BaseConsumer<Context>) {
    let inlets = shared.inlets();
    let offsets = offsets_of(&inlets, Inlet::request_commit);
    request(shared, consumer, &inlets, &offsets);
}

/// Commits everything settled and waits for the broker, at most `timeout`.
pub(crate) fn commit_all(
    shared: &Shared,
    consumer: &BaseConsumer<Context>,
    inlets: &[Arc<Inlet>],
    timeout: Duration,
) {
    let offsets = offsets_of(inlets, Inlet::unconfirmed);
    request(shared, consumer, inlets, &offsets);
    let deadline = now() + timeout;
    if let Some(commits) = &mut *shared.commits.lock() {
        while commits.outstanding > 0 {
            let left = deadline.saturating_duration_since(now());
            let Some(answer) = commits.answer(left) else {
                break;
            };
            note_answer(shared, inlets, &answer);
        }
    }
    for inlet in inlets {
        if let Some(offset) = inlet.unconfirmed() {
            let source = inlet.source();
            tracing::warn!(%source, offset, "not committed: records before this are read again");
        }
    }
}

/// Takes note of the broker's answers that have come.
pub(crate) fn note_answers(shared: &Shared) {
    let mut commits = shared.commits.lock();
    let Some(commits) = commits.as_mut().filter(|commits| commits.is_dirty()) else {
        return;
    };
    let inlets = shared.inlets();
    while let Some(answer) = commits.answer(Duration::ZERO) {
        note_answer(shared, &inlets, &answer);
    }
}

fn request(
    shared: &Shared,
    consumer: &BaseConsumer<Context>,
    inlets: &[Arc<Inlet>],
    offsets: &TopicPartitionList,
) {
    if offsets.count() == 0 {
        return;
    }
    let mut commits = shared.commits.lock();
    let request = |commits: &mut CommitQueue| commits.request(consumer, offsets);
    let result = commits.as_mut().map_or(Ok(()), request);
    if let Err(code) = result {
        inlets.iter().for_each(|inlet| inlet.note_commit(None));
        note_failure(shared, code);
    }
}

fn note_answer(shared: &Shared, inlets: &[Arc<Inlet>], answer: &CommitAnswer) {
    match answer.result {
        Ok(()) => {
            shared.monitor().commits.fetch_add(1, Ordering::Relaxed);
        }
        Err(code) => note_failure(shared, code),
    }
    for element in &answer.offsets {
        let of_element = |inlet: &&Arc<Inlet>| {
            let source = inlet.source();
            *source.topic == *element.topic && source.partition == element.partition
        };
        if let Some(inlet) = inlets.iter().find(of_element) {
            let is_stored = answer.result.is_ok() && element.is_stored;
            inlet.note_commit(is_stored.then_some(element.offset));
        }
    }
}

fn note_failure(shared: &Shared, code: RDKafkaErrorCode) {
    let failed = &shared.monitor().commits_failed;
    failed.fetch_add(1, Ordering::Relaxed);
    if let Some(held_back) = shared.notices.admit("commit") {
        tracing::warn!(error = %code, held_back, "commit failed; it is tried again");
    }
}

fn offsets_of(inlets: &[Arc<Inlet>], offset: impl Fn(&Inlet) -> Option<i64>) -> TopicPartitionList {
    let mut offsets = TopicPartitionList::new();
    for inlet in inlets {
        let Some(next) = offset(inlet) else { continue };
        let source = inlet.source();
        if let Err(error) =
            offsets.add_partition_offset(&source.topic, source.partition, Offset::Offset(next))
        {
            // Only an offset below zero is refused, and the broker gives none.
            tracing::error!(%error, %source, next, "offset cannot be committed");
        }
    }
    offsets
}
