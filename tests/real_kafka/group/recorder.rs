//! A member of a group that notes what it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use tillwatch_consumer::{
    Consumer, ConsumerError, ConsumerSettings, Inlet, LaneHost, LastCall, Lost, Monitor, Moved,
    Position, Properties, StopToken, Taken,
};
use tillwatch_records::TopicPartition;

/// What a member was told.
#[derive(Default)]
pub struct Told {
    /// Topic and offset of live records by partition, in order.
    pub live: BTreeMap<i32, Vec<(String, i64)>>,
    /// Offsets of replayed records by partition, in order.
    pub replayed: BTreeMap<i32, Vec<i64>>,
    pub losses: Vec<Lost>,
    pub moved: Vec<(i32, Moved)>,
    /// Lanes that are ours, and those that were.
    pub inlets: BTreeMap<i32, Arc<Inlet>>,
    /// Partition, and what the group had committed of it.
    pub located: Vec<(i32, Option<i64>)>,
    pub last_calls: usize,
    pub revoked: Vec<i32>,
    pub lost: Vec<i32>,
}

impl Told {
    /// Live records of all partitions.
    pub fn records(&self) -> usize {
        self.live.values().map(Vec::len).sum()
    }
}

/// Takes everything at once and settles it; last calls take `linger`.
struct Recorder {
    told: Mutex<Told>,
    /// The answer to assignments.
    position: Position,
    linger: Duration,
}

impl Recorder {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("no test panics with it")
    }
}

impl LaneHost for Recorder {
    fn assigned(&self, inlet: &Arc<Inlet>) -> Position {
        let partition = inlet.source().partition;
        self.told().inlets.insert(partition, Arc::clone(inlet));
        self.position
    }

    fn located(&self, inlet: &Arc<Inlet>, _: &TopicPartition, offset: Option<i64>) {
        let partition = inlet.source().partition;
        self.told().located.push((partition, offset));
    }

    fn ready(&self, inlet: &Arc<Inlet>) {
        let partition = inlet.source().partition;
        while let Some(taken) = inlet.take() {
            let mut told = self.told();
            match taken {
                Taken::Live(batch, _) => {
                    let topic = batch.source().topic.to_string();
                    let records = batch.iter().map(|record| (topic.clone(), record.offset));
                    told.live.entry(partition).or_default().extend(records);
                }
                Taken::Replay(batch) => {
                    let offsets = batch.iter().map(|record| record.offset);
                    told.replayed.entry(partition).or_default().extend(offsets);
                }
                Taken::Lost(lost) => told.losses.push(lost),
                Taken::Moved(moved) => told.moved.push((partition, moved)),
            }
        }
    }

    fn last_call(&self, _: &Arc<Inlet>, done: LastCall) {
        self.told().last_calls += 1;
        let linger = self.linger;
        std::thread::spawn(move || {
            std::thread::sleep(linger);
            drop(done);
        });
    }

    fn revoked(&self, inlet: &Arc<Inlet>) {
        let partition = inlet.source().partition;
        let mut told = self.told();
        told.inlets.remove(&partition);
        told.revoked.push(partition);
    }

    fn lost(&self, inlet: &Arc<Inlet>) {
        self.told().lost.push(inlet.source().partition);
        self.revoked(inlet);
    }
}

/// A consumer at work on a thread of its own.
pub struct Member {
    recorder: Arc<Recorder>,
    pub monitor: Arc<Monitor>,
    stop: StopToken,
    thread: Option<JoinHandle<Result<(), ConsumerError>>>,
}

impl Member {
    pub fn start(settings: &ConsumerSettings) -> Self {
        Self::start_at(settings, Position::Committed, Duration::ZERO)
    }

    /// Answers assignments by `position`, and takes its time to leave.
    pub fn start_at(settings: &ConsumerSettings, position: Position, linger: Duration) -> Self {
        let consumer = Consumer::new(settings).expect("settings that work");
        let recorder = Arc::new(Recorder {
            told: Mutex::default(),
            position,
            linger,
        });
        let (monitor, stop) = (consumer.monitor(), StopToken::new());
        let (host, token) = (Arc::clone(&recorder), stop.clone());
        let thread = std::thread::spawn(move || consumer.run(host, &token));
        Self {
            recorder,
            monitor,
            stop,
            thread: Some(thread),
        }
    }

    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.recorder.told()
    }

    /// Partitions that are ours and do not leave.
    pub fn partitions(&self) -> Vec<i32> {
        let told = self.told();
        let inlets = told.inlets.iter();
        let open = inlets.filter(|(_, inlet)| !inlet.is_closed());
        open.map(|(partition, _)| *partition).collect()
    }

    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops it, if it has not ended; how it ended.
    pub fn end(mut self) -> Result<(), ConsumerError> {
        self.stop.stop();
        let thread = self.thread.take().expect("it ends once");
        thread.join().expect("it does not panic")
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// Settings of a member of a group of its own for `topics`, with `properties` besides.
pub fn settings(brokers: &str, topics: &[&str], properties: &[(&str, &str)]) -> ConsumerSettings {
    let given = [("bootstrap.servers", brokers)];
    let properties = Properties::of(given.into_iter().chain(properties.iter().copied()));
    let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
    let mut settings = ConsumerSettings::new(topics, "g", properties);
    settings.commit_interval = tillwatch_records::units::DurationMs::from_ms(100);
    settings
}
