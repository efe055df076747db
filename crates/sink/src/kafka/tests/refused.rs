//! Outputs that the client, a broker or the cluster refuses.

use rdkafka::types::RDKafkaRespErr::{
    RD_KAFKA_RESP_ERR_INVALID_RECORD as INVALID, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP as TIMESTAMP,
    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE as TOO_LARGE,
    RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER as OUT_OF_ORDER,
    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as NOT_AUTHORIZED,
};
use tillwatch_records::score::ReasonLists;

use super::*;
use crate::Cause;
use crate::test_support::{from_parts, reason};

const LETTERS: &str = "tillwatch.dead-letters";

/// Gives the sink a dead letter of the record at `offset`.
fn give(sink: &KafkaSink, offset: i64, payload: &[u8], headers: &[(&str, usize)], held: &Ticket) {
    let source = TopicPartition::new("payments", 2);
    let mut raw = RawBatch::new(source.clone());
    let values: Vec<Vec<u8>> = headers
        .iter()
        .map(|(_, bytes)| vec![b'h'; *bytes])
        .collect();
    let headers = headers.iter().zip(&values);
    let headers = headers.map(|((name, _), value)| (*name, Some(value.as_slice())));
    raw.push(offset, Some(1234), None, Some(payload), headers);
    let letter = DeadLetter {
        source: &source,
        topic_id: None,
        record: raw.get(0),
        mask: None,
        reason: "not_json",
        detail: "invalid byte",
    };
    sink.dead_letter(&letter, held).unwrap();
}

fn header<'a>(message: &'a OwnedMessage, name: &str) -> Option<&'a str> {
    let headers = message.headers()?;
    let found = (0..headers.count()).map(|index| headers.get(index));
    let value = found.rev().find(|header| header.key == name)?.value?;
    str::from_utf8(value).ok()
}

#[test]
fn a_letter_that_the_client_cannot_send_arrives_reduced() {
    let cluster = cluster();
    let sink = open(&cluster, &[("message.max.bytes", "1100000")]);
    let (held, settled) = ticket();
    let payload = vec![b'{'; 3_000_000];
    give(&sink, 1, &payload, &[("trace", 16)], &held);
    // Headers alone may be larger than all that is allowed.
    give(&sink, 2, b"{", &[("trace", 16), ("big", 1_200_000)], &held);
    give(&sink, 3, b"{", &[], &held);
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let mut letters = read(&cluster, LETTERS, 3);
    letters.sort_by_key(|letter| header(letter, "tillwatch.offset").map(str::to_owned));
    let large = &letters[0];
    assert_eq!(
        header(large, "tillwatch.reduced"),
        Some("MessageSizeTooLarge")
    );
    assert_eq!(header(large, "tillwatch.payload.bytes"), Some("3000000"));
    assert_eq!(header(large, "tillwatch.timestamp"), Some("1234"));
    assert_eq!(header(large, "trace"), Some("hhhhhhhhhhhhhhhh"));
    let kept = large.payload().unwrap();
    assert!(kept.len() > 700_000 && payload.starts_with(kept));
    let headed = &letters[1];
    assert_eq!(header(headed, "tillwatch.headers.bytes"), Some("1200044"));
    assert_eq!(header(headed, "tillwatch.headers"), Some("2"));
    assert!(header(headed, "big").is_none() && header(headed, "trace").is_some());
    assert_eq!(headed.payload(), Some(&b"{"[..]));
    assert_eq!(header(&letters[2], "tillwatch.reduced"), None);
    let counters = sink.counters();
    assert_eq!((counters.reduced, counters.dropped), (2, 0));
    assert_eq!(counters.errors[Cause::TooLarge as usize], 2);
    sink.flush(LONG).unwrap();
    assert_eq!(sink.counters().delivered, 3);
    assert_eq!(sink.status().queued_bytes, 0);
}

#[test]
fn a_letter_that_is_more_than_the_queue_holds_arrives_reduced() {
    let cluster = cluster();
    let sink = open(&cluster, &[("queue.buffering.max.kbytes", "1000")]);
    let (held, settled) = ticket();
    give(&sink, 1, &vec![b'{'; 1_500_000], &[], &held);
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert_eq!(sink.counters().reduced, 1);
}

