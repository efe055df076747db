//! Lanes whose partitions were lost, and may come back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tillwatch_consumer::Position;
use tillwatch_records::TopicPartition;

use super::slot::Slot;
use crate::serve::metrics::StateCounts;

/// Lanes that are kept for a while although their partitions are not ours.
///
/// Those that are ours and those that are kept take no more bytes together than lanes that were ours took at
/// one time, each of which `[state] max_bytes` bounds: what is kept costs the process no memory that it had
/// not needed before. They are never more than there are partitions.
#[derive(Default)]
pub struct KeptLanes(Mutex<State>);

#[derive(Default)]
struct State {
    lanes: HashMap<TopicPartition, Kept>,
    /// Most bytes that lanes took at one time, while they were ours.
    bytes_max: u64,
}

struct Kept {
    slot: Arc<Slot>,
    since: Instant,
    /// What it took when its partition was lost: it takes no more records but those in hand.
    bytes: u64,
}

/// What lanes that are ours take of memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct OursBytes {
    /// As of their last batches.
    pub held: u64,
    /// What is about to be read from snapshots, besides.
    pub coming: u64,
}

impl KeptLanes {
    /// Keeps the lane of `slot`, whose partition was lost at `since`. Until then lanes that were ours took
    /// `ours` bytes, it among them.
    pub fn keep(&self, slot: Arc<Slot>, since: Instant, ours: u64) {
        let mut state = self.0.lock();
        // Those that were lost just before were ours at that moment.
        state.bytes_max = state.bytes_max.max(ours + state.bytes());
        let kept = Kept {
            bytes: slot.bytes(),
            since,
            slot,
        };
        let lane = kept.slot.source().clone();
        state.lanes.insert(lane, kept);
    }

    /// The lane of `partition`, if it is kept.
    pub fn take(&self, partition: &TopicPartition) -> Option<Arc<Slot>> {
        let kept = self.0.lock().lanes.remove(partition)?;
        Some(kept.slot)
    }

    /// Forgets lanes that are kept for longer than `keep`, those that cannot go on any more, and the oldest
    /// of those for which there is no room beside `ours`.
    pub fn tidy(&self, now: Instant, keep: Duration, ours: OursBytes, counts: &StateCounts) {
        let mut state = self.0.lock();
        let is_over =
            |kept: &mut Kept| now.duration_since(kept.since) >= keep || !kept.slot.may_go_on();
        let gone = state.lanes.extract_if(|_, kept| is_over(kept));
        let mut gone: Vec<Kept> = gone.map(|(_, kept)| kept).collect();
        if state.lanes.is_empty() {
            state.bytes_max = state.bytes_max.max(ours.held);
        }
        while ours.held + ours.coming + state.bytes() > state.bytes_max {
            let oldest = state.lanes.iter().min_by_key(|(_, kept)| kept.since);
            let Some(oldest) = oldest.map(|(lane, _)| lane.clone()) else {
                break;
            };
            gone.extend(state.lanes.remove(&oldest));
        }
        counts.set_kept(state.lanes.len() as u64, state.bytes());
        drop(state);
        for Kept { slot, .. } in gone {
            let source = slot.source();
            tracing::info!(
                topic = &*source.topic,
                partition = source.partition,
                "a lane that was kept is forgotten: its partition did not come back in time, others took its \
                 room, or what it had made was given up"
            );
        }
    }
}

impl State {
    /// Bytes of all lanes that are kept.
    fn bytes(&self) -> u64 {
        self.lanes.values().map(|kept| kept.bytes).sum()
    }
}

/// Where a lane that was kept and stands at `next` goes on in each source, of which the group has `committed`
/// so much. `None`: it has taken nothing of a source that others have read since, so it does not know where
/// what it lacks begins.
pub fn positions_of_kept(next: &[Option<i64>], committed: &[Option<i64>]) -> Option<Vec<Position>> {
    let sources = next.iter().zip(committed);
    let positions = sources.map(|(next, committed)| match (*next, *committed) {
        (Some(next), Some(committed)) if committed > next => Some(Position::Replay {
            from: next,
            live: committed,
        }),
        (Some(next), _) => Some(Position::From(next)),
        (None, None) => Some(Position::Committed),
        (None, Some(_)) => None,
    });
    positions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_was_kept_passes_over_nothing_that_others_have_read() {
        let replay = Position::Replay { from: 3, live: 5 };
        for (next, committed, expected) in [
            (Some(3), Some(5), Some(replay)),
            (Some(3), Some(3), Some(Position::From(3))),
            (Some(3), Some(2), Some(Position::From(3))),
            (Some(3), None, Some(Position::From(3))),
            (None, None, Some(Position::Committed)),
            (None, Some(5), None),
        ] {
            let positions = positions_of_kept(&[next, Some(1)], &[committed, Some(1)]);
            assert_eq!(positions.map(|positions| positions[0]), expected);
        }
    }
}
