use tillwatch_kafka::Begin;

use super::test_support::host::{append, empty, partition, setup};
use super::*;
use crate::inlet::Taken;
use crate::position::Position;

#[test]
fn hands_out_commits_and_gives_up_in_order() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        ["assigned 0", "ready 0", "live 0+10", "live 10+10"]
    );
    source.revoke(&[partition(0)], || {
        assert!(host.inlet(0).is_closed(), "closed before it drains");
        assert_eq!(
            host.calls(),
            ["leaving 0"],
            "and drained before anything else"
        );
        drop(host.tickets(0));
    });
    assert_eq!(host.calls(), ["last call 0", "revoked 0"]);
    assert_eq!(source.commits(), [(partition(0), 20)]);
    // Whoever comes next begins there.
    append(&mut source, 0, 20..25);
    source.assign(&partition(0));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["assigned 0", "ready 0", "live 20+5"]);
}

#[test]
fn the_last_commit_comes_after_the_last_call() {
    let (mut source, host) = setup(&[]);
    host.seen.lock().settles_late = true;
    source.assign(&partition(0));
    source.turn().unwrap();
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.committed(&partition(0)), Some(20));
}

#[test]
fn reading_does_not_pause_for_what_the_outputs_hold() {
    let read = |outputs_hold_records_max| {
        let (mut source, host) = empty(|settings| {
            settings.batch_records_max = 10;
            settings.lane_unsettled_records_max = 20;
            settings.outputs_hold_records_max = outputs_hold_records_max;
        });
        source.assign(&partition(0));
        // Nothing is acknowledged, as by a file that waits for more rows.
        for round in 0..10 {
            append(&mut source, 0, round * 10..round * 10 + 10);
            source.turn().unwrap();
        }
        host.tickets(0).len()
    };
    assert_eq!(read(0), 2);
    assert_eq!(read(50), 7);
}

#[test]
fn what_is_not_settled_when_a_partition_leaves_is_read_again() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let mut tickets = host.tickets(0);
    let late = tickets.pop().unwrap();
    source.revoke(&[partition(0)], || drop(tickets));
    drop(late);
    assert_eq!(source.committed(&partition(0)), Some(10));
    host.calls();
    source.assign(&partition(0));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["assigned 0", "ready 0", "live 10+10"]);
}

#[test]
fn only_the_settled_prefix_is_committed() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let mut tickets = host.tickets(0);
    drop(tickets.pop());
    source.commit();
    assert_eq!(source.commits(), []);
    drop(tickets);
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
}

#[test]
fn a_partition_that_is_not_begun_waits_while_the_other_flows() {
    let (mut source, host) = setup(&[(1, Position::NotYet)]);
    source.assign(&partition(0));
    source.assign(&partition(1));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        [
            "assigned 0",
            "assigned 1",
            "located at None 1",
            "ready 0",
            "live 0+10",
            "live 10+10"
        ]
    );
    host.inlet(1).begin(Position::From(15));
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["ready 1", "live 15+5"]);
    // A partition that was never begun leaves like any other.
    source.revoke(&[partition(0), partition(1)], || {
        drop((host.tickets(0), host.tickets(1)));
    });
    assert_eq!(source.commits(), [(partition(0), 20), (partition(1), 20)]);
    host.calls();
    source.assign(&partition(1));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["assigned 1", "located at Some(20) 1"]);
    source.revoke(&[partition(1)], || {});
    assert_eq!(host.calls(), ["leaving 1", "last call 1", "revoked 1"]);
    assert_eq!(source.commits().len(), 2);
}

#[test]
fn a_replay_goes_live_and_commits_neither_below_nor_inside() {
    let replay = Position::Replay { from: 3, live: 14 };
    let (mut source, host) = setup(&[(0, replay)]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        [
            "assigned 0",
            "ready 0",
            "replay 3+10",
            "replay 13+1",
            "live 14+6"
        ]
    );
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), []);
    drop(host.tickets(0));
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
}

#[test]
fn a_partition_that_leaves_in_its_replay_commits_nothing() {
    let replay = Position::Replay { from: 0, live: 30 };
    let (mut source, host) = setup(&[(0, replay)]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.commits(), []);
    assert!(host.tickets(0).is_empty());
}

#[test]
fn a_replay_whose_beginning_is_gone_begins_at_what_is_left() {
    let (mut source, host) = setup(&[(0, Position::Replay { from: 0, live: 10 })]);
    source.forget_before(&partition(0), 8);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    assert_eq!(
        host.calls(),
        [
            "assigned 0",
            "ready 0",
            "lost 0..8",
            "replay 8+2",
            "live 10+10"
        ]
    );
}

