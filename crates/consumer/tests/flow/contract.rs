//! Where reading begins, and how it ends: what a host and the consumer owe each other, where
//! librdkafka has a part in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tillwatch_consumer::{
    Answer, Committer, Consumer, ConsumerSettings, ErrorCode, Outcome, Position,
};
use tillwatch_records::TopicPartition;
use tillwatch_testkit::broker::{committed, produce};

use crate::host::{Member, Treatment, owned, settings, wait};
use crate::{PARTITIONS, TOPIC, mock, records};

/// One way of sharing partitions that gives and takes some of them, and one that takes all and gives anew.
const STRATEGIES: [&str; 2] = ["cooperative-sticky", "range"];

fn sharing_by(strategy: &str, brokers: &str) -> ConsumerSettings {
    let mut settings = settings(brokers, TOPIC, "g");
    let properties = &mut settings.properties.0;
    properties.insert(
        "partition.assignment.strategy".to_owned(),
        strategy.to_owned(),
    );
    settings
}

#[test]
fn a_partition_that_is_not_begun_waits_while_the_others_flow() {
    for strategy in STRATEGIES {
        let mock = mock();
        let settings = sharing_by(strategy, mock.brokers());
        produce(mock.brokers(), TOPIC, records(1_000)).unwrap();
        let member = Member::start_at(&settings, Treatment::Settle, &[(1, Position::NotYet)]);
        let host = Arc::clone(&member.host);
        host.wait("the others", |seen| seen.count() == 3_000);
        host.wait("nothing to be found committed", |seen| {
            seen.located.get(&1) == Some(&None)
        });
        // New records of the others come though one partition waits.
        produce(mock.brokers(), TOPIC, records(1_000)).unwrap();
        host.wait("more of the others", |seen| seen.count() == 6_000);
        assert!(!host.seen.lock().offsets.contains_key(&1), "{strategy}");
        let inlet = host.inlet(1);
        assert!(!inlet.begin(Position::NotYet), "it says nothing");
        assert!(inlet.begin(Position::From(500)));
        assert!(!inlet.begin(Position::From(600)), "a partition begins once");
        host.wait("the last partition", |seen| seen.count() == 7_500);
        produce(mock.brokers(), TOPIC, records(10)).unwrap();
        host.wait("all of them to go on", |seen| seen.count() == 7_540);
        member.finish().unwrap();
        let seen = host.seen.lock();
        for partition in 0..PARTITIONS {
            let first = if partition == 1 { 500 } else { 0 };
            let expected: Vec<i64> = (first..2_010).collect();
            assert_eq!(
                seen.offsets[&partition], expected,
                "{strategy}: partition {partition}"
            );
        }
        assert_eq!(
            committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap(),
            vec![Some(2_010); 4],
            "{strategy}"
        );
    }
}

#[test]
fn a_host_that_waits_is_told_what_the_group_has_committed() {
    let mock = mock();
    let settings = settings(mock.brokers(), TOPIC, "g");
    produce(mock.brokers(), TOPIC, records(100)).unwrap();
    let first = Member::start(&settings, Treatment::Settle);
    first.host.wait("all records", |seen| seen.count() == 400);
    first.finish().unwrap();
    let positions = [(0, Position::NotYet), (2, Position::NotYet)];
    let second = Member::start_at(&settings, Treatment::Settle, &positions);
    second.host.wait("both to be located", |seen| {
        seen.located == [(0, Some(100)), (2, Some(100))].into()
    });
    second.finish().unwrap();
}

#[test]
fn a_partition_that_is_not_begun_moves_to_another_member() {
    for strategy in STRATEGIES {
        let mock = mock();
        let settings = sharing_by(strategy, mock.brokers());
        produce(mock.brokers(), TOPIC, records(100)).unwrap();
        let nothing: Vec<_> = (0..PARTITIONS)
            .map(|partition| (partition, Position::NotYet))
            .collect();
        let first = Member::start_at(&settings, Treatment::Settle, &nothing);
        first
            .host
            .wait("all partitions", |seen| seen.assigned.len() == 4);
        let second = Member::start(&settings, Treatment::Settle);
        wait("two partitions each", || {
            let owners = owned(&[&first, &second]);
            owners.len() == 4 && owners.values().filter(|owner| **owner == 0).count() == 2
        });
        second
            .host
            .wait("what moved to be read", |seen| seen.count() >= 200);
        assert_eq!(first.host.seen.lock().count(), 0, "{strategy}");
        // A stop with partitions that were never begun is a stop like any other.
        first.finish().unwrap();
        second
            .host
            .wait("the others to be read as well", |seen| seen.count() == 400);
        second.finish().unwrap();
    }
}

