//! A lane without a snapshot: where the log is read again from.

use tillwatch_consumer::{ConsumerError, History, Position};
use tillwatch_records::TopicPartition;

use super::errand::{ASK_WAIT, Errand};
use crate::clock;
use crate::serve::state::{Log, LookBack, newest_before, reaches_back};

/// A source as brokers answer for it.
struct AskedLog<'a> {
    past: &'a dyn History,
    source: &'a TopicPartition,
}

/// Reads the log again, for the reason `why`, from as far back as is needed and allowed; `None` when there is
/// nothing to read.
pub fn look_back(errand: &Errand<'_>, why: &str) -> Option<Vec<Position>> {
    let look_back = distance(errand);
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
                    "{why}: the log is read again, without outputs"
                );
            }
            is_any.then_some(positions)
        }
        Err(error) => {
            tracing::warn!(
                topic = &*source.topic,
                partition = source.partition,
                %error,
                "{why}, but brokers do not say where the log is to be read again from: it is not"
            );
            None
        }
    }
}

/// Whether the log has all records that the lane needs to know, and may be read so far back.
pub fn is_in_the_log(errand: &Errand<'_>) -> bool {
    let look_back = distance(errand);
    if errand.keeping.outlives_windows || look_back.needed_ms > look_back.most_ms {
        return false;
    }
    matches!(reaches(errand, look_back), Ok(true))
}

/// How far back the log is needed, and may be read.
fn distance(errand: &Errand<'_>) -> LookBack {
    let most_ms = errand.keeping.settings.replay_max.as_millis();
    LookBack {
        needed_ms: errand.keeping.needed_ms,
        most_ms: i64::try_from(most_ms).unwrap_or(i64::MAX),
    }
}

fn positions(errand: &Errand<'_>, look_back: LookBack) -> Result<Vec<Position>, ConsumerError> {
    let past = &*errand.shared.past;
    let Some(newest_ms) = newest_ms(errand)? else {
        return Ok(vec![Position::Committed; errand.committed.len()]);
    };
    let from_ms = look_back.begin_ms(newest_ms);
    let mut positions = Vec::new();
    let mut begun = Vec::new();
    for (source, committed) in errand.slot.inlet.sources().zip(&errand.committed) {
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

/// Whether every source has all records that `look_back` asks for.
fn reaches(errand: &Errand<'_>, look_back: LookBack) -> Result<bool, ConsumerError> {
    let past = &*errand.shared.past;
    let Some(newest_ms) = newest_ms(errand)? else {
        return Ok(false);
    };
    let from_ms = look_back.begin_ms(newest_ms);
    for source in errand.slot.inlet.sources() {
        if !reaches_back(&AskedLog { past, source }, from_ms)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A time that the newest record before what the group has committed is not older than, and newer by a minute
/// at most unless it is in the future; `None` where there is no record before that.
fn newest_ms(errand: &Errand<'_>) -> Result<Option<i64>, ConsumerError> {
    let past = &*errand.shared.past;
    let now_ms = clock::unix_ms();
    let mut newest_ms = None;
    for (source, committed) in errand.slot.inlet.sources().zip(&errand.committed) {
        if let Some(committed) = committed {
            let log = AskedLog { past, source };
            newest_ms = newest_ms.max(newest_before(&log, *committed, now_ms)?);
        }
    }
    Ok(newest_ms)
}

impl Log for AskedLog<'_> {
    type Error = ConsumerError;

    fn first_at(&self, time_ms: i64) -> Result<Option<i64>, ConsumerError> {
        self.past.first_at(self.source, time_ms, ASK_WAIT)
    }
}
