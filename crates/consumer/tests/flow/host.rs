//! A lane host that works in the calling thread's stead: one worker thread for all lanes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tillwatch_consumer::{
    Consumer, ConsumerError, ConsumerSettings, Inlet, LaneHost, LastCall, Lost, Monitor, Moved,
    Position, Properties, StopToken, Taken,
};
use tillwatch_records::{Ticket, TopicPartition};

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What the worker does with a batch's ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Settle at once.
    Settle,
    /// Keep until the test settles it.
    Hold,
    /// Keep until the partition's last call.
    HoldUntilLastCall,
    /// Settle at once; a last call takes so long.
    SettleAndLinger(Duration),
    /// Fail batches from this offset on.
    FailFrom(i64),
}

/// Name and value.
pub type Header = (String, Option<Vec<u8>>);

/// What has been seen so far.
#[derive(Default)]
pub struct Seen {
    /// Offsets by partition, in the order they were handed out.
    pub offsets: BTreeMap<i32, Vec<i64>>,
    /// Topic and offset of every record by partition, in the order they were handed out, and whether the
    /// order was not certain.
    pub order: BTreeMap<i32, Vec<(String, i64, bool)>>,
    pub payloads: BTreeMap<(i32, i64), Vec<u8>>,
    pub keys: BTreeMap<(i32, i64), Option<Vec<u8>>>,
    pub headers: BTreeMap<(i32, i64), Vec<Header>>,
    pub timestamps: BTreeMap<(i32, i64), Option<i64>>,
    pub held: Vec<(i32, i64, Ticket)>,
    pub assigned: Vec<i32>,
    pub inlets: Vec<Arc<Inlet>>,
    /// Partitions whose last call came.
    pub last_calls: Vec<i32>,
    pub revoked: Vec<i32>,
    /// Offsets handed out as replay, by partition.
    pub replayed: BTreeMap<i32, Vec<i64>>,
    /// What the group had committed of partitions that were not begun.
    pub located: BTreeMap<i32, Option<i64>>,
    pub largest_batch: usize,
    pub losses: Vec<Lost>,
    pub moved: Vec<(i32, Moved)>,
    /// Partitions that were lost.
    pub lost: Vec<i32>,
}

impl Seen {
    pub fn count(&self) -> usize {
        self.offsets.values().map(Vec::len).sum()
    }
}

pub struct Host {
    pub seen: Mutex<Seen>,
    changed: Condvar,
    ready: Mutex<Sender<Arc<Inlet>>>,
    treatment: Mutex<Treatment>,
    /// What assignments of a partition are answered with; the others with `Committed`.
    positions: BTreeMap<i32, Position>,
}

impl LaneHost for Host {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        let partition = inlet.source().partition;
        let mut seen = self.seen.lock();
        seen.assigned.push(partition);
        seen.inlets.push(Arc::clone(inlet));
        drop(seen);
        self.changed.notify_all();
        let position = self.positions.get(&partition);
        position.copied().unwrap_or(Position::Committed)
    }

    fn located(&self, inlet: &Arc<Inlet>, _: &TopicPartition, offset: Option<i64>) {
        let partition = inlet.source().partition;
        self.seen.lock().located.insert(partition, offset);
        self.changed.notify_all();
    }

    /// Settles what is still held, and perhaps takes its time.
    fn last_call(&self, inlet: &Arc<Inlet>, done: LastCall) {
        let partition = inlet.source().partition;
        self.seen.lock().last_calls.push(partition);
        match *self.treatment.lock() {
            Treatment::HoldUntilLastCall => drop(self.release(partition)),
            Treatment::SettleAndLinger(time) => {
                std::thread::spawn(move || {
                    std::thread::sleep(time);
                    drop(done);
                });
            }
            _ => {}
        }
        self.changed.notify_all();
    }

    fn ready(&self, inlet: &Arc<Inlet>) {
        self.ready.lock().send(Arc::clone(inlet)).unwrap();
    }

    fn revoked(&self, inlet: &Arc<Inlet>) {
        self.seen.lock().revoked.push(inlet.source().partition);
        self.changed.notify_all();
    }

    fn lost(&self, inlet: &Arc<Inlet>) {
        self.seen.lock().lost.push(inlet.source().partition);
        self.revoked(inlet);
    }
}

