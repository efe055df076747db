//! What lanes are told in order with their records.

use tillwatch_kafka::TopicIdentity;

use super::test_support::host::{append, empty, partition, setup};
use super::*;
use crate::inlet::Taken;
use crate::notice::Lost;
use crate::position::Position;

const NOW_MS: i64 = 1_700_000_100_000;

#[test]
fn a_lane_is_told_of_a_loss_between_the_records_around_it() {
    let (mut source, host) = setup(&[]);
    source.set_clock(NOW_MS);
    source.assign(&partition(0));
    source.turn().unwrap();
    append(&mut source, 0, 20..50);
    source.forget_before(&partition(0), 45);
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        [
            "assigned 0",
            "ready 0",
            "live 0+10",
            "live 10+10",
            "ready 0",
            "lost 20..45",
            "live 45+5"
        ]
    );
    let lost = Lost {
        source: partition(0),
        from: 20,
        to: 45,
        newest_ms: NOW_MS,
    };
    assert_eq!(host.seen.lock().losses, [lost], "by this machine's clock");
}

#[test]
fn what_waits_from_before_a_loss_goes_first() {
    let (mut source, host) = setup(&[]);
    host.seen.lock().takes_late = true;
    source.assign(&partition(0));
    source.turn().unwrap();
    append(&mut source, 0, 20..50);
    source.forget_before(&partition(0), 45);
    while source.turn().unwrap() {}
    host.take(&host.inlet(0));
    let expected = ["live 0+10", "live 10+10", "lost 20..45", "live 45+5"];
    assert_eq!(host.calls()[2..], expected);
}

#[test]
fn a_loss_with_nothing_behind_it_is_told_at_once() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    append(&mut source, 0, 20..30);
    source.forget_before(&partition(0), 30);
    host.calls();
    while source.turn().unwrap() {}
    source.turn().unwrap();
    assert_eq!(host.calls(), ["ready 0", "lost 20..30"]);
    // The next record begins a batch, and a second loss is told by itself.
    append(&mut source, 0, 30..31);
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["ready 0", "live 30+1"]);
}

#[test]
fn losses_that_nobody_has_taken_become_one() {
    let (mut source, host) = setup(&[]);
    host.seen.lock().takes_late = true;
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    for end in [30, 40] {
        append(&mut source, 0, end - 10..end);
        source.forget_before(&partition(0), end);
        while source.turn().unwrap() {}
    }
    host.take(&host.inlet(0));
    assert_eq!(host.calls().last().unwrap(), "lost 20..40");
}

#[test]
fn every_partition_that_lost_records_is_told() {
    let (mut source, host) = setup(&[]);
    for number in 0..2 {
        source.assign(&partition(number));
        source.turn().unwrap();
        drop(host.tickets(number));
        source.revoke(&[partition(number)], || {});
        append(&mut source, number, 20..40);
        source.forget_before(&partition(number), 30 + i64::from(number));
    }
    host.calls();
    for number in 0..2 {
        source.assign(&partition(number));
    }
    while source.turn().unwrap() {}
    while source.turn().unwrap() {}
    let calls = host.calls();
    let losses: Vec<&String> = calls.iter().filter(|call| call.contains("lost")).collect();
    assert_eq!(losses, ["lost 20..30", "lost 20..31"]);
    let stats = source.monitor().stats();
    let lost: Vec<u64> = stats
        .partitions
        .iter()
        .map(|one| one.lost_records)
        .collect();
    assert_eq!(lost, [10, 11]);
}

#[test]
fn other_gaps_are_no_loss() {
    let (mut source, host) = setup(&[]);
    source.forget_before(&partition(0), 5);
    source.assign(&partition(0));
    append(&mut source, 0, 60..61);
    append(&mut source, 0, 75..76);
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        ["assigned 0", "ready 0", "live 5+10", "live 15+7"],
        "and batches are not cut there"
    );
}

#[test]
fn a_log_that_ends_before_the_offset_that_the_host_asked_for_is_another_one() {
    for position in [Position::From(30), Position::Replay { from: 30, live: 40 }] {
        let (mut source, host) = setup(&[(0, position)]);
        source.assign(&partition(0));
        let error = loop {
            match source.turn() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, ConsumerError::OffsetsFell { expected: 30, .. }),
            "{error}"
        );
        assert_eq!(host.calls(), ["assigned 0"], "nothing of it is handed out");
    }
}

