//! Lanes of several sources: what is waited for, what is committed.

use std::time::Duration;

use tillwatch_records::Ticket;
use tillwatch_records::units::DurationMs;

use super::test_support::merged_lane::{Lane, topic};

#[test]
fn records_go_in_the_order_of_their_timestamps_then_of_the_topics() {
    let mut lane = Lane::new(3, |_| {});
    for (offset, timestamp_ms) in [10, 20, 20, 40, 90].into_iter().enumerate() {
        lane.append(0, offset as i64, Some(timestamp_ms));
    }
    lane.append(1, 7, Some(20));
    lane.append(1, 8, Some(100));
    lane.append(2, 0, Some(5));
    lane.append(2, 1, Some(30));
    lane.append(2, 2, Some(95));
    lane.assign(3);
    lane.turn();
    // What comes after the first source's last record is not known yet.
    assert_eq!(lane.seen(), ["2:0+1", "0:0+3", "1:7+1", "2:1+1", "0:3+2"]);
    lane.pass(19);
    assert!(lane.seen().is_empty());
    lane.pass(1);
    assert_eq!(lane.seen(), ["2:2+1!", "1:8+1!"]);
    // It was the right order after all, so the next one is certain again.
    lane.append(0, 5, Some(200));
    lane.append(1, 9, Some(201));
    lane.append(2, 3, Some(202));
    lane.turn();
    assert_eq!(lane.seen(), ["0:5+1"]);
}

#[test]
fn every_record_waits_for_a_topic_at_its_end_from_its_own_arrival() {
    let mut lane = Lane::new(2, |_| {});
    lane.assign(2);
    lane.append(0, 0, Some(1_000));
    lane.turn();
    lane.pass(15);
    lane.append(0, 1, Some(1_015));
    lane.turn();
    lane.pass(5);
    assert_eq!(lane.seen(), ["0:0+1!"]);
    // A label that was on its way comes in time.
    lane.append(1, 0, Some(1_010));
    lane.turn();
    assert_eq!(lane.seen(), ["1:0+1"]);
    lane.pass(14);
    assert!(lane.seen().is_empty());
    lane.pass(1);
    assert_eq!(lane.seen(), ["0:1+1!"]);
}

#[test]
fn with_no_wait_at_all_records_go_at_once_and_are_marked() {
    let mut lane = Lane::new(2, |settings| settings.merge_wait = DurationMs::from_ms(0));
    lane.assign(2);
    lane.append(0, 0, Some(1_000));
    lane.turn();
    assert_eq!(lane.seen(), ["0:0+1!"]);
}

#[test]
fn unread_records_are_waited_for_once_and_not_for_ever() {
    let mut lane = Lane::new(2, |_| {});
    lane.append(1, 0, Some(900));
    lane.source.hold_back(&topic(1), true);
    lane.assign(2);
    lane.append(0, 0, Some(1_000));
    lane.turn();
    lane.pass(9_999);
    assert!(lane.seen().is_empty());
    lane.pass(1);
    assert_eq!(lane.seen(), ["0:0+1!"]);
    lane.append(0, 1, Some(1_001));
    lane.turn();
    lane.pass(20);
    assert_eq!(
        lane.seen(),
        ["0:1+1!"],
        "it is given up until it gives a record"
    );
    lane.source.hold_back(&topic(1), false);
    lane.turn();
    lane.pass(20);
    // It belongs before both, so nothing is certain any more.
    assert_eq!(lane.seen(), ["1:0+1!"]);
    lane.append(0, 2, Some(1_002));
    lane.append(1, 1, Some(1_003));
    lane.turn();
    assert_eq!(lane.seen(), ["0:2+1!"]);
    let stats = lane.source.monitor().stats();
    let reordered: Vec<u64> = stats
        .partitions
        .iter()
        .map(|one| one.reordered_records)
        .collect();
    assert_eq!((stats.reordered_records, &reordered[..]), (1, &[0, 1][..]));
}

#[test]
fn a_record_from_the_future_holds_nobody_back() {
    let now_ms = 1_700_000_000_000;
    let mut lane = Lane::new(2, |_| {});
    lane.source.set_clock(now_ms);
    lane.append(1, 0, Some(now_ms + 2 * 3_600_000));
    lane.append(1, 1, Some(now_ms - 5));
    lane.append(1, 2, Some(now_ms + 30_000));
    for offset in 0..3 {
        lane.append(0, offset, Some(now_ms - 10 + 4 * offset));
    }
    lane.assign(2);
    lane.turn();
    // Half a minute is what clocks may differ by: that one waits for its turn.
    assert_eq!(lane.seen(), ["1:0+1!", "0:0+2!", "1:1+1!", "0:2+1!"]);
    assert_eq!(lane.source.monitor().stats().reordered_records, 1);
}

