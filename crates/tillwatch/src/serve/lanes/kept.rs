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
/// All lanes together, those that are ours included, are never more than were ours at one time: what is kept
/// takes no memory that the process had not taken before.
#[derive(Default)]
pub struct KeptLanes(Mutex<State>);

#[derive(Default)]
struct State {
    lanes: HashMap<TopicPartition, Kept>,
    /// Most lanes that were ours at one time.
    ours_max: usize,
}

struct Kept {
    slot: Arc<Slot>,
    since: Instant,
}

impl KeptLanes {
    /// Keeps the lane of `slot`.
    pub fn keep(&self, slot: Arc<Slot>, since: Instant) {
        let lane = slot.source().clone();
        self.0.lock().lanes.insert(lane, Kept { slot, since });
    }

    /// The lane of `partition`, if it is kept.
    pub fn take(&self, partition: &TopicPartition) -> Option<Arc<Slot>> {
        let kept = self.0.lock().lanes.remove(partition)?;
        Some(kept.slot)
    }

    /// Forgets lanes that are kept for longer than `keep`, and the oldest of those that are too many beside
    /// `ours`, which the process has now.
    pub fn tidy(&self, now: Instant, keep: Duration, ours: usize, counts: &StateCounts) {
        let mut state = self.0.lock();
        state.ours_max = state.ours_max.max(ours);
        let room = state.ours_max.saturating_sub(ours);
        let mut gone = Vec::new();
        let lanes = &mut state.lanes;
        let old = |kept: &Kept| now.duration_since(kept.since) >= keep;
        let expired: Vec<TopicPartition> = lanes
            .iter()
            .filter(|(_, kept)| old(kept))
            .map(|(lane, _)| lane.clone())
            .collect();
        gone.extend(expired.iter().filter_map(|lane| lanes.remove(lane)));
        while lanes.len() > room {
            let oldest = lanes.iter().min_by_key(|(_, kept)| kept.since);
            let Some(oldest) = oldest.map(|(lane, _)| lane.clone()) else {
                break;
            };
            gone.extend(lanes.remove(&oldest));
        }
        let bytes = lanes.values().map(|kept| kept.slot.gauges.bytes()).sum();
        counts.set_kept(lanes.len() as u64, bytes);
        drop(state);
        for Kept { slot, .. } in gone {
            let source = slot.source();
            tracing::info!(
                topic = &*source.topic,
                partition = source.partition,
                "a lane that was kept is forgotten: its partition did not come back in time, or others took \
                 its room"
            );
        }
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
