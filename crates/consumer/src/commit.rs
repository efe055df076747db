//! Settled prefixes → committed offsets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::context::Context;
use crate::inlet::Inlet;
use crate::monitor::Monitor;
use crate::native;

/// Asks for a commit of what has settled since the last one; the answer comes to [`note_answer`].
pub(crate) fn commit_news(consumer: &BaseConsumer<Context>, inlets: &[Arc<Inlet>]) {
    let offsets = offsets_of(inlets, |inlet| inlet.request_commit());
    if offsets.count() == 0 {
        return;
    }
    if let Err(error) = consumer.commit(&offsets, CommitMode::Async) {
        note_answer(
            consumer.context().shared().monitor(),
            inlets,
            Err(error),
            &offsets,
        );
    }
}

/// Commits everything settled and waits for the broker, at most `timeout`.
pub(crate) fn commit_all(
    consumer: &BaseConsumer<Context>,
    inlets: &[Arc<Inlet>],
    timeout: Duration,
) {
    let offsets = offsets_of(inlets, |inlet| inlet.unconfirmed());
    if offsets.count() == 0 {
        return;
    }
    let shared = consumer.context().shared();
    match native::commit_within(consumer, &offsets, timeout) {
        Ok(()) => note_answer(shared.monitor(), inlets, Ok(()), &offsets),
        Err(code) => {
            shared
                .monitor()
                .commits_failed
                .fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                error = %code,
                partitions = offsets.count(),
                "the last commit failed: the records since the one before are read again"
            );
        }
    }
}

/// Writes the broker's answer into the inlets.
pub(crate) fn note_answer(
    monitor: &Monitor,
    inlets: &[Arc<Inlet>],
    result: KafkaResult<()>,
    offsets: &TopicPartitionList,
) {
    let count = if result.is_ok() {
        &monitor.commits
    } else {
        &monitor.commits_failed
    };
    count.fetch_add(1, Ordering::Relaxed);
    for element in offsets.elements() {
        let of_element = |inlet: &&Arc<Inlet>| {
            let source = inlet.source();
            &*source.topic == element.topic() && source.partition == element.partition()
        };
        let Some(inlet) = inlets.iter().find(of_element) else {
            continue;
        };
        let stored = match element.offset() {
            Offset::Offset(offset) if result.is_ok() && element.error().is_ok() => Some(offset),
            _ => None,
        };
        inlet.note_commit(stored);
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