#[test]
fn a_fast_topic_is_not_buffered_without_bound_while_another_is_waited_for() {
    let mut lane = Lane::new(2, |_| {});
    lane.append(1, 0, Some(0));
    lane.source.hold_back(&topic(1), true);
    lane.assign(2);
    for offset in 0..20_000 {
        lane.append(0, offset, Some(offset));
    }
    for _ in 0..100 {
        lane.source.turn().unwrap();
    }
    let stats = lane.source.monitor().stats();
    let waiting = stats.partitions[0].pending_records;
    assert!((4_096..4_096 + 512).contains(&waiting), "{waiting}");
    lane.source.hold_back(&topic(1), false);
    while lane.runs.iter().map(|run| run.offsets.len()).sum::<usize>() < 20_001 {
        lane.source.turn().unwrap();
        lane.take_all();
        lane.runs.iter_mut().for_each(|run| drop(run.ticket.take()));
        lane.source.pass(Duration::from_millis(20));
    }
}

#[test]
fn a_source_that_is_not_read_since_the_lane_is_behind_is_not_given_up() {
    let mut lane = Lane::new(2, |settings| settings.lane_unsettled_records_max = 4);
    lane.append(0, 0, Some(0));
    lane.append(1, 0, Some(1));
    lane.append(0, 1, Some(2));
    lane.append(1, 1, Some(3));
    lane.append(0, 2, Some(4));
    lane.assign(2);
    lane.turn();
    lane.take_all();
    lane.append(1, 2, Some(5));
    lane.append(0, 3, Some(6));
    for _ in 0..10 {
        lane.source.pass(Duration::from_secs(10));
        lane.source.turn().unwrap();
        lane.take_all();
    }
    assert!(lane.runs.iter().all(|run| run.ticket.is_some()));
    assert_eq!(
        lane.runs.iter().map(|run| run.offsets.len()).sum::<usize>(),
        4
    );
    lane.runs.iter_mut().for_each(|run| drop(run.ticket.take()));
    for _ in 0..10 {
        lane.source.turn().unwrap();
        lane.take_all();
    }
    let marked = lane.runs.iter().filter(|run| run.is_marked).count();
    assert_eq!(
        (lane.runs.len(), marked),
        (6, 0),
        "its record was waited for"
    );
}

#[test]
fn what_is_committed_is_a_cut_through_all_sources() {
    let mut lane = Lane::new(2, |_| {});
    for (source, offset, timestamp_ms) in [(0, 0, 1), (1, 0, 2), (0, 1, 3), (1, 1, 4), (0, 2, 5)] {
        lane.append(source, offset, Some(timestamp_ms));
    }
    lane.assign(2);
    lane.turn();
    lane.take_all();
    let mut tickets: Vec<Ticket> = lane
        .runs
        .iter_mut()
        .filter_map(|run| run.ticket.take())
        .collect();
    assert_eq!(tickets.len(), 4);
    // The second one, which is the other source's, stays under way.
    let second = tickets.remove(1);
    drop(tickets);
    lane.source.commit();
    lane.turn();
    assert_eq!(lane.source.committed(&topic(0)), Some(1));
    assert_eq!(lane.source.committed(&topic(1)), None);
    lane.source.revoke(&[topic(0), topic(1)], || drop(second));
    assert_eq!(lane.source.committed(&topic(0)), Some(2));
    assert_eq!(lane.source.committed(&topic(1)), Some(2));
    // The next owner goes on behind the cut.
    lane.runs.clear();
    lane.append(1, 2, Some(6));
    lane.assign(2);
    lane.turn();
    assert_eq!(lane.seen(), ["0:2+1"]);
}

#[test]
fn a_lane_begins_where_the_last_of_its_sources_begins() {
    let mut lane = Lane::new(2, |_| {});
    lane.append(0, 0, Some(1));
    lane.append(1, 40, Some(2));
    lane.source.hold_back(&topic(1), true);
    lane.assign(2);
    lane.turn();
    let inlet = lane.host.inlet.lock().clone().unwrap();
    assert_eq!(
        inlet.start_offset(),
        i64::MAX,
        "nothing is known of the second one"
    );
    lane.source.hold_back(&topic(1), false);
    lane.turn();
    assert_eq!(inlet.start_offset(), 40);
}
