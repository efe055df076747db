use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaRespErr::{
    RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION as ILLEGAL_GENERATION,
    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE as TOO_LARGE, RD_KAFKA_RESP_ERR_PRODUCER_FENCED as FENCED,
    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as NOT_AUTHORIZED,
};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tillwatch_kafka::{GroupIdentity, Properties, now};
use tillwatch_records::{Batch, RawBatch, Settled, TopicPartition};

use super::*;
use crate::counters::AbortCause;
use crate::test_support::batch;
use crate::{Delivering, KafkaSettings, SinkKind};

const LONG: Duration = Duration::from_secs(20);
const SCORES: &str = "tillwatch.scores";

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// A cluster, a member of a group, and a sink that stores offsets in its name. The mock cluster takes
/// transactions, and keeps neither what is to be aborted nor the offsets in them: that is for a real one.
struct Bench {
    cluster: Cluster,
    sink: OnceSink,
    seam: Arc<dyn Transactions>,
    is_over: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
}

/// A batch of partition 3 of `payments` that ends at an offset.
struct One {
    next_offset: AtomicI64,
    settled: Sender<Settled>,
}

impl Batch for One {
    fn settle(&self, settled: Settled) {
        let _ = self.settled.send(settled);
    }

    fn stage(&self) -> Option<(TopicPartition, i64)> {
        let offset = self.next_offset.load(Ordering::SeqCst);
        (offset >= 0).then(|| (payments(), offset))
    }
}

fn payments() -> TopicPartition {
    TopicPartition::new("payments", 3)
}

fn ticket(next_offset: i64) -> (Ticket, Receiver<Settled>) {
    let (send, receive) = unbounded();
    let one = One {
        next_offset: AtomicI64::new(next_offset),
        settled: send,
    };
    (Ticket::of(one), receive)
}

impl Bench {
    fn new(interval_ms: i64, properties: &[(&str, &str)]) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in [
            "payments",
            SCORES,
            "tillwatch.alerts",
            "tillwatch.dead-letters",
        ] {
            cluster.create_topic(topic, 4, 1).unwrap();
        }
        let servers = cluster.bootstrap_servers();
        let member: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &servers)
            .set("group.id", "g")
            // Longer than the mock coordinator waits for further members.
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "200")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        member.subscribe(&["payments"]).unwrap();
        let (member, is_over) = (Arc::new(member), Arc::new(AtomicBool::new(false)));
        let (polled, over) = (Arc::clone(&member), Arc::clone(&is_over));
        let poller = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let _ = polled.poll(Duration::from_millis(20));
            }
        });
        let mut settings = SinkSettings::new(SinkKind::Kafka);
        let address = [("bootstrap.servers", servers.as_str())];
        settings.properties = Properties::of(address.into_iter().chain(properties.iter().copied()));
        settings.kafka = Some(KafkaSettings {
            delivery: Delivering::ExactlyOnce,
            commit_interval: tillwatch_records::units::DurationMs::from_ms(interval_ms),
            transactional_id: Some("g.test".to_owned()),
        });
        let sink = OnceSink::open(&settings, &Surroundings::default()).unwrap();
        let seam = sink.transactions().unwrap();
        let identity = GroupIdentity::of(&member);
        seam.attach(identity.clone(), Arc::default());
        wait_for("the group", || identity.stamp().is_some());
        Self {
            cluster,
            sink,
            seam,
            is_over,
            poller: Some(poller),
        }
    }

    /// Scores that end before `next_offset`, and where their end is told.
    fn give(&self, first: i64, rows: usize, next_offset: i64) -> Receiver<Settled> {
        let (held, settled) = ticket(next_offset);
        self.sink.write(&batch(first, rows), &held).unwrap();
        settled
    }

    fn refuse(&self, api: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.cluster.request_errors(api, errors);
    }

    fn aborted(&self, cause: AbortCause) -> u64 {
        self.sink.counters().transactions.aborted[cause as usize]
    }

    /// The first `count` records of a topic, those of aborted transactions among them.
    fn read(&self, topic: &str, count: usize) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "test")
            .create()
            .unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..4 {
            all.add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&all).unwrap();
        let read = (0..count).map(|_| {
            let message = consumer.poll(LONG).expect("a record is missing");
            message.unwrap().detach()
        });
        read.collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = self.poller.take().unwrap().join();
    }
}

