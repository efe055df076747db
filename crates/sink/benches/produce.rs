//! What a score costs the thread that writes it: encoding alone, the Kafka sink (encoding and
//! hand-over), and the plain client's `BaseProducer::send` of the same bytes. Against librdkafka's
//! mock broker; figures are CPU time of the calling thread (Linux), so that the client's own threads
//! and the broker do not count.
//!
//! `cargo bench -p tillwatch-sink --bench produce`

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot set up its parts should stop"
)]

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::Schema;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord};
use tillwatch_records::score::ReasonLists;
use tillwatch_records::{
    Attribution, Band, Column, Emissions, EventBatch, Flags, Projection, RecordKind, RecordKinds,
    ScoreBatch, Ticket, TopicPartition, Versions,
};
use tillwatch_sink::{
    KafkaSink, Properties, ScoreEncoder, Sink as _, SinkKind, SinkSettings, Surroundings,
};

const ROWS: usize = 4096;
const BATCHES: usize = 50;
const ROUNDS: usize = 3;

fn main() {
    let batch = batch();
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("tillwatch.scores", 4, 1).unwrap();
    let servers = cluster.bootstrap_servers();
    for round in 1..=ROUNDS {
        let encode = encode(&batch);
        let sink = through_sink(&batch, &servers);
        let plain = plain_send(&batch, &servers);
        println!(
            "round {round}: encode {encode:.0} ns, sink {sink:.0} ns (hand-over {:.0} ns), plain \
             send {plain:.0} ns per score",
            sink - encode
        );
    }
}

fn encode(batch: &ScoreBatch) -> f64 {
    let mut out = Vec::new();
    measure(|| {
        for _ in 0..BATCHES {
            let encoder = ScoreEncoder::new(batch, false);
            for start in (0..ROWS).step_by(256) {
                out.clear();
                for row in start..start + 256 {
                    encoder.score(row, &mut out);
                }
                std::hint::black_box(&out);
            }
        }
    })
}

/// The client only collects while it is measured, and is dropped with what it holds.
fn properties(servers: &str) -> Properties {
    Properties::of([
        ("bootstrap.servers", servers),
        ("linger.ms", "600000"),
        ("batch.num.messages", "1000000"),
        ("queue.buffering.max.kbytes", "1000000"),
        ("enable.idempotence", "true"),
        ("partitioner", "murmur2_random"),
        ("message.timeout.ms", "0"),
        ("queue.buffering.max.messages", "500000"),
    ])
}

fn through_sink(batch: &ScoreBatch, servers: &str) -> f64 {
    let mut settings = SinkSettings::new(SinkKind::Kafka);
    settings.properties = properties(servers);
    let sink = KafkaSink::open(&settings, &Surroundings::default()).unwrap();
    let ticket = Ticket::new(|_| {});
    // The first hand-over waits for the topic's metadata.
    sink.write(batch, &ticket).unwrap();
    measure(|| {
        for _ in 0..BATCHES {
            sink.write(batch, &ticket).unwrap();
        }
    })
}

fn plain_send(batch: &ScoreBatch, servers: &str) -> f64 {
    let config: ClientConfig = properties(servers).0.into_iter().collect();
    let producer: BaseProducer = config.create().unwrap();
    let encoder = ScoreEncoder::new(batch, false);
    let values: Vec<Vec<u8>> = (0..ROWS)
        .map(|row| {
            let mut out = Vec::new();
            encoder.score(row, &mut out);
            out
        })
        .collect();
    let send_all = || {
        for (row, value) in values.iter().enumerate() {
            let record = BaseRecord::to("tillwatch.scores")
                .key(batch.emissions.keys.value(row))
                .payload(value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
    };
    send_all();
    measure(|| (0..BATCHES).for_each(|_| send_all()))
}

/// CPU nanoseconds of this thread per score.
fn measure(work: impl FnOnce()) -> f64 {
    let before = thread_cpu_ns();
    work();
    (thread_cpu_ns() - before) / (ROWS * BATCHES) as f64
}

fn thread_cpu_ns() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn batch() -> ScoreBatch {
    let projection = Projection::new([Column::EventId, Column::EventTime]);
    let offsets: Vec<i64> = (0..ROWS as i64).map(|row| 1_000_000 + row).collect();
    let ids = StringArray::from_iter_values(offsets.iter().map(|offset| format!("{offset:016x}")));
    let keys = offsets
        .iter()
        .map(|offset| format!("476173/{:015}/T{offset:07}", offset % 5000));
    let keys = StringArray::from_iter_values(keys);
    let times: Vec<i64> = offsets
        .iter()
        .map(|offset| 1_700_000_000_000 + offset)
        .collect();
    let times = TimestampMillisecondArray::from(times).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![Arc::new(ids), Arc::new(times)];
    let mut reasons = ReasonLists::with_capacity(ROWS);
    (0..ROWS).for_each(|_| reasons.push_row([]));
    let probabilities: Vec<f64> = offsets
        .iter()
        .map(|offset| (*offset as f64).sin().abs())
        .collect();
    let events = EventBatch {
        joined: None,
        marks: Vec::new(),
        source: TopicPartition::new("payments", 3),
        topic_id: None,
        record_timestamps_ms: offsets.clone(),
        kinds: vec![RecordKind::Transaction; ROWS],
        offsets,
        columns: RecordBatch::try_new(projection.schema().clone(), columns).unwrap(),
        projection: Arc::new(projection),
    };
    ScoreBatch {
        emissions: Emissions::of_records(keys, &events, RecordKinds::TRANSACTIONS),
        events,
        features: RecordBatch::new_empty(Arc::new(Schema::empty())),
        scores: probabilities.iter().map(|p| (p * 999.0) as u16).collect(),
        probabilities,
        bands: vec![Band::Approve; ROWS],
        reasons,
        flags: vec![Flags::empty(); ROWS],
        versions: Arc::new(Versions {
            model: "terminal-rules@1".to_owned(),
            model_hash: "00112233445566ff".to_owned(),
            catalog: "0123456789abcdef".to_owned(),
            reference: None,
        }),
        attributions: vec![Attribution::None; ROWS],
        challenge: None,
        shadows: Vec::new(),
        alerts: Vec::new(),
    }
}
