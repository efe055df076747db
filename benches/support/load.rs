//! Records that are sent at a rate, and how long after its time of sending a record's result can be read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use memchr::memmem;
use tillwatch_simulator::{EVENT_ID_BYTES, Fleet, partition_of};
use tillwatch_testkit::load::{Reader, Sender};

use crate::running::Running;

/// How long a process may take to join its group, and results may take at the end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What comes before an event id, in a transaction as in a score.
const EVENT_ID: &[u8] = b"\"event_id\":\"";

type EventId = [u8; EVENT_ID_BYTES];

/// Records ready to be sent.
pub struct Load {
    bytes: Vec<u8>,
    records: Vec<Record>,
    numbers: HashMap<EventId, usize>,
}

struct Record {
    /// Its end in the bytes of the load.
    end: usize,
    partition: i32,
    key: Vec<u8>,
}

/// Where records go in and results come out.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    pub brokers: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    /// Of the topic that is written.
    pub partitions: i32,
}

impl Load {
    /// What `fleet` makes next, so many records for a topic of `partitions` partitions.
    pub fn new(fleet: &mut Fleet, records: u64, partitions: i32) -> Self {
        let mut load = Self {
            bytes: Vec::new(),
            records: Vec::new(),
            numbers: HashMap::new(),
        };
        for number in 0..records as usize {
            let made = fleet.next(&mut load.bytes);
            load.records.push(Record {
                end: load.bytes.len(),
                partition: partition_of(&made.key, partitions),
                key: made.key.to_vec(),
            });
            load.numbers.insert(made.event_id, number);
        }
        load
    }

    /// The partition that a record goes to.
    pub fn partition(&self, number: usize) -> i32 {
        self.records[number].partition
    }

    /// Sends the load along `way` at `rate` records/s and calls `beside` with the time of the first record on
    /// a thread of its own, while `running` works. Returns the number of each record after the first and its
    /// latency in milliseconds; of a result that comes twice, as after a crash, the first one counts.
    pub fn run(
        &self,
        way: Way<'_>,
        running: &mut Running,
        rate: u64,
        beside: impl FnOnce(Instant) + Send,
    ) -> Vec<(usize, f64)> {
        let sender = Sender::new(way.brokers, way.from, &[]).unwrap();
        let reader = Reader::new(way.brokers, way.to, way.partitions).unwrap();
        let read = || {
            let look = |value: &[u8]| self.number(value);
            // Results of records that were there before are nobody's.
            reader
                .read(Duration::from_millis(100), look)
                .unwrap()
                .flatten()
        };
        // The first record is sent alone: once it comes back the process has its partitions.
        self.send(&sender, 0);
        let began = Instant::now();
        while read().is_none() {
            running.check();
            if began.elapsed() > PATIENCE {
                running.give_up("the first record does not come back");
            }
        }
        let start = Instant::now();
        let due = |number: usize| start + due(number, rate);
        let mut is_seen = vec![false; self.records.len()];
        is_seen[0] = true;
        let mut latencies_ms = Vec::with_capacity(self.records.len());
        std::thread::scope(|scope| {
            scope.spawn(|| self.send_all(&sender, due));
            scope.spawn(|| beside(start));
            let deadline = due(self.records.len()) + PATIENCE;
            while latencies_ms.len() + 1 < self.records.len() {
                if Instant::now() > deadline {
                    running.give_up(&format!("only {} results came", latencies_ms.len() + 1));
                }
                let Some(number) = read() else { continue };
                if !std::mem::replace(&mut is_seen[number], true) {
                    // From when it should have been sent, so that a stall of anything counts.
                    let latency = Instant::now().saturating_duration_since(due(number));
                    latencies_ms.push((number, latency.as_secs_f64() * 1e3));
                }
            }
        });
        latencies_ms
    }

    fn send(&self, sender: &Sender, number: usize) {
        let start = number
            .checked_sub(1)
            .map_or(0, |before| self.records[before].end);
        let Record {
            end,
            partition,
            key,
        } = &self.records[number];
        sender
            .send(*partition, key, &self.bytes[start..*end])
            .unwrap();
    }

    /// Each record at its time, or at once when that has passed.
    fn send_all(&self, sender: &Sender, due: impl Fn(usize) -> Instant) {
        for number in 1..self.records.len() {
            let wait = due(number).saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                sender.serve();
                std::thread::sleep(wait);
            }
            self.send(sender, number);
        }
        sender.flush().unwrap();
    }

    /// Which record a result speaks of.
    fn number(&self, result: &[u8]) -> Option<usize> {
        let start = memmem::find(result, EVENT_ID)? + EVENT_ID.len();
        let id: EventId = result.get(start..start + EVENT_ID_BYTES)?.try_into().ok()?;
        self.numbers.get(&id).copied()
    }
}

/// How long after the first record a record is due.
pub fn due(number: usize, rate: u64) -> Duration {
    Duration::from_nanos(number as u64 * 1_000_000_000 / rate)
}