#[test]
fn a_log_that_ends_within_the_replay_is_another_one() {
    let (mut source, host) = setup(&[(0, Position::Replay { from: 5, live: 30 })]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    let replayed = ["assigned 0", "ready 0", "replay 5+10", "replay 15+5"];
    assert_eq!(host.calls(), replayed);
    // What takes the offsets of lost records is new.
    append(&mut source, 0, 20..25);
    source.pass(Duration::from_millis(4_999));
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), [] as [&str; 0]);
    source.pass(Duration::from_millis(1));
    let error = source.turn().unwrap_err();
    let ConsumerError::OffsetsFell {
        expected, found, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((expected, found), (30, 20));
    source.revoke(&[partition(0)], || {});
    assert_eq!((host.tickets(0).len(), source.commits()), (0, Vec::new()));
}

#[test]
fn an_end_that_is_too_low_for_a_moment_is_not_believed() {
    let (mut source, host) = setup(&[(0, Position::Replay { from: 5, live: 30 })]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    host.calls();
    source.pass(Duration::from_secs(4));
    source.turn().unwrap();
    append(&mut source, 0, 20..35);
    while source.turn().unwrap() {}
    source.pass(Duration::from_secs(4));
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["ready 0", "replay 20+10", "live 30+5"]);
}

#[test]
fn all_lanes_are_told_when_keys_may_have_moved() {
    let (mut source, host) = setup(&[]);
    source.describe("payments", identity(2, "a"));
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    host.calls();
    source.describe("payments", identity(2, "a"));
    source.describe("other", identity(2, "b"));
    source.describe("other", identity(3, "b"));
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), [] as [&str; 0]);
    source.describe("payments", identity(3, "a"));
    append(&mut source, 0, 20..21);
    while source.turn().unwrap() {}
    let expected = ["ready 0", "moved 2->3 0", "ready 0", "live 20+1"];
    assert_eq!(host.calls(), expected);
    assert_eq!(host.inlet(0).partitions(), [Some(3)]);
    // The lane of the new partition is told before its first record.
    append(&mut source, 2, 0..1);
    source.assign(&partition(2));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        [
            "assigned 2",
            "ready 2",
            "moved 2->3 2",
            "ready 2",
            "live 0+1"
        ]
    );
}

#[test]
fn a_topic_that_is_made_anew_is_known_by_its_id() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    assert_eq!(host.inlet(0).topic_ids(), [None]);
    source.describe("payments", identity(2, "a"));
    while source.turn().unwrap() {}
    assert_eq!(host.inlet(0).topic_ids(), [Some("a".to_owned())]);
    drop(host.tickets(0));
    source.describe("payments", identity(2, "b"));
    let error = source.turn().unwrap_err();
    let ConsumerError::TopicRemade { before, after, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((before.as_str(), after.as_str()), ("a", "b"));
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.commits(), [], "its offsets are of other records");
}

#[test]
fn a_lane_that_comes_knows_what_its_topics_were_told_to_be() {
    let (mut source, host) = setup(&[]);
    source.describe("payments", identity(2, "a"));
    source.describe("other", identity(7, "b"));
    source.assign(&partition(0));
    let inlet = host.inlet(0);
    assert_eq!(inlet.partitions(), [Some(2)]);
    assert_eq!(inlet.topic_ids(), [Some("a".to_owned())]);
}

#[test]
fn a_lane_says_of_its_topics_what_it_was_told() {
    let (mut source, host) = setup(&[]);
    host.seen.lock().takes_late = true;
    source.describe("payments", identity(2, "a"));
    source.assign(&partition(0));
    let inlet = host.inlet(0);
    source.describe("payments", identity(3, "a"));
    source.turn().unwrap();
    // A cut of what it holds now must not say that keys are spread over three.
    assert_eq!(inlet.partitions_told(), [Some(2)]);
    host.take(&inlet);
    assert_eq!(inlet.partitions_told(), [Some(3)]);
    // Nothing is told any more once it leaves, and its last cut says so.
    drop(host.tickets(0));
    source.describe("payments", identity(4, "a"));
    source.begin_to_revoke(&[partition(0)]);
    source.describe("payments", identity(5, "a"));
    assert!(inlet.take().is_none());
    assert_ne!(inlet.partitions_told(), [Some(5)]);
}

