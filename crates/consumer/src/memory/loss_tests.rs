//! Records that are lost, positions that nobody has committed, logs that are made anew.

use super::test_support::host::{Host, append, empty, partition, setup};
use super::*;
use crate::position::Position;
use crate::settings::Start;

#[test]
fn records_that_were_deleted_before_they_were_read_are_counted() {
    // Before the start: 5 was committed, and the log begins at 12.
    let (mut source, host) = setup(&[(0, Position::From(5))]);
    source.assign(&partition(0));
    source.turn().unwrap();
    let mut tickets = host.tickets(0);
    drop(tickets.remove(0));
    source.revoke(&[partition(0)], || {});
    drop(tickets);
    assert_eq!(source.committed(&partition(0)), Some(15));
    host.positions.lock().clear();
    source.forget_before(&partition(0), 18);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    assert_eq!(source.monitor().stats().lost_records, 3);
    // While it runs: 30 records more, of which 25 are gone at once.
    append(&mut source, 0, 20..50);
    source.forget_before(&partition(0), 45);
    while source.turn().unwrap() {}
    let stats = source.monitor().stats();
    assert_eq!(
        (stats.lost_records, stats.partitions[0].lost_records),
        (28, 28)
    );
    // What compaction leaves is not lost.
    append(&mut source, 0, 60..61);
    append(&mut source, 0, 75..76);
    while source.turn().unwrap() {}
    assert_eq!(source.monitor().stats().lost_records, 28);
    // All that was left is gone, and nothing has come since.
    append(&mut source, 0, 76..80);
    source.forget_before(&partition(0), 80);
    while source.turn().unwrap() {}
    assert_eq!(source.monitor().stats().lost_records, 32);
    source.revoke(&[partition(0)], || drop(host.tickets(0)));
    assert_eq!(
        source.monitor().stats().lost_records,
        32,
        "they stay counted"
    );
}

#[test]
fn an_idle_partition_that_starts_at_its_end_commits_where_it_began() {
    let (mut source, host) = at_the_end();
    while source.turn().unwrap() {}
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
    source.revoke(&[partition(0)], || {});
    // What is sent while nobody reads is read by whoever comes next.
    append(&mut source, 0, 20..25);
    host.calls();
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["assigned 0", "ready 0", "live 20+5"]);
}

#[test]
fn a_lane_that_is_begun_late_starts_at_the_end_likewise() {
    let (mut source, host) = empty(|settings| settings.start = Start::Latest);
    *host.positions.lock() = [(0, Position::NotYet)].into();
    append(&mut source, 0, 0..20);
    source.assign(&partition(0));
    source.turn().unwrap();
    assert_eq!(host.calls(), ["assigned 0", "located at None 0"]);
    host.inlet(0).begin(Position::Committed);
    source.turn().unwrap();
    append(&mut source, 0, 20..21);
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["ready 0", "live 20+1"]);
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
}

#[test]
fn where_it_began_is_committed_before_the_first_record_is_done() {
    let (mut source, host) = at_the_end();
    // The position is taken, then a record comes and is not done when the process dies.
    source.turn().unwrap();
    append(&mut source, 0, 20..21);
    source.turn().unwrap();
    let tickets = host.tickets(0);
    source.commit();
    source.turn().unwrap();
    assert_eq!(source.commits(), [(partition(0), 20)]);
    source.lose(&[partition(0)]);
    drop(tickets);
    source.assign(&partition(0));
    host.calls();
    while source.turn().unwrap() {}
    assert_eq!(host.calls(), ["ready 0", "live 20+1"]);
}

#[test]
fn a_topic_that_is_made_anew_ends_the_run_and_commits_nothing_more() {
    let (mut source, host) = setup(&[]);
    source.assign(&partition(0));
    while source.turn().unwrap() {}
    drop(host.tickets(0));
    source.commit();
    source.turn().unwrap();
    append(&mut source, 0, 20..30);
    while source.turn().unwrap() {}
    source.make_anew(&partition(0));
    append(&mut source, 0, 0..7);
    let error = loop {
        match source.turn() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(
        matches!(
            error,
            ConsumerError::OffsetsFell {
                expected: 30,
                found: 0,
                ..
            }
        ),
        "{error}"
    );
    source.revoke(&[partition(0)], || drop(host.tickets(0)));
    assert_eq!(source.commits(), [(partition(0), 20)]);
}

/// A source that starts at the end, with a partition of 20 records that is assigned, and its host.
fn at_the_end() -> (MemorySource, Arc<Host>) {
    let (mut source, host) = empty(|settings| settings.start = Start::Latest);
    append(&mut source, 0, 0..20);
    source.assign(&partition(0));
    (source, host)
}
