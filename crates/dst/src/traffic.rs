//! The records that are sent.

use tillwatch_consumer::memory::MemoryRecord;
use tillwatch_records::{RawBatch, TopicId, TopicPartition};

use crate::dice::{Dice, mix};

/// Records so far back may be sent once more.
const AGAIN_MAX: u64 = 12;

/// The record that follows those `before`, which were sent, and the `new` ones. Its payload is a function of
/// the seed, its position and its time, so that a run from which steps were taken out sends the same records
/// at the same positions.
pub(crate) fn record(
    seed: u64,
    source: &TopicPartition,
    before: &[MemoryRecord],
    new: &[MemoryRecord],
    timestamp_ms: i64,
) -> MemoryRecord {
    let offset = (before.len() + new.len()) as i64;
    let named = source.topic.bytes().map(u64::from).sum::<u64>() << 8;
    let place = mix(named + source.partition as u64, offset as u64);
    let mut dice = Dice::new(mix(seed, place));
    let again = 1 + dice.below(AGAIN_MAX) as usize;
    let earlier = new.iter().rev().chain(before.iter().rev()).nth(again - 1);
    let payload = match earlier.filter(|_| dice.percent(6)) {
        Some(earlier) => earlier.payload.clone(),
        None => Some(payload(&mut dice, source, offset, timestamp_ms)),
    };
    MemoryRecord {
        offset,
        timestamp_ms: Some(timestamp_ms),
        payload,
        ..MemoryRecord::default()
    }
}

/// The id of `topic`.
pub(crate) fn topic_id(topic: &str) -> String {
    format!("{topic}-is-its-id")
}

/// `records` as one batch of `source`.
pub(crate) fn batch(source: &TopicPartition, records: &[MemoryRecord]) -> RawBatch {
    let id = TopicId::new(&topic_id(&source.topic));
    let mut raw = RawBatch::of_topic(source.clone(), id);
    for record in records {
        let payload = record.payload.as_deref();
        raw.push(record.offset, record.timestamp_ms, None, payload, []);
    }
    raw
}

fn payload(dice: &mut Dice, source: &TopicPartition, offset: i64, timestamp_ms: i64) -> Vec<u8> {
    let lag_ms = match dice.below(100) {
        0..80 => dice.below(2_000) as i64,
        80..95 => dice.below(50_000) as i64,
        // Too late to be remembered.
        95..98 => 1_800_000,
        // Too far ahead.
        _ => -600_000,
    };
    // A few keys are busy; many others come once in a while and are evicted.
    let terminal = match dice.percent(65) {
        true => dice.below(5),
        false => 5 + dice.below(250),
    };
    let partition = source.partition;
    let json = format!(
        "{{\"event_id\":\"{}{partition}-{offset}\",\"event_time\":{},\"terminal_id\":\"t{terminal}\",\
         \"card_token\":\"c{}\",\"amount_minor\":{},\"currency\":\"EUR\",\"stan\":{},\"mcc\":\"54{}\",\
         \"response_code\":\"0{}\"}}",
        source.topic,
        timestamp_ms - lag_ms,
        dice.below(30),
        100 + dice.below(20_000),
        (offset + dice.below(3) as i64) % 1_000_000,
        10 + dice.below(3),
        dice.below(10) / 8 * 5,
    );
    let mut bytes = json.into_bytes();
    if dice.percent(4) {
        bytes.truncate(20);
    }
    bytes
}
