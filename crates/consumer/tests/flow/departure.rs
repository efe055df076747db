//! Partitions that move while others are read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tillwatch_testkit::broker::{TestRecord, committed, produce};

use crate::host::{Member, Treatment, settings, wait};
use crate::{PARTITIONS, TOPIC, mock};

/// How long the lanes that leave take for their last calls.
const LINGER: Duration = Duration::from_secs(2);

fn record(partition: i32) -> TestRecord {
    TestRecord {
        partition,
        payload: Some(b"x".to_vec()),
        ..TestRecord::default()
    }
}

#[test]
fn partitions_that_stay_are_read_while_others_take_their_time_to_leave() {
    let mock = mock();
    let mut settings = settings(mock.brokers(), TOPIC, "g");
    settings.drain_timeout = tillwatch_records::units::DurationMs::from_ms(20_000);
    let first = Member::start(&settings, Treatment::SettleAndLinger(LINGER));
    let host = std::sync::Arc::clone(&first.host);
    host.wait("all partitions", |seen| seen.assigned.len() == 4);
    let second = Member::start(&settings, Treatment::Settle);
    // Sends to all partitions, and notes how long the newest record of each was under way.
    let mut sent = 0;
    let mut longest: BTreeMap<i32, Duration> = BTreeMap::new();
    let mut last_calls = None;
    let deadline = Instant::now() + Duration::from_secs(30);
    while host.seen.lock().revoked.len() < 2 {
        assert!(Instant::now() < deadline, "two partitions move");
        produce(mock.brokers(), TOPIC, (0..PARTITIONS).map(record)).unwrap();
        sent += 1;
        let at = Instant::now();
        let leaves = |partition: i32| host.inlet(partition).is_closed();
        let is_read = |partition: i32| {
            let seen = host.seen.lock();
            let offsets = seen.offsets.get(&partition);
            offsets.is_some_and(|offsets| offsets.len() >= sent)
        };
        for partition in 0..PARTITIONS {
            wait("the record of a partition that stays", || {
                is_read(partition) || leaves(partition)
            });
            if !leaves(partition) {
                let longest = longest.entry(partition).or_default();
                *longest = (*longest).max(at.elapsed());
            }
        }
        if last_calls.is_none() && !host.seen.lock().last_calls.is_empty() {
            last_calls = Some((Instant::now(), sent));
        }
    }
    let (since, sent_before) = last_calls.expect("two lanes had their last call");
    // As long as the last calls take, records flow.
    assert!(since.elapsed() > LINGER / 2, "{:?}", since.elapsed());
    assert!(sent >= sent_before + 2, "{sent} after {sent_before}");
    let moved = host.seen.lock().revoked.clone();
    longest.retain(|partition, _| !moved.contains(partition));
    assert_eq!(longest.len(), 2);
    // Some 20 ms on a machine that does nothing else.
    assert!(
        longest.values().all(|time| *time < LINGER / 2),
        "{longest:?}"
    );
    wait("the second member to have its share", || {
        second.host.seen.lock().assigned.len() == 2
    });
    // The mock coordinator refuses commits while members join or leave, so all is committed before.
    let everything = vec![Some(sent as i64); 4];
    wait("all commits", || {
        committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap() == everything
    });
    second.finish().unwrap();
    first.finish().unwrap();
}