#[test]
fn nothing_is_read_before_it_is_known_which_topic_it_is() {
    let replay = Position::Replay { from: 3, live: 5 };
    for (position, then) in [
        (Position::Committed, "live 0+10"),
        (Position::From(5), "live 5+10"),
        (replay, "replay 3+2"),
        (Position::NotYet, "located at None 0"),
    ] {
        let (mut source, host) = setup(&[(0, position)]);
        source.await_topics();
        source.assign(&partition(0));
        while source.turn().unwrap() {}
        source.describe("other", identity(1, "a"));
        while source.turn().unwrap() {}
        assert_eq!(host.calls(), ["assigned 0"], "{position:?}");
        source.describe("payments", identity(2, "a"));
        while source.turn().unwrap() {}
        let calls = host.calls();
        assert!(calls.iter().any(|call| call == then), "{calls:?}");
    }
}

#[test]
fn a_lane_of_several_topics_waits_for_all_of_them() {
    let (mut source, host) = setup(&[]);
    source.await_topics();
    let other = TopicPartition::new("labels", 0);
    source.assign_merged(&[partition(0), other]);
    source.describe("payments", identity(2, "a"));
    source.turn().unwrap();
    source.turn().unwrap();
    let first = || host.inlet(0).starts()[0].1;
    assert_eq!(first(), None);
    source.describe("labels", identity(2, "b"));
    source.turn().unwrap();
    assert_eq!(first(), Some(0));
}

#[test]
fn every_batch_of_a_lane_says_the_same_topic_id() {
    let (mut source, host) = setup(&[]);
    host.seen.lock().takes_late = true;
    source.await_topics();
    let said = |source: &mut MemorySource| {
        while source.turn().unwrap() {}
        let mut said = Vec::new();
        while let Some(taken) = host.inlet(0).take() {
            let Taken::Live(batch, _) = taken else {
                continue;
            };
            said.push(batch.topic_id().map(|id| id.as_str().to_owned()));
            host.inlet(0).recycle(batch);
        }
        said
    };
    source.assign(&partition(0));
    let of = |id: Option<&str>| TopicIdentity {
        partitions: 2,
        id: id.map(str::to_owned),
    };
    source.describe("payments", of(None));
    assert_eq!(said(&mut source), [None, None]);
    // A broker that gives ids has joined: that is for the lanes that follow.
    source.describe("payments", identity(2, "a"));
    append(&mut source, 0, 20..35);
    assert_eq!(said(&mut source), [None, None]);
    assert_eq!(host.inlet(0).topic_ids(), [Some("a".to_owned())]);
    source.revoke(&[partition(0)], || {});
    source.assign(&partition(0));
    // Others that give none are still there.
    source.describe("payments", of(None));
    for next in 35..37 {
        append(&mut source, 0, next..next + 1);
        assert_eq!(said(&mut source), [Some("a".to_owned())]);
    }
}

#[test]
fn a_replay_says_what_is_left_of_it() {
    let (mut source, host) = empty(|settings| settings.batch_records_max = 10);
    host.seen.lock().takes_late = true;
    *host.positions.lock() = [(0, Position::NotYet)].into();
    append(&mut source, 0, 0..20);
    source.assign(&partition(0));
    let inlet = host.inlet(0);
    assert_eq!(inlet.replay_left(), None);
    inlet.begin(Position::Replay { from: 3, live: 15 });
    assert_eq!(inlet.replay_left(), Some(12));
    while source.turn().unwrap() {}
    assert_eq!(inlet.replay_left(), Some(12), "nothing of it was taken yet");
    assert!(inlet.take().is_some());
    assert_eq!(inlet.replay_left(), Some(2));
    host.take(&inlet);
    assert_eq!(inlet.replay_left(), Some(0));
}

fn identity(partitions: usize, id: &str) -> TopicIdentity {
    TopicIdentity {
        partitions,
        id: Some(id.to_owned()),
    }
}
