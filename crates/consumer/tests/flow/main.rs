//! The consumer against librdkafka's mock cluster, and against a real Kafka when its address is
//! given.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests measure how long things take, and their helpers may panic as they do"
)]

mod contract;
mod departure;
mod host;
mod merged;
mod newest;
mod real;

use std::time::{Duration, Instant};

use host::{Member, Treatment, complete, owned, settings, wait};
use tillwatch_consumer::{ConsumerError, probe};
use tillwatch_testkit::broker::{Mock, TestRecord, committed, produce};

const TOPIC: &str = "payments";
const PARTITIONS: i32 = 4;

fn records(per_partition: i64) -> impl Iterator<Item = TestRecord> {
    (0..per_partition).flat_map(|index| {
        (0..PARTITIONS).map(move |partition| TestRecord {
            partition,
            key: (index % 3 != 0).then(|| format!("terminal-{partition}").into_bytes()),
            payload: Some(format!("{partition}:{index}").into_bytes()),
            headers: if index % 2 == 0 {
                vec![
                    ("kind".to_owned(), Some(b"transaction".to_vec())),
                    ("none".to_owned(), None),
                ]
            } else {
                Vec::new()
            },
            timestamp_ms: Some(1_700_000_000_000 + index),
        })
    })
}

/// Waits until the broker confirmed `offset` for each partition of `member`.
fn committed_everywhere(member: &Member, offset: i64) {
    wait("the commits", || {
        let partitions = member.monitor.stats().partitions;
        partitions.len() == 4 && partitions.iter().all(|one| one.committed == Some(offset))
    });
}

fn mock() -> Mock {
    Mock::start(1, &[(TOPIC, PARTITIONS)]).unwrap()
}

#[test]
fn every_record_arrives_whole_and_in_order() {
    let mock = mock();
    produce(mock.brokers(), TOPIC, records(2_000)).unwrap();
    let mut settings = settings(mock.brokers(), TOPIC, "g");
    settings.batch_records_max = 300;
    let member = Member::start(&settings, Treatment::Settle);
    member
        .host
        .wait("all records", |seen| seen.count() == 8_000);
    wait("readiness", || member.monitor.is_ready());
    committed_everywhere(&member, 2_000);
    let stats = member.monitor.stats();
    assert_eq!(stats.records, 8_000);
    wait("lag of zero", || {
        let partitions = member.monitor.stats().partitions;
        partitions.iter().all(|one| one.lag() == Some(0))
    });
    {
        let seen = member.host.seen.lock();
        assert!(seen.largest_batch <= 300);
        for partition in 0..PARTITIONS {
            assert_eq!(seen.offsets[&partition], (0..2_000).collect::<Vec<_>>());
            for offset in 0..2_000 {
                let position = (partition, offset);
                assert_eq!(
                    seen.payloads[&position],
                    format!("{partition}:{offset}").into_bytes()
                );
                assert_eq!(seen.keys[&position].is_some(), offset % 3 != 0);
                assert_eq!(seen.timestamps[&position], Some(1_700_000_000_000 + offset));
                assert_eq!(
                    seen.headers[&position].len(),
                    if offset % 2 == 0 { 2 } else { 0 }
                );
            }
        }
        assert_eq!(
            seen.headers[&(0, 0)],
            vec![
                ("kind".to_owned(), Some(b"transaction".to_vec())),
                ("none".to_owned(), None)
            ]
        );
    }
    member.finish().unwrap();
    assert_eq!(
        committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap(),
        vec![Some(2_000); 4]
    );
}

#[test]
fn commits_only_what_is_settled() {
    let mock = mock();
    produce(mock.brokers(), TOPIC, records(100)).unwrap();
    let mut settings = settings(mock.brokers(), TOPIC, "g");
    settings.batch_records_max = 10;
    let member = Member::start(&settings, Treatment::Hold);
    member.host.wait("all records", |seen| seen.count() == 400);
    let mut tickets = member.host.release(0);
    // The last batch settles first: nothing may be committed for it.
    drop(tickets.pop());
    // Then the first two.
    let upto = tickets[2].0;
    drop(tickets.drain(..2));
    wait("the prefix to be committed", || {
        committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap()[0] == Some(upto)
    });
    let stored = committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap();
    assert_eq!(stored[1..], [None, None, None]);
    drop(tickets);
    for partition in 1..PARTITIONS {
        member.host.release(partition);
    }
    member.finish().unwrap();
    assert_eq!(
        committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap(),
        vec![Some(100); 4]
    );
}

