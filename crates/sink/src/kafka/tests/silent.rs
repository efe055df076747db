//! A client whose records are never acknowledged although the brokers answer.

use std::sync::Arc;

use rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT as TIMED_OUT;
use tillwatch_kafka::{OutRecord, now};

use super::super::clients::Clients;
use super::super::owed::{Group, What};
use super::super::resender::Resender;
use super::super::silence::Silence;
use super::super::state::State;
use super::*;
use crate::Cause;

#[test]
fn a_client_that_gets_no_acknowledgement_for_long_is_replaced_and_its_records_are_sent_again() {
    let cluster = cluster();
    // Retried by the client without a word, and more often than this test lasts.
    refuse(&cluster, &[TIMED_OUT; 10_000]);
    let settings = settings(&cluster, &[]);
    let [bulk, alone] = config::producers(&settings.properties, &Properties::default()).unwrap();
    let names = [
        "tillwatch.scores",
        "tillwatch.alerts",
        "tillwatch.dead-letters",
    ]
    .map(|name| Some(name.to_owned()));
    let state = Arc::new(State::default());
    let clients = Arc::new(Clients::start(bulk, alone, names, Arc::clone(&state)).unwrap());

    let (held, settled) = ticket();
    let first = clients.bulk();
    for number in 0..100_u8 {
        let record = OutRecord {
            topic: "tillwatch.scores",
            partition: None,
            key: Some(&[number]),
            payload: Some(&[number]),
            timestamp_ms: None,
        };
        state.counters.taken(1, record.bytes_len());
        state.counters.queue(record.bytes_len());
        let group = Group::of(&held, What::Score);
        first.send(&record, &[], &group.0).unwrap();
    }
    drop(held);
    let silent_since = now().checked_sub(Duration::from_secs(60)).unwrap();
    let mut resender = Resender::start(&clients, &state, Silence::since(silent_since)).unwrap();
    wait_for("another client", || !Arc::ptr_eq(&first, &clients.bulk()));
    drop(first);
    wait_for("word of it", || {
        state.troubles.cause(None) == Some(Cause::Fatal)
    });
    assert_eq!(settled.try_recv(), Err(TryRecvError::Empty));
    cluster.clear_request_errors(RDKafkaApiKey::Produce);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let sent = read(&cluster, "tillwatch.scores", 100);
    let mut sent: Vec<u8> = sent
        .iter()
        .map(|score| score.payload().unwrap()[0])
        .collect();
    sent.sort_unstable();
    assert_eq!(sent, Vec::from_iter(0..100));
    wait_for("the end of the trouble", || state.status().is_up());
    let counters = state.counters.snapshot();
    assert_eq!(
        (counters.delivered, counters.failed, counters.in_flight),
        (100, 0, 0)
    );
    assert_eq!(counters.errors[Cause::Fatal as usize], 100);
    resender.stop();
}

#[test]
fn brokers_that_cannot_be_reached_are_a_trouble_until_they_answer_though_nothing_is_on_its_way() {
    let mut nowhere = SinkSettings::new(SinkKind::Kafka);
    nowhere.properties = Properties::of([("bootstrap.servers", "127.0.0.1:1")]);
    let sink = KafkaSink::open(&nowhere, &Surroundings::default()).unwrap();
    wait_for("the trouble to be said", || !sink.status().is_up());
    // As long as several looks at it take.
    let until = now() + Duration::from_secs(3);
    while now() < until {
        let waiting = sink.status().waiting;
        let causes: Vec<Cause> = waiting.iter().map(|waiting| waiting.cause).collect();
        assert_eq!(causes, [Cause::BrokersDown]);
        std::thread::yield_now();
    }
}
