//! Decoding against parsing the same records into a borrowed serde struct, in one run.
//!
//! `cargo bench --bench decode`

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use tillwatch_decode::{DecodePlan, DecodeSettings, Decoder};
use tillwatch_records::{Column, KeySpec, Projection, RawBatch, RecordKind, TopicPartition};

/// Records in a batch at high load.
const RECORDS: usize = 4096;

/// What a usual consumer would write down for these records.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing fills every field; nothing reads them")]
struct Borrowed<'a> {
    event_id: &'a str,
    event_time: i64,
    mti: &'a str,
    stan: u32,
    acquirer_id: &'a str,
    merchant_id: &'a str,
    terminal_id: &'a str,
    mcc: &'a str,
    card_token: &'a str,
    processing_code: &'a str,
    amount_minor: i64,
    currency: &'a str,
    entry_mode: &'a str,
    response_code: &'a str,
    latency_ms: u32,
    atc: u32,
    transaction_sequence: u32,
    hardware_serial: &'a str,
    app_version: Cow<'a, str>,
    lat: f64,
    lon: f64,
}

fn payload(i: usize) -> String {
    let mut text = String::new();
    let terminal = i * 7919 % 50_000;
    let _ = write!(
        text,
        concat!(
            r#"{{"event_id":"e{i:09}","event_time":{time},"mti":"0100","stan":{stan},"#,
            r#""acquirer_id":"476173","merchant_id":"M{merchant:06}","#,
            r#""terminal_id":"T{terminal:07}","mcc":"5411","card_token":"tok_{card:016x}","#,
            r#""processing_code":"000000","amount_minor":{amount},"currency":"EUR","#,
            r#""entry_mode":"07","response_code":"00","latency_ms":{latency},"atc":{atc},"#,
            r#""transaction_sequence":{stan},"hardware_serial":"SN{terminal:08}","#,
            r#""app_version":"4.2.1","lat":52.5200{digit},"lon":13.4050{digit}}}"#,
        ),
        i = i,
        time = 1_750_000_000_000_usize + i * 13,
        stan = i % 1_000_000,
        merchant = terminal / 3,
        terminal = terminal,
        card = i.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        amount = 100 + i * 37 % 20_000,
        latency = 80 + i % 300,
        atc = i % 65_536,
        digit = i % 10,
    );
    text
}

fn batch(records: usize) -> RawBatch {
    let mut batch = RawBatch::new(TopicPartition::new("payments", 0));
    for i in 0..records {
        let timestamp_ms = 1_750_000_000_100 + i as i64 * 13;
        let payload = payload(i);
        batch.push(
            i as i64,
            Some(timestamp_ms),
            None,
            Some(payload.as_bytes()),
            [],
        );
    }
    batch
}

fn job_w() -> Projection {
    Projection::new([
        Column::EventId,
        Column::EventTime,
        Column::IngestTime,
        Column::AcquirerId,
        Column::MerchantId,
        Column::TerminalId,
        Column::CardToken,
        Column::AmountMinor,
        Column::Currency,
        Column::ResponseCode,
    ])
}

fn decoder(projection: Projection) -> Decoder {
    let settings = DecodeSettings::default();
    let plan = DecodePlan::new(&settings, Arc::new(projection), &KeySpec::terminal())
        .unwrap_or_else(|error| unreachable!("default settings: {error}"));
    Decoder::new(Arc::new(plan))
}

fn decode(c: &mut Criterion) {
    let raw = batch(RECORDS);
    let bytes = raw.bytes_len() / raw.len();
    let mut group = c.benchmark_group(format!("decode/{bytes}_byte_records"));
    group.throughput(Throughput::Elements(RECORDS as u64));

    group.bench_function("serde_json_borrowed_struct", |b| {
        b.iter(|| {
            for record in raw.iter() {
                let payload = record.payload.unwrap_or_default();
                let parsed = serde_json::from_slice::<Borrowed<'_>>(payload);
                assert!(black_box(parsed).is_ok());
            }
        });
    });
    for (name, projection) in [
        ("job_w_columns", job_w()),
        ("all_columns", Projection::of_kind(RecordKind::Transaction)),
    ] {
        let mut decoder = decoder(projection);
        group.bench_function(name, |b| {
            b.iter(|| {
                let decoded = decoder.decode(&raw);
                assert_eq!(decoded.events.len(), RECORDS);
                decoded
            });
        });
    }
    group.finish();
}

/// At low load a batch is a few records: the fixed cost of a batch shows.
fn small_batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode/batch_size");
    for records in [1, 16, 256] {
        let raw = batch(records);
        let mut decoder = decoder(job_w());
        group.throughput(Throughput::Elements(records as u64));
        group.bench_with_input(BenchmarkId::from_parameter(records), &raw, |b, raw| {
            b.iter(|| decoder.decode(raw));
        });
    }
    group.finish();
}

criterion_group!(benches, decode, small_batches);
criterion_main!(benches);