#[test]
fn a_failed_batch_ends_the_run_and_nothing_from_it_on_is_committed() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let tickets = host.tickets(0);
    tickets[1].1.fail();
    drop(tickets);
    let error = source.turn().unwrap_err();
    assert!(
        matches!(error, ConsumerError::Delivery { offset: 10, .. }),
        "{error}"
    );
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.commits(), [(partition(0), 10)]);
}

#[test]
fn a_refused_commit_is_asked_for_again() {
    let (mut source, host) = setup(&[]);
    source.answer_commits(Answering::Refuse);
    source.assign(&partition(0));
    source.turn().unwrap();
    drop(host.tickets(0));
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), []);
    assert_eq!(source.monitor().stats().commits_failed, 1);
    source.answer_commits(Answering::Store);
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
}

#[test]
fn outputs_that_are_taken_back_end_the_run_and_are_made_again() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let mut tickets = host.tickets(0);
    drop(tickets.remove(0));
    source.commit();
    source.turn().unwrap();
    source.answer_commits(Answering::Abandon);
    drop(tickets);
    source.commit();
    let error = source.turn().unwrap_err();
    assert!(
        matches!(error, ConsumerError::Abandoned { offset: 10, .. }),
        "{error}"
    );
    // Not even the last commit stores what was taken back.
    source.answer_commits(Answering::Store);
    source.revoke(&[partition(0)], || {});
    assert_eq!(source.commits(), [(partition(0), 10)]);
}

#[test]
fn a_lost_partition_has_no_last_call_and_no_commit() {
    let (mut source, host) = setup(&[]);
    source.answer_commits(Answering::Silence);
    source.assign(&partition(0));
    source.assign(&partition(1));
    source.turn().unwrap();
    drop((host.tickets(0), host.tickets(1)));
    source.commit();
    host.calls();
    source.lose(&[partition(0)]);
    assert_eq!(host.calls(), ["lost 0"]);
    assert!(host.inlet(0).is_closed());
    // What was asked for of it is abandoned; the other partition's is stored.
    source.answer_commits(Answering::Store);
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(1), 20)]);
}

#[test]
fn records_arrive_whole() {
    let (mut source, host) = setup(&[(0, Position::From(19))]);
    source.assign(&partition(0));
    let (told, inlet) = (source.pump.take_told(), host.inlet(0));
    assert_eq!(told, [(partition(0), Begin::At(19))]);
    let feed = source.pump.feed_of(&partition(0)).unwrap();
    feed.next = Some(19);
    // Past the host, which would take the record.
    let bounds = Bounds {
        low: &|| Some(0),
        unix_ms: 0,
    };
    let pushed = feed.pour(&inlet, 0, &mut Vec::new(), &bounds, &mut Vec::new());
    assert!(pushed.tell);
    let Some(Taken::Live(batch, _ticket)) = inlet.take() else {
        panic!("a record waits");
    };
    let record = batch.get(0);
    assert_eq!((record.offset, batch.len()), (19, 1));
    assert_eq!(record.timestamp_ms, Some(1_700_000_000_019));
    assert_eq!(record.key, Some(&b"terminal"[..]));
    assert_eq!(record.payload, Some(&b"0:19"[..]));
    assert_eq!(record.headers().collect::<Vec<_>>(), [("kind", None)]);
}

#[test]
fn a_lane_that_stays_hears_of_its_commit_while_another_leaves() {
    for answering in [Answering::Store, Answering::Refuse] {
        let (mut source, host) = setup(&[]);
        source.answer_commits(Answering::Silence);
        source.assign(&partition(0));
        source.assign(&partition(1));
        source.turn().unwrap();
        drop((host.tickets(0), host.tickets(1)));
        source.commit();
        // The answer to that request comes while partition 0 leaves.
        source.answer_commits(answering);
        source.revoke(&[partition(0)], || {});
        let stats = source.monitor().stats();
        let stored = (answering == Answering::Store).then_some(20);
        assert_eq!(stats.partitions[0].source, partition(1));
        assert_eq!(stats.partitions[0].committed, stored);
        // A refusal is asked for again, though no record comes.
        source.answer_commits(Answering::Store);
        source.commit();
        source.turn().unwrap();
        assert_eq!(source.committed(&partition(1)), Some(20), "{answering:?}");
    }
}