/// Waits until `done`; fails the test when that takes long.
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = now() + LONG;
    while !done() {
        assert!(now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_ticket_settles_when_outputs_and_offset_are_committed_together() {
    let bench = Bench::new(50, &[]);
    let settled = bench.give(0, 500, 1_000);
    assert_eq!(settled.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(bench.sink.counters().in_flight, 500);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert_eq!(bench.seam.stored(LONG), [(payments(), 1_000)]);
    let ids: BTreeSet<_> = bench
        .read(SCORES, 500)
        .iter()
        .map(OwnedMessage::offset)
        .collect();
    assert!(!ids.is_empty());
    bench.sink.flush(LONG).unwrap();
    let counters = bench.sink.counters();
    assert_eq!(
        (counters.delivered, counters.failed, counters.in_flight),
        (500, 0, 0)
    );
    assert_eq!(counters.transactions.committed, 1);
    assert_eq!(bench.sink.status().queued_bytes, 0);
}

#[test]
fn offsets_without_outputs_are_stored_and_known_ones_are_answered_at_once() {
    let bench = Bench::new(50, &[]);
    bench.seam.request(&[(payments(), 7)]);
    assert_eq!(bench.seam.outstanding(), 1);
    assert_eq!(bench.seam.stored(LONG), [(payments(), 7)]);
    bench.seam.request(&[(payments(), 7)]);
    assert_eq!(bench.seam.stored(Duration::ZERO), [(payments(), 7)]);
    assert_eq!(bench.sink.counters().transactions.committed, 1);
    // A partition that comes back may be committed below what it had.
    bench.seam.abandon(&[payments()]);
    bench.seam.request(&[(payments(), 5)]);
    assert_eq!(bench.seam.stored(LONG), [(payments(), 5)]);
}

#[test]
fn a_long_transaction_ends_at_once_when_partitions_leave() {
    let bench = Bench::new(5_000, &[]);
    let began = now();
    let settled = bench.give(0, 10, 20);
    bench.sink.settle_soon();
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert!(now().duration_since(began) < Duration::from_secs(4));
}

#[test]
fn a_commit_that_takes_longer_than_a_call_is_waited_for() {
    let bench = Bench::new(50, &[]);
    let settled = bench.give(0, 10, 20);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    // Longer than the client is asked to wait at a time.
    let slow = Duration::from_millis(1_200);
    bench.cluster.broker_round_trip_time(1, slow).unwrap();
    let settled = bench.give(20, 10, 40);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let counters = bench.sink.counters();
    assert_eq!(counters.transactions.aborted.iter().sum::<u64>(), 0);
}

#[test]
fn an_aborted_transaction_is_sent_again() {
    let bench = Bench::new(50, &[]);
    bench.refuse(RDKafkaApiKey::TxnOffsetCommit, &[ILLEGAL_GENERATION]);
    let settled = bench.give(0, 100, 200);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert_eq!(bench.aborted(AbortCause::Group), 1);
    bench.refuse(RDKafkaApiKey::Produce, &[NOT_AUTHORIZED]);
    let settled = bench.give(200, 100, 400);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    // The client refuses a topic that was refused until it has asked for it again.
    assert!((1..=2).contains(&bench.aborted(AbortCause::Cluster)));
    bench.sink.flush(LONG).unwrap();
    assert_eq!(bench.seam.stored(LONG), [(payments(), 400)]);
    assert_eq!(bench.sink.counters().delivered, 200);
    assert!(bench.sink.status().is_up());
}

#[test]
fn a_refused_record_is_sent_alone_then_reduced_and_its_like_at_once() {
    let bench = Bench::new(50, &[]);
    // The batch, and the record alone.
    bench.refuse(RDKafkaApiKey::Produce, &[TOO_LARGE, TOO_LARGE]);
    let letter = |offset: i64| {
        let mut raw = RawBatch::new(payments());
        let payload = vec![b'p'; 2_000_000];
        raw.push(offset, Some(1234), Some(b"k"), Some(&payload), []);
        let (held, settled) = ticket(offset + 1);
        let source = payments();
        let letter = DeadLetter {
            source: &source,
            topic_id: None,
            record: raw.get(0),
            mask: None,
            reason: "not_json",
            detail: "invalid byte",
        };
        bench.sink.dead_letter(&letter, &held).unwrap();
        settled
    };
    assert_eq!(letter(41).recv_timeout(LONG), Ok(Settled::Delivered));
    assert_eq!(bench.aborted(AbortCause::Refused), 2);
    assert_eq!(letter(42).recv_timeout(LONG), Ok(Settled::Delivered));
    bench.sink.flush(LONG).unwrap();
    assert_eq!(
        bench.aborted(AbortCause::Refused),
        2,
        "what was learnt is used"
    );
    assert_eq!(bench.sink.counters().reduced, 2);
    assert_eq!(bench.seam.stored(LONG), [(payments(), 43)]);
    let small = bench.read("tillwatch.dead-letters", 2);
    assert!(
        small
            .iter()
            .all(|letter| letter.payload().unwrap().len() < 768 * 1024)
    );
}

#[test]
fn a_partition_that_leaves_takes_its_outputs_back_and_the_others_go_on() {
    let bench = Bench::new(3_000, &[]);
    let settled = bench.give(0, 10, 20);
    wait_for("a transaction", || bench.seam.outstanding() == 0);
    bench.seam.abandon(&[payments()]);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
    let again = bench.give(0, 10, 20);
    bench.sink.settle_soon();
    assert_eq!(again.recv_timeout(LONG), Ok(Settled::Delivered));
    bench.sink.flush(LONG).unwrap();
    let counters = bench.sink.counters();
    assert_eq!(
        (counters.delivered, counters.failed, counters.in_flight),
        (10, 10, 0)
    );
}

#[test]
fn a_batch_whose_offset_must_not_be_stored_is_given_up() {
    let bench = Bench::new(50, &[]);
    let settled = bench.give(0, 10, -1);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
    let settled = bench.give(0, 10, 20);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
}

#[test]
fn a_fenced_producer_is_replaced_and_gives_up_when_that_goes_on() {
    let bench = Bench::new(50, &[]);
    bench.refuse(RDKafkaApiKey::EndTxn, &[FENCED]);
    let settled = bench.give(0, 10, 20);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert_eq!(bench.aborted(AbortCause::Fenced), 1);
    bench.refuse(RDKafkaApiKey::EndTxn, &[FENCED; 20]);
    let settled = bench.give(20, 10, 40);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
    let (held, _) = ticket(60);
    let refused = bench.sink.write(&batch(40, 10), &held).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("`g.test` is used by another process"),
        "{refused}"
    );
}

#[test]
fn what_is_not_committed_fails_when_the_sink_ends() {
    let bench = Bench::new(5_000, &[]);
    let settled = bench.give(0, 10, 20);
    bench.sink.close();
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
    let (held, settled) = ticket(40);
    assert!(matches!(
        bench.sink.write(&batch(20, 10), &held),
        Err(SinkError::Closed)
    ));
    drop(held);
    assert_eq!(settled.try_recv(), Ok(Settled::Failed));
}