#[test]
fn a_full_lane_pauses_reading_and_loses_nothing() {
    let mock = mock();
    produce(mock.brokers(), TOPIC, records(5_000)).unwrap();
    let mut settings = settings(mock.brokers(), TOPIC, "g");
    settings.batch_records_max = 100;
    settings.lane_unsettled_records_max = 600;
    settings.lane_queue_records_max = 600;
    let member = Member::start(&settings, Treatment::Hold);
    wait("all lanes to pause", || {
        let partitions = member.monitor.stats().partitions;
        partitions.len() == 4 && partitions.iter().all(|one| one.paused)
    });
    let stats = member.monitor.stats();
    // A burst may be under way when the limit is reached, in each of the two amounts.
    for one in &stats.partitions {
        assert!(
            one.unsettled_records + one.pending_records <= 2 * (600 + 512),
            "{one:?}"
        );
    }
    assert!(stats.pauses >= 4);
    member.host.treat(Treatment::Settle);
    for partition in 0..PARTITIONS {
        member.host.release(partition);
    }
    member.host.wait("all records", |seen| {
        complete(&seen.offsets, PARTITIONS, 5_000)
    });
    for offsets in member.host.seen.lock().offsets.values() {
        assert_eq!(*offsets, (0..5_000).collect::<Vec<_>>());
    }
    // Batches may have been held between the release and the change of treatment.
    for partition in 0..PARTITIONS {
        member.host.release(partition);
    }
    member.finish().unwrap();
}

#[test]
fn a_second_member_takes_over_partitions_and_nothing_is_lost() {
    for strategy in ["cooperative-sticky", "range"] {
        let mock = mock();
        let mut settings = settings(mock.brokers(), TOPIC, "g");
        let properties = &mut settings.properties.0;
        properties.insert(
            "partition.assignment.strategy".to_owned(),
            strategy.to_owned(),
        );
        produce(mock.brokers(), TOPIC, records(1_000)).unwrap();
        let first = Member::start(&settings, Treatment::Settle);
        first
            .host
            .wait("the first half", |seen| seen.count() >= 4_000);
        committed_everywhere(&first, 1_000);
        let second = Member::start(&settings, Treatment::Settle);
        wait("two partitions each", || {
            let owners = owned(&[&first, &second]);
            owners.len() == 4 && owners.values().filter(|owner| **owner == 0).count() == 2
        });
        produce(mock.brokers(), TOPIC, records(1_000)).unwrap();
        wait("the union to cover everything", || {
            let (a, b) = (first.host.seen.lock(), second.host.seen.lock());
            let all: std::collections::BTreeSet<_> =
                a.payloads.keys().chain(b.payloads.keys()).collect();
            all.len() == 8_000
        });
        // What moved was committed first, so the second member began where the first one ended.
        let moved = second.host.seen.lock();
        for (partition, offsets) in &moved.offsets {
            assert_eq!(
                offsets.first(),
                Some(&1_000),
                "{strategy}: partition {partition}"
            );
        }
        drop(moved);
        assert!(!first.host.seen.lock().revoked.is_empty());
        // The mock coordinator refuses commits while members join, so all is committed before one
        // leaves.
        wait("the commits", || {
            committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap() == vec![Some(2_000); 4]
        });
        second.finish().unwrap();
        first.finish().unwrap();
        let stored = committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap();
        assert_eq!(stored, vec![Some(2_000); 4], "{strategy}");
    }
}

/// Tries of what the coordinator may refuse.
const TRIES_MAX: usize = 10;

#[test]
fn a_revoked_lane_waits_for_its_tickets_and_commits_them() {
    // The mock coordinator refuses commits while members join, which may be just then.
    assert!((0..TRIES_MAX).any(|_| revoke_with_tickets_held()));
}

/// Whether the last commit of the lanes that leave was taken. If it was, they go on behind it.
fn revoke_with_tickets_held() -> bool {
    let mock = mock();
    let mut settings = settings(mock.brokers(), TOPIC, "g");
    settings.drain_timeout = tillwatch_records::units::DurationMs::from_ms(20_000);
    // Nothing is committed in passing: what is committed was committed by the revocation.
    settings.commit_interval = tillwatch_records::units::DurationMs::from_ms(3_600_000);
    produce(mock.brokers(), TOPIC, records(100)).unwrap();
    let first = Member::start(&settings, Treatment::Hold);
    first.host.wait("all records", |seen| seen.count() == 400);
    let second = Member::start(&settings, Treatment::Settle);
    wait("two lanes to stop handing out", || {
        let seen = first.host.seen.lock();
        let closed = seen.inlets.iter().filter(|inlet| inlet.is_closed());
        closed.count() == 2
    });
    // They wait for their tickets.
    assert!(first.host.seen.lock().revoked.is_empty());
    first.host.treat(Treatment::Settle);
    for partition in 0..PARTITIONS {
        first.host.release(partition);
    }
    wait("two partitions each", || {
        let owners = owned(&[&first, &second]);
        owners.len() == 4 && owners.values().filter(|owner| **owner == 0).count() == 2
    });
    produce(mock.brokers(), TOPIC, records(10)).unwrap();
    second.host.wait("new records", |seen| seen.count() >= 20);
    let is_taken = first.monitor.stats().commits_failed == 0;
    if is_taken {
        for (partition, offsets) in &second.host.seen.lock().offsets {
            assert_eq!(offsets.first(), Some(&100), "partition {partition}");
        }
    }
    second.finish().unwrap();
    first.finish().unwrap();
    is_taken
}

