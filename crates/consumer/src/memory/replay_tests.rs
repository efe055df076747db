//! Replays of lanes of several sources.

use super::test_support::merged_lane::{Lane, Run};
use crate::position::Position;

/// Source and timestamp of records in the order in which they are merged; offsets count from 0.
const MERGED: [(usize, i64); 10] = [
    (1, 5),
    (0, 10),
    (0, 20),
    (1, 20),
    (1, 21),
    (0, 30),
    (1, 31),
    (0, 40),
    (0, 50),
    (1, 60),
];

/// A lane whose sources hold [`MERGED`].
fn lane() -> Lane {
    let mut lane = Lane::new(2, |_| {});
    let mut offsets = [0, 0];
    for (source, timestamp_ms) in MERGED {
        lane.append(source, offsets[source], Some(timestamp_ms));
        offsets[source] += 1;
    }
    lane
}

/// Takes what comes until nothing does: source, offset, and whether it was replayed.
fn take_all(lane: &mut Lane) -> Vec<(usize, i64, bool)> {
    for _ in 0..50 {
        lane.pass(1);
        lane.take_all();
    }
    let records = |run: Run| {
        let is_replay = run.ticket.is_none();
        let offsets = run.offsets.into_iter();
        offsets.map(move |offset| (run.source, offset, is_replay))
    };
    lane.runs.drain(..).flat_map(records).collect()
}

/// The offset of each source behind the first `count` merged records.
fn cut(count: usize) -> [i64; 2] {
    let of = |source| {
        let before = MERGED[..count].iter();
        before.filter(|(of, _)| *of == source).count() as i64
    };
    [of(0), of(1)]
}

#[test]
fn a_replay_merges_as_live_reading_does_and_ends_where_the_group_stands() {
    let mut live = lane();
    live.assign(2);
    let read = take_all(&mut live);
    assert_eq!(read.len(), MERGED.len());
    for committed in 0..=MERGED.len() {
        for began in 0..=committed {
            let (from, to) = (cut(began), cut(committed));
            let replay = |source: usize| Position::Replay {
                from: from[source],
                live: to[source],
            };
            let mut lane = lane();
            let inlet = lane.assign_at(&[replay(0), replay(1)]);
            assert_eq!(inlet.replay_left(), Some((committed - began) as u64));
            let replayed = take_all(&mut lane);
            let expected = read.iter().enumerate().skip(began);
            let expected: Vec<_> = expected
                .map(|(index, (source, offset, _))| (*source, *offset, index < committed))
                .collect();
            assert_eq!(replayed, expected, "from {from:?} to {to:?}");
            assert_eq!(inlet.replay_left(), Some(0));
            assert_eq!(lane.source.monitor().stats().reordered_records, 0);
        }
    }
}

#[test]
fn live_records_wait_for_every_replay() {
    let mut lane = Lane::new(2, |_| {});
    for offset in 0..4 {
        lane.append(0, offset, Some(10 + offset));
        lane.append(1, offset, Some(offset));
    }
    // The second source's live records lie before all that the first one replays.
    let positions = [
        Position::Replay { from: 0, live: 3 },
        Position::Replay { from: 2, live: 2 },
    ];
    lane.assign_at(&positions);
    lane.turn();
    lane.take_all();
    let first = &lane.runs[0];
    assert_eq!((first.source, &first.offsets[..]), (0, &[0, 1, 2][..]));
    assert!(first.ticket.is_none() && !first.is_marked);
    let second = &lane.runs[1];
    assert_eq!((second.source, &second.offsets[..]), (1, &[2, 3][..]));
    assert!(second.ticket.is_some());
}

#[test]
fn a_source_with_nothing_to_replay_is_not_waited_for() {
    let mut lane = Lane::new(2, |_| {});
    for offset in 0..3 {
        lane.append(0, offset, Some(offset));
    }
    let positions = [
        Position::Replay { from: 0, live: 3 },
        Position::Replay { from: 0, live: 0 },
    ];
    lane.assign_at(&positions);
    lane.turn();
    assert_eq!(lane.seen(), ["0:0+3"]);
}

#[test]
fn a_replay_does_not_stop_for_what_is_not_settled() {
    let mut lane = Lane::new(2, |settings| settings.lane_unsettled_records_max = 2);
    for offset in 0..3_000 {
        lane.append(0, offset, Some(2 * offset));
        lane.append(1, offset, Some(2 * offset + 1));
    }
    let replay = Position::Replay {
        from: 0,
        live: 1_500,
    };
    let inlet = lane.assign_at(&[replay, replay]);
    for _ in 0..10_000 {
        lane.source.turn().unwrap();
        lane.take_all();
    }
    assert_eq!(inlet.replay_left(), Some(0));
    let records = |is_live: bool| {
        let runs = lane.runs.iter();
        let runs = runs.filter(|run| run.ticket.is_some() == is_live);
        runs.map(|run| run.offsets.len()).sum::<usize>()
    };
    assert_eq!(records(false), 3_000);
    let live = records(true);
    assert!((2..2_000).contains(&live), "live reading stops: {live}");
}

#[test]
fn a_source_whose_replay_is_gone_says_so_and_holds_nobody_up() {
    let mut lane = lane();
    lane.source
        .forget_before(&super::test_support::merged_lane::topic(1), 4);
    let positions = [
        Position::Replay { from: 0, live: 2 },
        Position::Replay { from: 0, live: 3 },
    ];
    lane.assign_at(&positions);
    let records = take_all(&mut lane);
    assert_eq!(records[..2], [(0, 0, true), (0, 1, true)]);
    assert!(records[2..].iter().all(|(_, _, is_replay)| !is_replay));
    let losses = &lane.losses;
    assert_eq!(losses.len(), 1);
    assert_eq!((losses[0].from, losses[0].to), (0, 4));
}
