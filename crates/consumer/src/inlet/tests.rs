use tillwatch_kafka::Properties;
use tillwatch_records::Settled;

use super::*;
use crate::error::ConsumerError;
use crate::incoming::Incoming;
use crate::settings::ConsumerSettings;

struct Numbered(i64);

impl Incoming for Numbered {
    fn offset(&self) -> i64 {
        self.0
    }

    fn append_to(&self, batch: &mut RawBatch) {
        let timestamp_ms = Some(1_700_000_000_000 + self.0);
        batch.push(self.0, timestamp_ms, None, Some(b"x"), []);
    }
}

fn inlet(batch_records_max: usize, position: Position) -> Arc<Inlet> {
    let mut settings = ConsumerSettings::new(vec!["t".to_owned()], "g", Properties::default());
    settings.batch_records_max = batch_records_max;
    let source = TopicPartition::new("t", 0);
    let inlet = Inlet::new(vec![source], Limits::of(&settings), Arc::default());
    inlet.begin(position);
    Arc::new(inlet)
}

fn push(inlet: &Inlet, offsets: impl IntoIterator<Item = i64>) -> bool {
    inlet
        .push(0, offsets.into_iter().map(Numbered), &BOUNDS)
        .tell
}

/// Nothing was deleted.
const BOUNDS: Bounds<'static> = Bounds {
    low: &|| Some(0),
    unix_ms: 1_700_000_000_000,
};

fn to_commit(inlet: &Inlet) -> Option<i64> {
    let offsets = inlet.request_commits();
    offsets.first().map(|(_, offset)| *offset)
}

/// What waits: first offset, records, whether it is live.
fn take_all(inlet: &Arc<Inlet>) -> Vec<(i64, usize, bool)> {
    let mut all = Vec::new();
    while let Some(taken) = inlet.take() {
        let (batch, is_live) = match &taken {
            Taken::Live(batch, _) => (batch, true),
            Taken::Replay(batch) => (batch, false),
            Taken::Lost(_) | Taken::Moved(_) => continue,
        };
        all.push((batch.get(0).offset, batch.len(), is_live));
    }
    all
}

#[test]
fn a_batch_never_mixes_replayed_and_live_records() {
    let replay = Position::Replay { from: 0, live: 10 };
    // In one burst, in bursts that end at the boundary, and before it, whether the lane takes meanwhile
    // or not.
    for bursts in [&[20][..], &[10, 20], &[7, 13, 20], &[9, 11, 20]] {
        for takes_meanwhile in [false, true] {
            let inlet = inlet(100, replay);
            let mut taken = Vec::new();
            let mut start = 0;
            for end in bursts {
                push(&inlet, start..*end);
                start = *end;
                if takes_meanwhile {
                    taken.extend(take_all(&inlet));
                }
            }
            taken.extend(take_all(&inlet));
            let next = taken.iter().fold(0, |next, (first, records, is_live)| {
                assert_eq!(*first, next, "{bursts:?}");
                let end = first + *records as i64;
                assert!(if *is_live { *first >= 10 } else { end <= 10 }, "{taken:?}");
                end
            });
            assert_eq!(next, 20);
            assert_eq!(to_commit(&inlet), Some(20));
        }
    }
}

#[test]
fn a_replay_that_meets_a_gap_goes_live_behind_it() {
    let inlet = inlet(100, Position::Replay { from: 0, live: 10 });
    push(&inlet, [1, 2, 9, 12, 13]);
    assert_eq!(take_all(&inlet), [(1, 3, false), (12, 2, true)]);
    assert_eq!(to_commit(&inlet), Some(14));
}

#[test]
fn full_batches_are_split_in_replay_as_they_are_live() {
    let inlet = inlet(4, Position::Replay { from: 0, live: 6 });
    push(&inlet, 0..12);
    assert_eq!(
        take_all(&inlet),
        [(0, 4, false), (4, 2, false), (6, 4, true), (10, 2, true)]
    );
}

#[test]
fn a_batch_that_settles_twice_fails_the_partition() {
    let inlet = inlet(100, Position::Committed);
    push(&inlet, 5..15);
    let Some(Taken::Live(_, ticket)) = inlet.take() else {
        panic!("records wait");
    };
    inlet.settle(0, 0, Settled::Delivered);
    drop(ticket);
    assert!(
        matches!(
            inlet.take_failure(),
            Some(ConsumerError::Ledger { offset: 5, .. })
        ),
        "the second one is found out"
    );
    assert!(inlet.take_failure().is_none(), "it is told once");
    assert_eq!(
        to_commit(&inlet),
        None,
        "what is done is not known any more"
    );
}

#[test]
fn begins_once_and_not_after_it_was_closed() {
    let told = inlet(100, Position::NotYet);
    assert_eq!(told.told(0), None);
    assert!(!told.begin(Position::NotYet));
    assert!(told.begin(Position::From(7)));
    assert!(!told.begin(Position::Committed));
    assert_eq!(told.told(0), Some(Begin::At(7)));
    let closed = inlet(100, Position::NotYet);
    closed.close();
    assert!(!closed.begin(Position::From(7)));
    assert_eq!(closed.told(0), None);
}