impl Host {
    /// Waits until `done` holds; says what was there when it never does.
    pub fn wait(&self, what: &str, mut done: impl FnMut(&Seen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.seen.lock();
        while !done(&seen) {
            assert!(
                !self.changed.wait_until(&mut seen, deadline).timed_out(),
                "waited for {what}: {} records, assigned {:?}, revoked {:?}",
                seen.count(),
                seen.assigned,
                seen.revoked,
            );
        }
    }

    pub fn treat(&self, treatment: Treatment) {
        *self.treatment.lock() = treatment;
    }

    /// Takes the held tickets of `partition` with their batches' first offsets, oldest first.
    pub fn release(&self, partition: i32) -> Vec<(i64, Ticket)> {
        let mut seen = self.seen.lock();
        let held = std::mem::take(&mut seen.held);
        let (of_partition, others) = held.into_iter().partition(|held| held.0 == partition);
        seen.held = others;
        let of_partition: Vec<(i32, i64, Ticket)> = of_partition;
        of_partition
            .into_iter()
            .map(|(_, offset, ticket)| (offset, ticket))
            .collect()
    }

    /// The inlet of an assigned partition.
    pub fn inlet(&self, partition: i32) -> Arc<Inlet> {
        let seen = self.seen.lock();
        let mut inlets = seen.inlets.iter();
        let inlet = inlets.rfind(|inlet| inlet.source().partition == partition);
        Arc::clone(inlet.unwrap())
    }

    fn work(&self, ready: &Receiver<Arc<Inlet>>) {
        while let Ok(inlet) = ready.recv() {
            let partition = inlet.source().partition;
            while let Some(taken) = inlet.take() {
                let (batch, ticket) = match taken {
                    Taken::Live(batch, ticket) => (batch, ticket),
                    Taken::Replay(batch) => {
                        let offsets = batch.iter().map(|record| record.offset);
                        let mut seen = self.seen.lock();
                        seen.replayed.entry(partition).or_default().extend(offsets);
                        drop(seen);
                        inlet.recycle(batch);
                        self.changed.notify_all();
                        continue;
                    }
                    Taken::Lost(lost) => {
                        self.seen.lock().losses.push(lost);
                        self.changed.notify_all();
                        continue;
                    }
                    Taken::Moved(moved) => {
                        self.seen.lock().moved.push((partition, moved));
                        self.changed.notify_all();
                        continue;
                    }
                };
                let first = batch.get(0).offset;
                let treatment = *self.treatment.lock();
                let mut seen = self.seen.lock();
                seen.largest_batch = seen.largest_batch.max(batch.len());
                for record in batch.iter() {
                    let position = (partition, record.offset);
                    seen.order.entry(partition).or_default().push((
                        batch.source().topic.to_string(),
                        record.offset,
                        !batch.flags().is_empty(),
                    ));
                    seen.offsets
                        .entry(partition)
                        .or_default()
                        .push(record.offset);
                    seen.payloads
                        .insert(position, record.payload.unwrap_or_default().to_vec());
                    seen.keys.insert(position, record.key.map(<[u8]>::to_vec));
                    seen.timestamps.insert(position, record.timestamp_ms);
                    let headers = record
                        .headers()
                        .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
                    seen.headers.insert(position, headers.collect());
                }
                match treatment {
                    Treatment::Hold | Treatment::HoldUntilLastCall => {
                        seen.held.push((partition, first, ticket));
                    }
                    Treatment::FailFrom(offset) if first >= offset => ticket.fail(),
                    _ => {}
                }
                drop(seen);
                inlet.recycle(batch);
                self.changed.notify_all();
            }
        }
    }
}

/// A consumer that runs on a thread of its own.
pub struct Member {
    pub host: Arc<Host>,
    pub monitor: Arc<Monitor>,
    pub stop: StopToken,
    thread: Option<JoinHandle<Result<(), ConsumerError>>>,
}

impl Member {
    pub fn start(settings: &ConsumerSettings, treatment: Treatment) -> Self {
        Self::start_at(settings, treatment, &[])
    }

    /// As [`Member::start`], with other answers than `Committed` for some partitions.
    pub fn start_at(
        settings: &ConsumerSettings,
        treatment: Treatment,
        positions: &[(i32, Position)],
    ) -> Self {
        Self::run(Consumer::new(settings).unwrap(), treatment, positions)
    }

    /// Runs `consumer`.
    pub fn run(consumer: Consumer, treatment: Treatment, positions: &[(i32, Position)]) -> Self {
        let (sender, receiver) = channel();
        let host = Arc::new(Host {
            seen: Mutex::default(),
            changed: Condvar::new(),
            ready: Mutex::new(sender),
            treatment: Mutex::new(treatment),
            positions: positions.iter().copied().collect(),
        });
        let worker = Arc::clone(&host);
        std::thread::spawn(move || worker.work(&receiver));
        let monitor = consumer.monitor();
        let stop = StopToken::new();
        let (lanes, token) = (Arc::clone(&host), stop.clone());
        let thread = std::thread::spawn(move || consumer.run(lanes, &token));
        Self {
            host,
            monitor,
            stop,
            thread: Some(thread),
        }
    }

    /// Asks it to stop and waits for its end.
    pub fn finish(mut self) -> Result<(), ConsumerError> {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap()
    }

    /// Waits for it to end by itself.
    pub fn end(mut self) -> Result<(), ConsumerError> {
        let thread = self.thread.take().unwrap();
        wait("the end", || thread.is_finished());
        thread.join().unwrap()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// Waits until `done` holds.
#[expect(
    clippy::disallowed_methods,
    reason = "waits for another process's state"
)]
pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Settings with short times, so that tests are.
pub fn settings(brokers: &str, topic: &str, group: &str) -> ConsumerSettings {
    let properties = Properties::of([
        ("bootstrap.servers", brokers),
        // The mock coordinator spends this less 1 s on every rebalance.
        ("session.timeout.ms", "2000"),
        ("heartbeat.interval.ms", "200"),
    ]);
    let mut settings = ConsumerSettings::new(vec![topic.to_owned()], group, properties);
    settings.commit_interval = tillwatch_records::units::DurationMs::from_ms(50);
    settings.drain_timeout = tillwatch_records::units::DurationMs::from_ms(1_000);
    settings
}

/// Whether `records` records of each partition were handed out.
pub fn complete(offsets: &BTreeMap<i32, Vec<i64>>, partitions: i32, records: i64) -> bool {
    (0..partitions).all(|partition| {
        offsets
            .get(&partition)
            .is_some_and(|offsets| offsets.len() as i64 >= records)
    })
}

/// Which partitions every member holds.
pub fn owned(members: &[&Member]) -> HashMap<i32, usize> {
    let mut owners = HashMap::new();
    for (index, member) in members.iter().enumerate() {
        for partition in member.monitor.stats().partitions {
            owners.insert(partition.source.partition, index);
        }
    }
    owners
}
