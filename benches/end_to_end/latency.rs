//! How long after its time of sending a record's result can be read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use memchr::memmem;
use tillwatch_simulator::EVENT_ID_BYTES;
use tillwatch_testkit::load::{Reader, Sender};

use crate::figures::{Latencies, Pair, Round};
use crate::place::{PARTITIONS, Place, partition};
use crate::process::{Contender, Running};

/// Sent at the rate before measuring begins.
const WARM_UP_SECONDS: u64 = 2;

/// How long a contender may take to join its group, and results may take at the end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What comes before an event id, in a transaction as in a score.
const EVENT_ID: &[u8] = b"\"event_id\":\"";

type EventId = [u8; EVENT_ID_BYTES];

/// Records ready to be sent.
pub struct Load {
    bytes: Vec<u8>,
    /// End of each record in `bytes`, its partition and key.
    records: Vec<(usize, i32, Vec<u8>)>,
    numbers: HashMap<EventId, usize>,
}

/// Runs both contenders at `rate` records/s, round after round.
pub fn measure(place: &Place, rate: u64) -> Vec<Pair<Latencies>> {
    let load = Load::new(place, rate * (WARM_UP_SECONDS + place.options.seconds));
    let mut rounds = Vec::new();
    for round in 0..place.options.rounds {
        let mut both = Round::default();
        for contender in Contender::turns(round) {
            let name = format!("{rate}-{round}-{}", contender.name());
            let (from, to) = (place.topic(&name), place.topic(&format!("{name}-out")));
            let mut running = contender.start(place, &from, &to);
            let topics = [from.as_str(), to.as_str()];
            let measured = run(place, &mut running, &load, rate, topics, |_| {});
            let warm = (rate * WARM_UP_SECONDS) as usize;
            let measured = measured.iter().filter(|(number, _)| *number >= warm);
            let latencies = Latencies::of(measured.map(|(_, ms)| *ms).collect());
            println!(
                "{:10} {rate:6} records/s: p50 {:6.2} ms, p99 {:6.2} ms, max {:6.1} ms",
                contender.name(),
                latencies.p50,
                latencies.p99,
                latencies.max
            );
            both.set(contender, latencies);
        }
        rounds.push(both.finish());
    }
    rounds
}

impl Load {
    pub fn new(place: &Place, records: u64) -> Self {
        let mut fleet = place.fleet();
        let mut load = Self {
            bytes: Vec::new(),
            records: Vec::new(),
            numbers: HashMap::new(),
        };
        for number in 0..records as usize {
            let made = fleet.next(&mut load.bytes);
            let end = load.bytes.len();
            let key = made.key.to_vec();
            load.records.push((end, partition(&key), key));
            load.numbers.insert(made.event_id, number);
        }
        load
    }

    fn send(&self, sender: &Sender, number: usize) {
        let start = number
            .checked_sub(1)
            .map_or(0, |before| self.records[before].0);
        let (end, partition, key) = &self.records[number];
        sender
            .send(*partition, key, &self.bytes[start..*end])
            .unwrap();
    }

    /// Which record a result speaks of.
    fn number(&self, result: &[u8]) -> Option<usize> {
        let start = memmem::find(result, EVENT_ID)? + EVENT_ID.len();
        let id: EventId = result.get(start..start + EVENT_ID_BYTES)?.try_into().ok()?;
        self.numbers.get(&id).copied()
    }
}

/// Sends the load at `rate` records/s and calls `beside` with the time of the first record on a thread of
/// its own. Returns the number of each record after the first and its latency in milliseconds.
pub fn run(
    place: &Place,
    running: &mut Running,
    load: &Load,
    rate: u64,
    [from, to]: [&str; 2],
    beside: impl FnOnce(Instant) + Send,
) -> Vec<(usize, f64)> {
    let sender = Sender::new(&place.brokers, from, &[]).unwrap();
    let reader = Reader::new(&place.brokers, to, PARTITIONS).unwrap();
    // The first record is sent alone: once it comes back the contender has its partitions.
    load.send(&sender, 0);
    let began = Instant::now();
    let look = |value: &[u8]| load.number(value);
    while reader
        .read(Duration::from_millis(100), look)
        .unwrap()
        .is_none()
    {
        running.check();
        if began.elapsed() > PATIENCE {
            running.give_up("the first record does not come back");
        }
    }
    let start = Instant::now();
    let due = |number: usize| start + Duration::from_nanos(number as u64 * 1_000_000_000 / rate);
    let mut latencies_ms = Vec::with_capacity(load.records.len());
    std::thread::scope(|scope| {
        scope.spawn(|| send_all(load, &sender, due));
        scope.spawn(|| beside(start));
        let deadline = due(load.records.len()) + PATIENCE;
        let mut seen = 1;
        while seen < load.records.len() {
            if Instant::now() > deadline {
                running.give_up(&format!("only {seen} results came"));
            }
            let Some(number) = reader.read(Duration::from_millis(100), look).unwrap() else {
                continue;
            };
            let number = number.unwrap();
            seen += 1;
            // From when it should have been sent, so that a stall of anything counts.
            let latency = Instant::now() - due(number);
            latencies_ms.push((number, latency.as_secs_f64() * 1e3));
        }
    });
    latencies_ms
}

/// Each record at its time, or at once when that has passed.
fn send_all(load: &Load, sender: &Sender, due: impl Fn(usize) -> Instant) {
    for number in 1..load.records.len() {
        let wait = due(number).saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            sender.serve();
            std::thread::sleep(wait);
        }
        load.send(sender, number);
    }
    sender.flush().unwrap();
}
