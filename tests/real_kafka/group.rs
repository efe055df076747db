//! What a consumer group gives and takes, and what its topics become, on a real broker.

mod recorder;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tillwatch_consumer::{ConsumerError, Position};
use tillwatch_testkit::broker::{RealBroker, TestRecord, committed, produce};

use crate::support::wait_for;
use recorder::{Member, settings};

/// The protocol in which the brokers decide who gets what.
const BY_BROKERS: (&str, &str) = ("group.protocol", "consumer");

const PARTITIONS: i32 = 4;

fn broker(topics: &[&str]) -> RealBroker {
    let broker = RealBroker::start().expect("a broker");
    for topic in topics {
        broker.create_topic(topic, PARTITIONS).expect("a topic");
    }
    broker
}

fn send(broker: &RealBroker, topic: &str, partitions: std::ops::Range<i32>, records: i64) {
    let records = (0..records).flat_map(|index| {
        partitions.clone().map(move |partition| TestRecord {
            partition,
            payload: Some(index.to_string().into_bytes()),
            ..TestRecord::default()
        })
    });
    produce(&broker.brokers(), topic, records).expect("records can be sent");
}

fn stored(broker: &RealBroker, topic: &str) -> Vec<Option<i64>> {
    committed(&broker.brokers(), "g", topic, PARTITIONS).expect("offsets can be read")
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn lanes_that_stay_are_read_while_others_leave_whoever_decides() {
    for property in [
        BY_BROKERS,
        ("partition.assignment.strategy", "cooperative-sticky"),
    ] {
        let broker = broker(&["t"]);
        let settings = settings(&broker.brokers(), &["t"], &[property]);
        let linger = Duration::from_secs(4);
        let first = Member::start_at(&settings, Position::Committed, linger);
        wait_for("all partitions", || first.partitions().len() == 4);
        send(&broker, "t", 0..4, 1_000);
        wait_for("all records", || first.told().records() == 4_000);
        let second = Member::start(&settings);
        wait_for("two lanes to leave", || first.partitions().len() == 2);
        let staying = first.partitions();
        let mut longest = Duration::ZERO;
        let (mut rounds, since) = (0, Instant::now());
        while first.told().revoked.is_empty() {
            for partition in &staying {
                send(&broker, "t", *partition..*partition + 1, 1);
            }
            rounds += 1;
            let at = Instant::now();
            wait_for("the records of lanes that stay", || {
                let told = first.told();
                let mut staying = staying.iter();
                staying.all(|partition| told.live[partition].len() >= 1_000 + rounds)
            });
            longest = longest.max(at.elapsed());
        }
        assert!(since.elapsed() > linger / 2, "{:?}", since.elapsed());
        assert!(rounds >= 2 && longest < linger / 2, "{rounds}: {longest:?}");
        wait_for("the second to have its share", || {
            second.partitions().len() == 2
        });
        send(&broker, "t", 0..4, 10);
        wait_for("the rest", || second.told().records() == 20);
        for offsets in second.told().live.values() {
            assert_eq!(
                offsets[0].1, 1_000,
                "what moved begins behind the last commit"
            );
        }
        second.end().expect("it stops");
        first.end().expect("it stops");
        let mut expected = vec![Some(1_010); 4];
        for partition in staying {
            expected[partition as usize] = Some(1_010 + rounds as i64);
        }
        assert_eq!(stored(&broker, "t"), expected);
    }
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn brokers_give_one_member_all_partitions_of_a_number() {
    let broker = broker(&["tx", "labels"]);
    let settings = settings(&broker.brokers(), &["tx", "labels"], &[BY_BROKERS]);
    let first = Member::start(&settings);
    wait_for("all lanes", || first.partitions().len() == 4);
    send(&broker, "tx", 0..4, 100);
    send(&broker, "labels", 0..4, 100);
    wait_for("all records", || first.told().records() == 800);
    let second = Member::start(&settings);
    let since = Instant::now();
    wait_for("two lanes each", || {
        let shares = [first.partitions(), second.partitions()];
        assert!(since.elapsed() < Duration::from_secs(90), "{shares:?}");
        shares.iter().all(|share| share.len() == 2)
    });
    send(&broker, "tx", 0..4, 100);
    send(&broker, "labels", 0..4, 100);
    wait_for("the rest", || {
        first.told().records() + second.told().records() == 1_600
    });
    let mut read: BTreeMap<(String, i32), BTreeSet<i64>> = BTreeMap::new();
    for member in [&first, &second] {
        for (partition, records) in &member.told().live {
            for (topic, offset) in records {
                let offsets = read.entry((topic.clone(), *partition)).or_default();
                assert!(
                    offsets.insert(*offset),
                    "{topic}/{partition}/{offset} twice"
                );
            }
        }
    }
    assert!(read.len() == 8 && read.values().all(|offsets| offsets.len() == 200));
    second.end().expect("it stops");
    first.end().expect("it stops");
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_lane_replays_from_its_snapshot_to_the_committed_offset_and_goes_live() {
    let broker = broker(&["t"]);
    let settings = settings(&broker.brokers(), &["t"], &[]);
    send(&broker, "t", 0..1, 6_000);
    let first = Member::start(&settings);
    wait_for("the commit", || stored(&broker, "t")[0] == Some(6_000));
    first.end().expect("it stops");
    send(&broker, "t", 0..1, 4_000);
    let second = Member::start_at(&settings, Position::NotYet, Duration::ZERO);
    wait_for("the committed offset", || {
        second.told().located.contains(&(0, Some(6_000)))
    });
    let inlet = std::sync::Arc::clone(&second.told().inlets[&0]);
    assert_eq!(inlet.partitions(), [Some(4)]);
    let id = inlet.topic_ids()[0].clone().expect("Kafka tells ids");
    assert_eq!(id.len(), 22, "16 bytes in base64");
    assert!(inlet.begin(Position::Replay {
        from: 2_000,
        live: 6_000
    }));
    wait_for("the live records", || second.told().records() == 4_000);
    {
        let told = second.told();
        assert_eq!(told.replayed[&0], (2_000..6_000).collect::<Vec<_>>());
        let live: Vec<i64> = told.live[&0].iter().map(|(_, offset)| *offset).collect();
        assert_eq!(live, (6_000..10_000).collect::<Vec<_>>());
    }
    assert_eq!(inlet.replay_left(), Some(0));
    wait_for("the commit", || stored(&broker, "t")[0] == Some(10_000));
    assert_eq!(inlet.settled(), Some(vec![Some(10_000)]));
    second.end().expect("it stops");
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_second_process_of_the_same_name_ends_the_first_with_a_clear_error() {
    let broker = broker(&["t"]);
    let named = ("group.instance.id", "till-0");
    let settings = settings(&broker.brokers(), &["t"], &[named]);
    let first = Member::start(&settings);
    wait_for("all partitions", || first.partitions().len() == 4);
    let second = Member::start(&settings);
    wait_for("the end of the first", || first.has_ended());
    assert_eq!(first.told().lost.len(), 4, "its lanes are another's");
    let error = first.end().expect_err("it cannot go on");
    assert!(matches!(error, ConsumerError::Fenced { .. }), "{error}");
    assert!(error.to_string().contains("till-0"), "{error}");
    wait_for("the second", || second.partitions().len() == 4);
    second.end().expect("it stops");
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn lanes_are_told_what_their_topic_has_become() {
    let broker = broker(&["t"]);
    let settings = settings(&broker.brokers(), &["t"], &[]);
    send(&broker, "t", 0..4, 100);
    let member = Member::start(&settings);
    wait_for("the commits", || stored(&broker, "t") == [Some(100); 4]);
    member.end().expect("it stops");
    // Every partition loses records, each another number.
    send(&broker, "t", 0..4, 100);
    for partition in 0..PARTITIONS {
        let before = 150 + i64::from(partition);
        broker
            .delete_records("t", partition, before)
            .expect("records can be deleted");
    }
    let member = Member::start(&settings);
    wait_for("all losses", || member.told().losses.len() == 4);
    let losses = member.told().losses.clone();
    for lost in losses {
        let to = 150 + i64::from(lost.source.partition);
        assert_eq!((lost.from, lost.to), (100, to), "{lost:?}");
    }
    let lost: u64 = member.monitor.stats().lost_records;
    assert_eq!(lost, 50 + 51 + 52 + 53);
    // A partition comes: all lanes hear of it.
    broker
        .add_partitions("t", 5)
        .expect("partitions can be added");
    wait_for("all lanes to hear of it", || member.told().moved.len() >= 4);
    for (_, moved) in &member.told().moved {
        assert_eq!((moved.before, moved.after), (4, 5));
    }
    // Another topic of the same name ends the run.
    broker.delete_topic("t").expect("a topic can be deleted");
    wait_for("its name to be free", || {
        broker.create_topic("t", 5).is_ok()
    });
    wait_for("the end", || member.has_ended());
    let error = member.end().expect_err("it must not mix them");
    assert!(
        matches!(
            error,
            ConsumerError::TopicRemade { .. } | ConsumerError::OffsetsFell { .. }
        ),
        "{error}"
    );
}
