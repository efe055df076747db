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

/// Reads the log again from as far back as is needed and allowed; `None` when there is nothing to read.
pub fn look_back(errand: &Errand<'_>) -> Option<Vec<Position>> {
    match positions(errand, distance(errand), Extent::WhatIsThere) {
        Ok(positions) => begin(errand, positions, "no snapshot can be used"),
        Err(error) => {
            let source = errand.source();
            tracing::warn!(
                topic = &*source.topic,
                partition = source.partition,
                %error,
                "no snapshot can be used, but brokers do not say where the log is to be read again from: it is \
                 not"
            );
            None
        }
    }
}

/// As [`look_back`], but only where the log has all records that the lane needs to know, and may be read so
/// far back. Where brokers do not say, what a snapshot has is of more use.
pub fn read_all_again(errand: &Errand<'_>) -> Option<Vec<Position>> {
    let look_back = distance(errand);
    if errand.keeping.outlives_windows || look_back.needed_ms > look_back.most_ms {
        return None;
    }
    let positions = positions(errand, look_back, Extent::AllOrNothing).ok()?;
    begin(
        errand,
        positions,
        "the catalog was edited, and the log has all",
    )
}

/// What to do where the log does not reach back as far as is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    WhatIsThere,
    AllOrNothing,
}

/// Says where reading begins, for the reason `why`, if anything is read again.
fn begin(errand: &Errand<'_>, positions: Vec<Position>, why: &str) -> Option<Vec<Position>> {
    if positions
        .iter()
        .all(|position| *position == Position::Committed)
    {
        return None;
    }
    let source = errand.source();
    tracing::info!(
        topic = &*source.topic,
        partition = source.partition,
        ?positions,
        "{why}: the log is read again, without outputs"
    );
    Some(positions)
}

/// How far back the log is needed, and may be read.
fn distance(errand: &Errand<'_>) -> LookBack {
    let most_ms = errand.keeping.settings.replay_max.as_millis();
    LookBack {
        needed_ms: errand.keeping.needed_ms,
        most_ms: i64::try_from(most_ms).unwrap_or(i64::MAX),
    }
}

/// Where each source is to be read from.
fn positions(
    errand: &Errand<'_>,
    look_back: LookBack,
    extent: Extent,
) -> Result<Vec<Position>, ConsumerError> {
    let nothing = || Ok(vec![Position::Committed; errand.committed.len()]);
    if look_back.most_ms == 0 || errand.is_new() || !errand.is_wanted() {
        return nothing();
    }
    let past = &*errand.shared.past;
    let Some(newest_ms) = newest_ms(errand)? else {
        return nothing();
    };
    let from_ms = look_back.begin_ms(newest_ms);
    let mut positions = Vec::new();
    let mut begun = Vec::new();
    for (source, committed) in errand.slot.inlet.sources().zip(&errand.committed) {
        if extent == Extent::AllOrNothing && !reaches_back(&AskedLog { past, source }, from_ms)? {
            return nothing();
        }
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