#[test]
fn a_letter_gets_smaller_until_the_broker_takes_it() {
    let cluster = cluster();
    let sink = open(&cluster, &[]);
    // In a batch, alone, and in the largest reduced form.
    refuse(&cluster, &[TOO_LARGE; 3]);
    let (held, settled) = ticket();
    give(&sink, 1, &vec![7; 1_048_400], &[], &held);
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let letters = read(&cluster, LETTERS, 1);
    let bytes = letters[0].payload().unwrap().len();
    assert!((80_000..96 * 1024).contains(&bytes), "{bytes}");
    assert_eq!(letters[0].key(), Some(&b"payments/2/1"[..]));
    assert_eq!(sink.counters().reduced, 1);
}

#[test]
fn a_letter_that_is_refused_in_every_form_is_counted_and_stops_nothing() {
    let cluster = cluster();
    let sink = open(&cluster, &[]);
    for error in [TOO_LARGE, INVALID] {
        refuse(&cluster, &[error; 6]);
        let (held, settled) = ticket();
        give(&sink, 1, &vec![7; 1_048_400], &[], &held);
        drop(held);
        assert_eq!(
            settled.recv_timeout(LONG),
            Ok(Settled::Delivered),
            "{error:?}"
        );
        cluster.clear_request_errors(RDKafkaApiKey::Produce);
    }
    sink.flush(LONG).unwrap();
    let counters = sink.counters();
    assert_eq!(
        (counters.dropped, counters.failed, counters.delivered),
        (2, 0, 0)
    );
    let (held, settled) = ticket();
    give(&sink, 2, b"{", &[], &held);
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    sink.flush(LONG).unwrap();
    assert!(sink.status().is_up());
    assert_eq!(sink.status().queued_bytes, 0);
}

#[test]
fn a_batch_that_is_refused_is_sent_record_by_record_in_order() {
    let cluster = cluster();
    let sink = open(&cluster, &[("linger.ms", "50")]);
    // One batch for each partition.
    refuse(&cluster, &[TOO_LARGE; 4]);
    let (held, settled) = ticket();
    sink.write(&batch(0, 400), &held).unwrap();
    sink.flush(LONG).unwrap();
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let messages = read(&cluster, "tillwatch.scores", 400);
    let mut last: HashMap<Vec<u8>, i64> = HashMap::new();
    for message in messages {
        let value: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        assert!(value.get("reduced").is_none());
        let offset = value["offset"].as_i64().unwrap();
        let before = last.insert(message.key().unwrap().to_vec(), offset);
        assert!(before.is_none_or(|before| before < offset));
    }
    let counters = sink.counters();
    assert_eq!((counters.reduced, counters.failed), (0, 0));
}

/// Three scores, the second with five reasons whose words are long.
fn with_many_words() -> ScoreBatch {
    let ids = vec![Some("a"), Some("b"), Some("c")];
    let mut scores = from_parts(ids.clone(), ids, vec![1, 2, 3], vec![0.5; 3], vec![None; 3]);
    let mut wordy = reason(1.0);
    let definition = Arc::make_mut(&mut wordy.definition);
    definition.words = "words ".repeat(200);
    let mut reasons = ReasonLists::with_capacity(3);
    reasons.push_row(None);
    reasons.push_row((0..5).map(|_| wordy.clone()));
    reasons.push_row(None);
    scores.reasons = reasons;
    scores
}

#[test]
fn a_score_that_is_too_large_arrives_without_its_reasons() {
    let cluster = cluster();
    let sink = open(&cluster, &[("message.max.bytes", "1000")]);
    let (held, settled) = ticket();
    sink.write(&with_many_words(), &held).unwrap();
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let scores = read(&cluster, "tillwatch.scores", 3);
    let reduced: Vec<serde_json::Value> = scores
        .iter()
        .map(|score| serde_json::from_slice(score.payload().unwrap()).unwrap())
        .filter(|score: &serde_json::Value| score.get("reduced").is_some())
        .collect();
    assert_eq!(reduced.len(), 1);
    assert_eq!(reduced[0]["event_id"], "b");
    assert_eq!(reduced[0]["probability"], 0.5);
    assert!(reduced[0].get("reasons").is_none());
    assert_eq!((sink.counters().reduced, sink.counters().dropped), (1, 0));
}