#[test]
fn a_replay_goes_live_at_its_offset_and_commits_nothing_before_it() {
    let mock = mock();
    let settings = settings(mock.brokers(), TOPIC, "g");
    produce(mock.brokers(), TOPIC, records(1_000)).unwrap();
    let replay = Position::Replay {
        from: 200,
        live: 700,
    };
    let member = Member::start_at(&settings, Treatment::Hold, &[(0, replay)]);
    let host = Arc::clone(&member.host);
    host.wait("the replay", |seen| {
        seen.replayed.get(&0).is_some_and(|all| all.len() == 500)
    });
    host.wait("all live records", |seen| seen.count() == 3_300);
    {
        let seen = host.seen.lock();
        assert_eq!(seen.replayed[&0], (200..700).collect::<Vec<_>>());
        assert_eq!(seen.replayed.len(), 1);
        assert_eq!(seen.offsets[&0], (700..1_000).collect::<Vec<_>>());
    }
    let stored = || committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap()[0];
    assert_eq!(stored(), None, "a replay settles nothing");
    let mut tickets = host.release(0);
    let (first_live, ticket) = tickets.remove(0);
    assert_eq!(first_live, 700);
    drop(ticket);
    wait("the first live batch", || {
        stored().is_some_and(|at| at > 700)
    });
    drop(tickets);
    member.finish().unwrap();
    assert_eq!(stored(), Some(1_000));
}

#[test]
fn what_settles_in_the_last_call_is_committed() {
    let mock = mock();
    let mut settings = settings(mock.brokers(), TOPIC, "g");
    // Nothing is committed in passing.
    settings.commit_interval = tillwatch_records::units::DurationMs::from_ms(3_600_000);
    produce(mock.brokers(), TOPIC, records(100)).unwrap();
    let member = Member::start(&settings, Treatment::HoldUntilLastCall);
    let host = Arc::clone(&member.host);
    host.wait("all records", |seen| seen.count() == 400);
    member.finish().unwrap();
    let seen = host.seen.lock();
    let mut called = seen.last_calls.clone();
    called.sort_unstable();
    assert_eq!(called, [0, 1, 2, 3]);
    assert_eq!(
        committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap(),
        vec![Some(100); 4]
    );
}

/// Stores offsets here instead of in the group.
#[derive(Default)]
struct Elsewhere {
    stored: Arc<Mutex<BTreeMap<i32, i64>>>,
    open: VecDeque<Vec<(TopicPartition, i64)>>,
}

impl Committer for Elsewhere {
    fn request(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), ErrorCode> {
        self.open.push_back(offsets.to_vec());
        Ok(())
    }

    fn has_news(&mut self) -> bool {
        !self.open.is_empty()
    }

    fn answer(&mut self, _timeout: Duration) -> Option<Answer> {
        let offsets = self.open.pop_front()?;
        let stored = offsets
            .iter()
            .map(|(source, offset)| (source.partition, *offset));
        self.stored.lock().extend(stored);
        let offsets = offsets.into_iter();
        let offsets = offsets.map(|(source, offset)| (source, offset, Outcome::Stored));
        Some(Answer {
            result: Ok(()),
            offsets: offsets.collect(),
        })
    }

    fn outstanding(&self) -> usize {
        self.open.len()
    }

    fn abandon(&mut self, _sources: &[TopicPartition]) {}
}

#[test]
fn offsets_are_stored_by_the_committer_that_is_given() {
    let mock = mock();
    let settings = settings(mock.brokers(), TOPIC, "g");
    produce(mock.brokers(), TOPIC, records(100)).unwrap();
    let elsewhere = Elsewhere::default();
    let stored = Arc::clone(&elsewhere.stored);
    let consumer = Consumer::with_committer(&settings, |_| Ok(Box::new(elsewhere))).unwrap();
    let member = Member::run(consumer, Treatment::Settle, &[]);
    let everything: BTreeMap<i32, i64> = (0..PARTITIONS).map(|number| (number, 100)).collect();
    wait("all of it to be stored", || *stored.lock() == everything);
    wait("the answers to be noted", || {
        let partitions = member.monitor.stats().partitions;
        partitions.len() == 4 && partitions.iter().all(|one| one.committed == Some(100))
    });
    member.finish().unwrap();
    assert_eq!(
        committed(mock.brokers(), "g", TOPIC, PARTITIONS).unwrap(),
        vec![None; 4],
        "the group is not asked"
    );
}
