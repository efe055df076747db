//! A lane without a snapshot: where the log is read again from.

use tillwatch_consumer::{ConsumerError, History, Position};
use tillwatch_records::TopicPartition;

use super::errand::{ASK_WAIT, Errand};
use crate::clock;
use crate::serve::state::{Log, LookBack, newest_before};

/// A source as brokers answer for it.
struct AskedLog<'a> {
    past: &'a dyn History,
    source: &'a TopicPartition,
}

/// Reads the log again from as far back as is needed and allowed; `None` when there is nothing to read.
pub fn look_back(errand: &Errand<'_>) -> Option<Vec<Position>> {
    let most_ms = errand.keeping.settings.replay_max.as_millis();
    let look_back = LookBack {
        needed_ms: errand.keeping.needed_ms,
        most_ms: i64::try_from(most_ms).unwrap_or(i64::MAX),
    };
    if look_back.most_ms == 0 || errand.is_new() || !errand.is_wanted() {
        return None;
    }
    let source = errand.source();
    match positions(errand, look_back) {
        Ok(positions) => {
            let is_any = positions
                .iter()
                .any(|position| *position != Position::Committed);
            if is_any {
                tracing::info!(
                    topic = &*source.topic,
                    partition = source.partition,
                    ?positions,
                    "no snapshot can be used: the log is read again, without outputs"
                );
            }
            is_any.then_some(positions)
        }
        Err(error) => {
            tracing::warn!(
                topic = &*source.topic,
                partition = source.partition,
                %error,
                "no snapshot can be used, and brokers do not say where the log is to be read again from: \
                 the lane begins without state"
            );
            None
        }
    }
}

fn positions(errand: &Errand<'_>, look_back: LookBack) -> Result<Vec<Position>, ConsumerError> {
    let past = &*errand.shared.past;
    let sources: Vec<(&TopicPartition, &Option<i64>)> =
        errand.slot.inlet.sources().zip(&errand.committed).collect();
    let now_ms = clock::unix_ms();
    let mut newest_ms = None;
    for (source, committed) in &sources {
        if let Some(committed) = committed {
            let log = AskedLog { past, source };
            newest_ms = newest_ms.max(newest_before(&log, *committed, now_ms)?);
        }
    }
    let Some(newest_ms) = newest_ms else {
        return Ok(vec![Position::Committed; sources.len()]);
    };
    let from_ms = look_back.begin_ms(newest_ms);
    let mut positions = Vec::new();
    let mut begun = Vec::new();
    for (source, committed) in sources {
        let first = past.first_at(source, from_ms, ASK_WAIT)?;
        let replayed = first.zip(*committed).filter(|(first, live)| first < live);
        begun.push(replayed.map(|(first, _)| first).or(*committed));
        positions.push(match replayed {
            Some((from, live)) => Position::Replay { from, live },
            None => Position::Committed,
        });
    }
    errand.slot.seat.lock().begun = begun;
    Ok(positions)
}

impl Log for AskedLog<'_> {
    type Error = ConsumerError;

    fn first_at(&self, time_ms: i64) -> Result<Option<i64>, ConsumerError> {
        self.past.first_at(self.source, time_ms, ASK_WAIT)
    }
}
