//! Which source's record is next, where a lane has several: `docs/rfc/0004-merged-topics.md`.

use std::time::Duration;

use super::strand::Strand;
use crate::limits::Limits;
use crate::moment::Moment;

/// A record stamped further ahead of this machine's clock than this does not wait for other sources to get
/// there: it would hold its own source back for as long. Far more than clocks of servers differ, and short
/// enough to be waited for.
const AHEAD_MAX_MS: i64 = 60_000;

/// The order of a lane's records, and what is waited for.
#[derive(Debug)]
pub(super) struct Merge {
    wait: Duration,
    unread_wait: Duration,
    sources: Vec<Source>,
    /// The highest place that was handed out.
    last: Option<Place>,
    /// Timestamps above it lie in the future.
    ahead_of_ms: i64,
    /// A record was handed out behind one that it belongs before: what the lane remembers may differ from
    /// what the order of the logs gives.
    is_disturbed: bool,
}

/// Place of a record in the order: its time, then the topic's place in the settings. Within a source,
/// offsets decide.
type Place = (i64, usize);

#[derive(Debug, Clone, Copy)]
struct Source {
    /// The highest timestamp that was handed out: the time of later records is not below it.
    time_ms: i64,
    /// Since when others wait for it.
    awaited_since: Option<Duration>,
    /// It holds unread records, was waited for in vain and is waited for no more until it gives one.
    is_given_up: bool,
}

/// Records of one source that may be handed out next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) strand: usize,
    pub(super) records: usize,
    /// Nothing that comes can belong before them.
    pub(super) is_certain: bool,
}

/// How a run lies in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// Its records that belong before one that was handed out earlier.
    pub(super) reordered: usize,
    /// It is not certain that a replay hands out the same before it.
    pub(super) is_marked: bool,
}

/// What a look at a lane gave.
#[derive(Debug, Clone, Default)]
pub(super) struct Waits {
    /// When to look again.
    pub(super) until: Option<Duration>,
    /// Sources that are given up from now on.
    pub(super) given_up: Vec<usize>,
}

impl Merge {
    /// For a lane of `sources` sources.
    pub(super) fn new(sources: usize, limits: &Limits) -> Self {
        let source = Source {
            time_ms: i64::MIN,
            awaited_since: None,
            is_given_up: false,
        };
        Self {
            wait: limits.merge_wait,
            unread_wait: limits.merge_unread_wait,
            sources: vec![source; sources],
            last: None,
            ahead_of_ms: i64::MAX,
            is_disturbed: false,
        }
    }

    /// What may be handed out now. As long as one source replays, records of those that do not have to wait:
    /// what was committed is a cut through all sources, and live records lie behind it.
    pub(super) fn choose(&self, strands: &[Strand]) -> Option<Run> {
        let is_replaying = strands.iter().any(Strand::replays);
        let has_turn = |strand: &Strand| strand.replays() || !is_replaying;
        if let Some(run) = self.ahead(strands, has_turn) {
            return Some(run);
        }
        let mut first: Option<Place> = None;
        let mut rival: Option<Place> = None;
        let mut is_certain = true;
        let strands_in_turn = strands.iter().enumerate();
        for (at, strand) in strands_in_turn.filter(|(_, strand)| has_turn(strand)) {
            let Some(timestamp_ms) = strand.timestamps_ms().next() else {
                let is_over = strand.end.is_some() || self.sources[at].is_given_up;
                if strand.paused || !is_over {
                    return None;
                }
                is_certain = false;
                continue;
            };
            let place = (timestamp_ms.max(self.sources[at].time_ms), at);
            if first.is_none_or(|first| place < first) {
                rival = first.replace(place);
            } else if rival.is_none_or(|rival| place < rival) {
                rival = Some(place);
            }
        }
        let (mut time_ms, at) = first?;
        let most = if is_certain {
            usize::MAX
        } else {
            strands[at].arrivals.matured()
        };
        let goes_before_rival = |timestamp_ms: &i64| {
            time_ms = time_ms.max(*timestamp_ms);
            *timestamp_ms <= self.ahead_of_ms && rival.is_none_or(|rival| (time_ms, at) < rival)
        };
        let run = strands[at].timestamps_ms().take(most);
        let records = run.take_while(goes_before_rival).count();
        (records > 0).then_some(Run {
            strand: at,
            records,
            is_certain,
        })
    }

    /// Takes note of what is handed out of `strand`.
    pub(super) fn hand_out(&mut self, run: Run, strand: &Strand) -> Order {
        let source = &mut self.sources[run.strand];
        let mut reordered = 0;
        for timestamp_ms in strand.timestamps_ms().take(run.records) {
            if timestamp_ms > self.ahead_of_ms {
                // It says nothing of the times of those behind it.
                reordered += 1;
                continue;
            }
            source.time_ms = source.time_ms.max(timestamp_ms);
            let place = (source.time_ms, run.strand);
            if self.last.is_some_and(|last| place < last) {
                reordered += 1;
            } else {
                self.last = Some(place);
            }
        }
        self.is_disturbed |= reordered > 0;
        Order {
            reordered,
            is_marked: self.is_disturbed || !run.is_certain,
        }
    }

    /// Takes note of the time and of what has come since the last look.
    pub(super) fn look(&mut self, at: Moment, strands: &mut [Strand]) -> Waits {
        self.ahead_of_ms = at.unix_ms.saturating_add(AHEAD_MAX_MS);
        let now = at.elapsed;
        let is_replaying = strands.iter().any(Strand::replays);
        let is_in_turn = |strand: &Strand| strand.replays() || !is_replaying;
        let mut in_turn = strands.iter().filter(|strand| is_in_turn(strand));
        let is_complete = in_turn.all(|strand| !strand.is_empty());
        let is_waiting = strands.iter().any(|strand| !strand.is_empty());
        let mut waits = Waits::default();
        for (index, (strand, source)) in strands.iter_mut().zip(&mut self.sources).enumerate() {
            strand.arrivals.note(now, strand.records());
            strand.arrivals.mature(now, self.wait);
            let mut next = strand.arrivals.next_at(self.wait);
            if !strand.is_empty() || strand.end.is_some() {
                source.awaited_since = None;
                source.is_given_up = false;
            } else if !is_waiting || strand.paused || !is_in_turn(strand) {
                // Nobody waits for it, or nothing of it is read since the lane is behind.
                source.awaited_since = None;
            } else if !source.is_given_up {
                let since = *source.awaited_since.get_or_insert(now);
                if now >= since + self.unread_wait {
                    source.is_given_up = true;
                    waits.given_up.push(index);
                } else {
                    next = Some(since + self.unread_wait);
                }
            }
            if !is_complete {
                waits.until = waits.until.into_iter().chain(next).min();
            }
        }
        waits
    }

    /// Records at the head of a source that are stamped too far in the future to wait.
    fn ahead(&self, strands: &[Strand], has_turn: impl Fn(&Strand) -> bool) -> Option<Run> {
        let is_ahead = |timestamp_ms: &i64| *timestamp_ms > self.ahead_of_ms;
        let in_turn = strands.iter().enumerate();
        let in_turn = in_turn.filter(|(_, records)| has_turn(records));
        let mut runs = in_turn.map(|(strand, records)| Run {
            strand,
            records: records.timestamps_ms().take_while(is_ahead).count(),
            is_certain: false,
        });
        runs.find(|run| run.records > 0)
    }
}