#[test]
fn a_topic_that_we_may_not_write_to_is_waited_for() {
    let cluster = cluster();
    let sink = open(&cluster, &[]);
    refuse(&cluster, &[NOT_AUTHORIZED; 8]);
    let (held, settled) = ticket();
    sink.write(&batch(0, 100), &held).unwrap();
    wait_for("the trouble to be said", || !sink.status().is_up());
    let waiting = &sink.status().waiting[0];
    assert_eq!(waiting.cause, Cause::NotAuthorized);
    assert_eq!(waiting.topic.as_deref(), Some("tillwatch.scores"));
    // Later records wait behind those that came back.
    sink.write(&batch(1000, 100), &held).unwrap();
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    wait_for("the end of the trouble", || sink.status().is_up());
    let messages = read(&cluster, "tillwatch.scores", 200);
    let mut last: HashMap<Vec<u8>, i64> = HashMap::new();
    for message in messages {
        let value: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let offset = value["offset"].as_i64().unwrap();
        let before = last.insert(message.key().unwrap().to_vec(), offset);
        assert!(before.is_none_or(|before| before < offset));
    }
    let counters = sink.counters();
    assert_eq!((counters.delivered, counters.failed), (200, 0));
    assert!(counters.errors[Cause::NotAuthorized as usize] >= 100);
}

#[test]
fn a_time_that_the_broker_refuses_is_waited_for_and_set_anew() {
    let cluster = cluster();
    let sink = open(&cluster, &[]);
    refuse(&cluster, &[TIMESTAMP; 2]);
    let (held, settled) = ticket();
    give(&sink, 1, b"{", &[], &held);
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    let letters = read(&cluster, LETTERS, 1);
    assert_eq!(header(&letters[0], "tillwatch.reduced"), None);
    assert_eq!(sink.counters().errors[Cause::Timestamp as usize], 2);
}

#[test]
fn a_client_that_breaks_down_is_replaced_and_nothing_is_lost() {
    let cluster = cluster();
    let sink = open(&cluster, &[]);
    refuse(&cluster, &[OUT_OF_ORDER]);
    let (held, settled) = ticket();
    for round in 0..5 {
        sink.write(&batch(round * 10_000, 300), &held).unwrap();
    }
    drop(held);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Delivered));
    assert!(sink.counters().errors[Cause::Fatal as usize] > 0);
    let ids = read(&cluster, "tillwatch.scores", 1500);
    let ids = ids.iter().map(|score| score.payload().unwrap().to_vec());
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 1500);
    assert_eq!(sink.counters().failed, 0);
}

#[test]
fn a_sink_that_is_dropped_while_it_waits_fails_its_tickets() {
    let cluster = cluster();
    let sink = open(&cluster, &[]);
    refuse(&cluster, &[NOT_AUTHORIZED; 100]);
    let (held, settled) = ticket();
    sink.write(&batch(0, 10), &held).unwrap();
    drop(held);
    wait_for("the trouble to be said", || !sink.status().is_up());
    assert!(matches!(
        sink.flush(Duration::from_millis(50)),
        Err(SinkError::FlushTimeout { .. })
    ));
    drop(sink);
    assert_eq!(settled.recv_timeout(LONG), Ok(Settled::Failed));
}

#[test]
fn a_plain_record_takes_no_neighbour_down() {
    let cluster = cluster();
    let writer =
        RecordWriter::open(&settings(&cluster, &[("linger.ms", "50")]).properties).unwrap();
    // The batch, then the first of its records.
    refuse(&cluster, &[INVALID; 2]);
    let mut ends = Vec::new();
    for number in 0..10 {
        let record = OutRecord {
            topic: "tillwatch.scores",
            partition: Some(1),
            key: None,
            payload: Some(b"x"),
            timestamp_ms: Some(1_000 + number),
        };
        let (held, settled) = ticket();
        writer.send_for(&record, &[], &held).unwrap();
        ends.push(settled);
    }
    writer.flush(LONG).unwrap();
    let counters = writer.counters();
    assert_eq!((counters.delivered, counters.failed), (9, 1));
    let ends: Vec<Settled> = ends
        .iter()
        .map(|end| end.recv_timeout(LONG).unwrap())
        .collect();
    assert_eq!(ends[0], Settled::Failed);
    assert!(ends[1..].iter().all(|end| *end == Settled::Delivered));
    let messages = read(&cluster, "tillwatch.scores", 9);
    for (message, number) in messages.iter().zip(1..) {
        assert_eq!(message.partition(), 1);
        assert_eq!(message.timestamp().to_millis(), Some(1_000 + number));
    }
}