#[test]
fn stops_within_the_bound_though_tickets_are_held() {
    let mock = mock();
    produce(mock.brokers(), TOPIC, records(100)).unwrap();
    let member = Member::start(&settings(mock.brokers(), TOPIC, "g"), Treatment::Hold);
    member.host.wait("all records", |seen| seen.count() == 400);
    let host = std::sync::Arc::clone(&member.host);
    let start = Instant::now();
    member.finish().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert!(start.elapsed() >= Duration::from_secs(1));
    let mut revoked = host.seen.lock().revoked.clone();
    revoked.sort_unstable();
    assert_eq!(revoked, [0, 1, 2, 3]);
    assert_eq!(
        committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap(),
        vec![None; 4]
    );
}

#[test]
fn a_stop_waits_for_what_is_under_way_and_commits_it() {
    let mock = mock();
    produce(mock.brokers(), TOPIC, records(100)).unwrap();
    let mut settings = settings(mock.brokers(), TOPIC, "g");
    settings.drain_timeout = tillwatch_records::units::DurationMs::from_ms(20_000);
    let member = Member::start(&settings, Treatment::Hold);
    member.host.wait("all records", |seen| seen.count() == 400);
    member.stop.stop();
    let host = std::sync::Arc::clone(&member.host);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        for partition in 0..PARTITIONS {
            host.release(partition);
        }
    });
    let start = Instant::now();
    member.finish().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap(),
        vec![Some(100); 4]
    );
}

#[test]
fn a_failed_batch_ends_the_run_and_nothing_past_it_is_committed() {
    let mock = mock();
    produce(mock.brokers(), TOPIC, records(100)).unwrap();
    let mut settings = settings(mock.brokers(), TOPIC, "g");
    settings.batch_records_max = 10;
    let member = Member::start(&settings, Treatment::FailFrom(50));
    let error = member.end().unwrap_err();
    let ConsumerError::Delivery {
        source_partition,
        offset,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*offset, 50);
    let stored = committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap();
    assert_eq!(stored[source_partition.partition as usize], Some(50));
    assert!(
        stored.iter().flatten().all(|offset| *offset <= 50),
        "{stored:?}"
    );
}

#[test]
fn survives_a_broker_that_goes_away() {
    let mock = mock();
    produce(mock.brokers(), TOPIC, records(50)).unwrap();
    let member = Member::start(&settings(mock.brokers(), TOPIC, "g"), Treatment::Settle);
    member
        .host
        .wait("the first records", |seen| seen.count() == 200);
    mock.set_available(false).unwrap();
    wait("unreadiness", || !member.monitor.is_ready());
    mock.set_available(true).unwrap();
    wait("readiness", || member.monitor.is_ready());
    produce(mock.brokers(), TOPIC, records(50)).unwrap();
    member.host.wait("the other records", |seen| {
        (0..PARTITIONS).all(|partition| seen.offsets[&partition].contains(&99))
    });
    member.finish().unwrap();
}

#[test]
fn waits_for_a_broker_that_is_absent_at_start_and_stops_when_told() {
    let settings = settings("127.0.0.1:1", TOPIC, "g");
    let member = Member::start(&settings, Treatment::Settle);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!member.monitor.is_ready());
    let start = Instant::now();
    member.finish().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn probe_tells_topics_from_absence() {
    let mock = mock();
    let found = probe(
        &settings(mock.brokers(), TOPIC, "g"),
        Duration::from_secs(5),
    )
    .unwrap();
    let facts = found.topics[0].facts.as_ref().unwrap();
    assert_eq!((facts.partitions, facts.leaderless), (4, 0));
    let nobody = settings("127.0.0.1:1", TOPIC, "g");
    let found = probe(&nobody, Duration::from_millis(500)).unwrap();
    assert!(found.cluster.is_err());
    assert_eq!(found.troubles[0].brokers, ["127.0.0.1:1"]);
}
