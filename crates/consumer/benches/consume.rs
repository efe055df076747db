//! What reading costs: CPU and wall time per record of the plain `BaseConsumer::poll` loop and of
//! this crate, over the same records in one run.
//!
//! `TILLWATCH_KAFKA=127.0.0.1:9092 cargo bench -p tillwatch-consumer --bench consume [-- RECORDS]`;
//! without an address, librdkafka's mock cluster (in this process: then its CPU counts too).
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program that measures time and ends when something is wrong"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tillwatch_consumer::{
    Consumer, ConsumerSettings, Inlet, LaneHost, Position, Properties, StopToken, Taken,
};
use tillwatch_testkit::broker::{Mock, TestRecord, create_topic, produce};

const PARTITIONS: i32 = 4;
const PAYLOAD_BYTES: usize = 430;
/// The mock cluster keeps 5 MiB of a partition.
const MOCK_RECORDS_MAX: u64 = 40_000;

fn main() {
    let address = std::env::var("TILLWATCH_KAFKA").ok();
    let asked = std::env::args().filter_map(|word| word.parse().ok()).next();
    let records: u64 = asked.unwrap_or(1_000_000);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let topic = format!("bench-{}", since.as_nanos());
    let mock = Mock::start(1, &[(&topic, PARTITIONS)]).unwrap();
    let (brokers, records) = match &address {
        Some(address) => {
            create_topic(address, &topic, PARTITIONS).unwrap();
            (address.clone(), records)
        }
        None => (mock.brokers().to_owned(), records.min(MOCK_RECORDS_MAX)),
    };
    fill(&brokers, &topic, records);
    for round in 0..2 {
        report("plain poll", records, || {
            plain(&brokers, &topic, round, records);
        });
        report("consumer", records, || {
            ours(&brokers, &topic, round, records);
        });
    }
}

fn fill(brokers: &str, topic: &str, records: u64) {
    let record = |index: u64| TestRecord {
        partition: (index % PARTITIONS as u64) as i32,
        key: Some(format!("terminal-{}", index % 50_000).into_bytes()),
        payload: Some(vec![b'x'; PAYLOAD_BYTES]),
        ..TestRecord::default()
    };
    produce(brokers, topic, (0..records).map(record)).unwrap();
}

/// What a consumer without us would do: poll, look at the payload, drop.
fn plain(brokers: &str, topic: &str, round: u32, records: u64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("plain-{topic}-{round}"))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.wait.max.ms", "100")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let (mut seen, mut bytes) = (0, 0);
    while seen < records {
        if let Some(message) = consumer.poll(Duration::from_secs(1)) {
            bytes += message.unwrap().payload_len();
            seen += 1;
        }
    }
    assert_eq!(bytes as u64, records * PAYLOAD_BYTES as u64);
}

/// Counts what comes, on the poll thread itself: the cheapest lane there can be.
struct Counting {
    records: AtomicU64,
    wanted: u64,
    stop: StopToken,
}

impl LaneHost for Counting {
    fn assigned(&self, _: &Arc<Inlet>) -> Position {
        Position::Committed
    }

    fn ready(&self, inlet: &Arc<Inlet>) {
        while let Some(Taken::Live(batch, ticket)) = inlet.take() {
            let count = batch.len() as u64;
            inlet.recycle(batch);
            drop(ticket);
            if self.records.fetch_add(count, Ordering::Relaxed) + count >= self.wanted {
                self.stop.stop();
            }
        }
    }

    fn revoked(&self, _: &Arc<Inlet>) {}
}

fn ours(brokers: &str, topic: &str, round: u32, records: u64) {
    let mut pairs = vec![("bootstrap.servers".to_owned(), brokers.to_owned())];
    // `KAFKA_PROPERTIES="a=b c=d"` tries other settings.
    let more = std::env::var("KAFKA_PROPERTIES").unwrap_or_default();
    pairs.extend(more.split_whitespace().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    }));
    let properties = Properties(pairs.into_iter().collect());
    let group = format!("ours-{topic}-{round}");
    let settings = ConsumerSettings::new(vec![topic.to_owned()], group, properties);
    let stop = StopToken::new();
    let host = Arc::new(Counting {
        records: AtomicU64::new(0),
        wanted: records,
        stop: stop.clone(),
    });
    let lanes = Arc::clone(&host);
    Consumer::new(&settings).unwrap().run(lanes, &stop).unwrap();
    assert_eq!(host.records.load(Ordering::Relaxed), records);
}

fn report(name: &str, records: u64, work: impl FnOnce()) {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    work();
    let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
    let count = records as f64;
    println!(
        "{name:12} {:6.3} CPU-us/record {:9.0} records/s (joining included) rss {} MiB",
        cpu * 1e6 / count,
        count / wall,
        resident_mib(),
    );
}

/// User and system time of this process, in hundredths of a second by the kernel's clock tick.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024
}
