//! A lane without state, and what is not known to it.

use std::time::Duration;

use tillwatch_consumer::{History, Inlet};
use tillwatch_engine::Lane;
use tillwatch_records::{RawBatch, TopicPartition};

use crate::clock;

/// How long a lane without state waits to be told how new the records before its first are.
const PAST_WAIT: Duration = Duration::from_secs(2);

/// Tells `lane`, which is new and whose first records are `raw`, what it does not know of.
pub fn begin(mut lane: Lane, past: &dyn History, inlet: &Inlet, raw: &RawBatch) -> Lane {
    let first_ms = raw.get(0).timestamp_ms.unwrap_or(0);
    let starts = inlet.starts();
    let late_starts = starts.iter().filter(|(_, offset)| *offset != Some(0));
    let newest_ms =
        late_starts.map(|(source, offset)| newest_before(past, source, *offset, first_ms));
    let Some(newest_ms) = newest_ms.max() else {
        return lane;
    };
    lane.begin_after(newest_ms);
    let source = inlet.source();
    tracing::info!(
        topic = &*source.topic,
        partition = source.partition,
        offset = raw.get(0).offset,
        whole_from_ms = lane.stats().warm_at_ms,
        "no state for the records before this offset: scores are flagged WARMING while features may \
         lack them"
    );
    lane
}

/// A timestamp that no record of `source` before `offset` has a later one than. Where the offset is not
/// known, or the brokers do not say: now.
fn newest_before(
    past: &dyn History,
    source: &TopicPartition,
    offset: Option<i64>,
    first_ms: i64,
) -> i64 {
    let now_ms = || clock::unix_ms().max(first_ms);
    let Some(offset) = offset else {
        return now_ms();
    };
    let newest_ms = past.newest_before(source, offset, first_ms, PAST_WAIT);
    newest_ms.unwrap_or_else(|error| {
        tracing::warn!(
            %error,
            topic = &*source.topic,
            partition = source.partition,
            "cannot ask how new the records are that were read before; they are taken to be as new as now"
        );
        now_ms()
    })
}
