//! Over how many partitions keys were spread when the snapshots in the store were made.

use parking_lot::Mutex;
use tillwatch_state_store::{LaneId, SourceMark, StateStore, StoreError};

use crate::serve::state::Keeping;

/// What snapshots of other partitions say of the topics, looked up when a lane has none of its own: a new
/// partition begins with its first record, but its keys may have a past in others.
///
/// It is looked up once. What changes from then on, whoever reads is told by the consumer.
#[derive(Default)]
pub struct Spread(Mutex<Option<Vec<SourceMark>>>);

impl Spread {
    /// Whether a snapshot of a lane of the same topics as `lane` was made when one of them had another number
    /// of partitions than `now` says. A lane that has gone on since writes new ones, so of each lane the
    /// oldest that is kept is read. `None` where the store is known not to answer.
    ///
    /// # Errors
    /// The store cannot be read; it is asked again the next time.
    pub fn was_other(
        &self,
        keeping: &Keeping,
        lane: &LaneId,
        now: &[SourceMark],
    ) -> Result<Option<bool>, StoreError> {
        let mut known = self.0.lock();
        if known.is_none() {
            let look = || look_up(&keeping.store, lane, now);
            *known = keeping.silence.ask(look).transpose()?;
        }
        let then = known.as_ref();
        Ok(then.map(|then| then.iter().any(|then| is_other(then, now))))
    }
}

/// The topics as they were when the oldest snapshot of each partition was made: up to the first that tells
/// another number, since one is enough.
fn look_up(
    store: &StateStore,
    lane: &LaneId,
    now: &[SourceMark],
) -> Result<Vec<SourceMark>, StoreError> {
    let mut found: Vec<SourceMark> = Vec::new();
    for partition in store.partitions(lane)? {
        let other = LaneId {
            partition,
            ..lane.clone()
        };
        let Some(oldest) = store.lane(&other).oldest()? else {
            continue;
        };
        for mark in &oldest.head().sources {
            let mark = SourceMark {
                offset: 0,
                ..mark.clone()
            };
            if !found.contains(&mark) {
                found.push(mark);
            }
        }
        if found.iter().any(|then| is_other(then, now)) {
            break;
        }
    }
    Ok(found)
}

/// Whether `then` is of one of the topics of `now`, with another number of partitions. One that is known only
/// then or only now counts as another.
fn is_other(then: &SourceMark, now: &[SourceMark]) -> bool {
    let is_same = |now: &&SourceMark| {
        let ids = then.topic_id.as_ref().zip(now.topic_id.as_ref());
        now.topic == then.topic && ids.is_none_or(|(then, now)| then == now)
    };
    let same = now.iter().find(is_same);
    same.is_some_and(|now| then.partitions != now.partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(topic: &str, id: Option<&str>, partitions: Option<i32>) -> SourceMark {
        SourceMark {
            topic: topic.to_owned(),
            offset: 0,
            topic_id: id.map(str::to_owned),
            partitions,
        }
    }

    #[test]
    fn another_number_of_the_same_topic_counts() {
        let now = [mark("t", Some("a"), Some(8)), mark("labels", None, Some(8))];
        for (then, expected) in [
            (mark("t", Some("a"), Some(8)), false),
            (mark("t", Some("a"), Some(4)), true),
            (mark("t", None, Some(4)), true),
            // Made anew: what was in it is no past of ours.
            (mark("t", Some("b"), Some(4)), false),
            (mark("t", Some("a"), None), true),
            (mark("labels", Some("c"), Some(4)), true),
            (mark("other", None, Some(4)), false),
        ] {
            assert_eq!(is_other(&then, &now), expected, "{then:?}");
        }
    }
}
