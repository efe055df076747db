//! Lanes that leave while others go on.

use super::test_support::host::{Host, append, partition, setup};
use super::*;

/// A source whose host keeps its last calls, with two partitions that were read.
fn leaving() -> (MemorySource, Arc<Host>) {
    let (mut source, host) = setup(&[]);
    host.seen.lock().keeps_calls = true;
    source.assign(&partition(0));
    source.assign(&partition(1));
    while source.turn().unwrap() {}
    host.calls();
    (source, host)
}

#[test]
fn a_lane_that_stays_is_read_while_another_leaves() {
    let (mut source, host) = leaving();
    source.begin_to_revoke(&[partition(0)]);
    assert_eq!(host.calls(), ["leaving 0"]);
    // It drains; the other one flows.
    append(&mut source, 1, 20..25);
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["ready 1", "live 20+5"]);
    drop(host.tickets(0));
    // Its last call takes two seconds; the other one flows.
    source.turn().unwrap();
    assert_eq!(host.calls(), ["last call 0"]);
    for step in 0..20 {
        source.pass(Duration::from_millis(100));
        append(&mut source, 1, 25 + step..26 + step);
        source.turn().unwrap();
        let expected = format!("live {}+1", 25 + step);
        assert_eq!(host.calls(), ["ready 1".to_owned(), expected]);
    }
    assert_eq!(
        source.commits(),
        [],
        "it is not committed before its last call is over"
    );
    host.seen.lock().calls_kept.clear();
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["revoked 0"]);
    assert_eq!(source.committed(&partition(0)), Some(20));
}

#[test]
fn a_lane_has_its_last_call_as_soon_as_it_has_drained() {
    let (mut source, host) = leaving();
    source.begin_to_revoke(&[partition(0), partition(1)]);
    drop(host.tickets(1));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["leaving 0", "leaving 1", "last call 1"]);
    drop(host.tickets(0));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["last call 0"]);
    host.seen.lock().calls_kept.pop();
    source.turn().unwrap();
    assert_eq!(host.calls(), [] as [&str; 0], "they leave together");
    host.seen.lock().calls_kept.clear();
    source.turn().unwrap();
    assert_eq!(host.calls(), ["revoked 0", "revoked 1"]);
}

#[test]
fn a_last_call_is_waited_for_until_the_drain_timeout() {
    let (mut source, host) = leaving();
    drop(host.tickets(0));
    source.begin_to_revoke(&[partition(0)]);
    assert_eq!(host.calls(), ["leaving 0", "last call 0"]);
    let is_awaited = || host.seen.lock().calls_kept[0].is_awaited();
    source.pass(Duration::from_millis(9_999));
    source.turn().unwrap();
    assert!(is_awaited() && host.calls().is_empty());
    source.pass(Duration::from_millis(1));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["revoked 0"]);
    assert!(!is_awaited());
    assert_eq!(source.committed(&partition(0)), Some(20));
}

#[test]
fn what_does_not_drain_has_a_last_call_that_nobody_waits_for() {
    let (mut source, host) = leaving();
    source.begin_to_revoke(&[partition(0)]);
    source.pass(Duration::from_secs(10));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["leaving 0", "last call 0", "revoked 0"]);
    assert_eq!(source.commits(), []);
}

#[test]
fn a_last_commit_that_is_refused_is_asked_for_again() {
    let (mut source, host) = leaving();
    host.seen.lock().keeps_calls = false;
    drop(host.tickets(0));
    source.answer_commits(Answering::Refuse);
    source.begin_to_revoke(&[partition(0)]);
    source.turn().unwrap();
    assert_eq!(host.calls(), ["leaving 0", "last call 0"]);
    source.answer_commits(Answering::Store);
    source.pass(Duration::from_millis(100));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["revoked 0"]);
    assert_eq!(source.committed(&partition(0)), Some(20));
}

#[test]
fn a_last_commit_that_stays_refused_does_not_hold_the_group_up() {
    let (mut source, host) = leaving();
    host.seen.lock().keeps_calls = false;
    drop(host.tickets(0));
    source.answer_commits(Answering::Refuse);
    source.begin_to_revoke(&[partition(0)]);
    for _ in 0..9 {
        source.pass(Duration::from_millis(100));
        source.turn().unwrap();
    }
    assert_eq!(host.calls(), ["leaving 0", "last call 0"]);
    source.pass(Duration::from_millis(100));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["revoked 0"]);
    assert_eq!(source.commits(), []);
}

#[test]
fn a_lane_that_leaves_may_be_lost_meanwhile() {
    let (mut source, host) = leaving();
    drop(host.tickets(0));
    source.begin_to_revoke(&[partition(0)]);
    source.turn().unwrap();
    source.lose(&[partition(0)]);
    assert_eq!(host.calls(), ["leaving 0", "last call 0", "lost 0"]);
    assert!(!host.seen.lock().calls_kept[0].is_awaited());
    host.seen.lock().calls_kept.clear();
    while source.turn().unwrap() {}
    assert_eq!((host.calls(), source.commits()), (Vec::new(), Vec::new()));
}

#[test]
fn a_lost_lane_says_when_everything_that_it_took_is_delivered() {
    let (mut source, host) = leaving();
    let inlet = host.inlet(0);
    assert_eq!(inlet.settled(), None);
    let mut tickets = host.tickets(0);
    source.lose(&[partition(0)]);
    drop(tickets.remove(0));
    assert_eq!(inlet.settled(), None, "half of it is under way");
    drop(tickets);
    assert_eq!(inlet.settled(), Some(vec![Some(20)]));
    // What was given up is never settled.
    let other = host.inlet(1);
    let tickets = host.tickets(1);
    tickets[1].1.fail();
    drop(tickets);
    assert_eq!(other.settled(), None);
}