#[test]
fn offsets_that_go_back_end_the_partition_and_nothing_more_is_committed() {
    let inlet = inlet(4, Position::Committed);
    push(&inlet, 5..9);
    let first = inlet.take().unwrap();
    push(&inlet, [9, 10, 3, 4]);
    drop(first);
    let error = inlet.take_failure().unwrap();
    assert!(
        matches!(
            error,
            ConsumerError::OffsetsFell {
                expected: 11,
                found: 3,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        to_commit(&inlet),
        None,
        "what was settled is of other records"
    );
    assert_eq!(
        take_all(&inlet),
        [(9, 2, true)],
        "nothing of the new log is handed out"
    );
    assert!(inlet.unconfirmed().is_empty());
}

#[test]
fn an_end_that_goes_back_is_as_bad() {
    let inlet = inlet(4, Position::Committed);
    push(&inlet, 5..9);
    inlet.note_end(0, 9, &BOUNDS);
    assert!(inlet.take_failure().is_none());
    inlet.note_end(0, 0, &BOUNDS);
    assert!(matches!(
        inlet.take_failure(),
        Some(ConsumerError::OffsetsFell { found: 0, .. })
    ));
}

#[test]
fn a_partition_of_control_records_is_committed_to_its_end() {
    let inlet = inlet(10, Position::Committed);
    push(&inlet, 0..3);
    let taken = inlet.take();
    // A transaction's end, which is no record.
    inlet.note_end(0, 4, &BOUNDS);
    assert_eq!(to_commit(&inlet), None, "a record is under way");
    drop(taken);
    assert_eq!(to_commit(&inlet), Some(4));
    let position = &inlet.counted()[0].counters.position;
    assert_eq!(known(position), Some(4), "nothing more is to be read");
}

#[test]
fn what_was_not_taken_when_it_closed_is_not_committed() {
    let inlet = inlet(10, Position::Committed);
    push(&inlet, 0..3);
    inlet.note_end(0, 3, &BOUNDS);
    inlet.close();
    assert!(inlet.unconfirmed().is_empty());
    assert_eq!(to_commit(&inlet), None);
}

#[test]
fn an_idle_partition_commits_where_it_stands_and_a_replay_does_not() {
    let idle = inlet(100, Position::Committed);
    idle.note_end(0, 42, &BOUNDS);
    assert_eq!(to_commit(&idle), Some(42));
    let replay = inlet(100, Position::Replay { from: 0, live: 50 });
    replay.note_end(0, 42, &BOUNDS);
    assert_eq!(to_commit(&replay), None, "the group has committed more");
}

#[test]
fn a_commit_that_does_not_move_is_seen() {
    let inlet = inlet(100, Position::Committed);
    let source = TopicPartition::new("t", 0);
    assert!(inlet.occupancy(0).stalled_since.is_none());
    push(&inlet, 0..10);
    let since = inlet.occupancy(0).stalled_since;
    assert!(since.is_some() && inlet.occupancy(0).committed_at.is_none());
    take_all(&inlet);
    push(&inlet, 10..20);
    assert_eq!(inlet.occupancy(0).stalled_since, since);
    inlet.note_stored(&source, 10);
    assert!(inlet.occupancy(0).stalled_since > since, "ten more wait");
    take_all(&inlet);
    inlet.note_stored(&source, 20);
    assert!(
        inlet.occupancy(0).stalled_since.is_none() && inlet.occupancy(0).committed_at.is_some()
    );
}

#[test]
fn what_is_replayed_waits_for_no_commit_and_is_not_late() {
    let inlet = inlet(4, Position::Replay { from: 0, live: 10 });
    let standing = || {
        let occupancy = inlet.occupancy(0);
        let is_stalled = occupancy.stalled_since.is_some();
        (is_stalled, occupancy.oldest_ms, occupancy.settled_to)
    };
    push(&inlet, 0..8);
    assert_eq!(standing(), (false, None, Some(10)));
    assert!(inlet.take().is_some());
    assert_eq!(standing(), (false, None, Some(10)));
    push(&inlet, 8..12);
    let oldest_ms = Some(1_700_000_000_010);
    assert_eq!(standing(), (true, oldest_ms, Some(10)));
    // Replayed up to 8, then to the end.
    assert!(inlet.take().is_some() && inlet.take().is_some());
    let Some(Taken::Live(_, ticket)) = inlet.take() else {
        panic!("the replay is over");
    };
    assert_eq!(standing(), (true, oldest_ms, Some(10)));
    drop(ticket);
    assert_eq!(standing(), (true, None, Some(12)));
    inlet.note_stored(&TopicPartition::new("t", 0), 12);
    assert_eq!(standing(), (false, None, Some(12)));
}

#[test]
fn an_idle_lane_gives_the_room_of_a_burst_back() {
    let inlet = inlet(10_000, Position::Committed);
    let work_off = |records: i64, from: i64| {
        push(&inlet, from..from + records);
        let held = inlet.occupancy(0).held_bytes;
        let Some(Taken::Live(batch, ticket)) = inlet.take() else {
            panic!("they are live");
        };
        assert_eq!(batch.len(), records as usize);
        inlet.recycle(batch);
        drop(ticket);
        held
    };
    // Little is kept for what comes next.
    work_off(10, 0);
    assert!(inlet.take().is_none());
    let kept = inlet.occupancy(0).held_bytes;
    assert!(0 < kept && kept <= 64 * 1024, "{kept}");
    // While more may come, all of a burst's room is.
    let held = work_off(10_000, 10);
    assert!(held > 64 * 1024, "{held}");
    assert!(inlet.occupancy(0).held_bytes >= held);
    assert!(inlet.take().is_none());
    assert!(inlet.occupancy(0).held_bytes <= 64 * 1024);
}
