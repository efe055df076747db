//! A consumer in memory with its lanes, whose state is kept in a directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;
use tillwatch_consumer::memory::{MemoryRecord, MemorySource};
use tillwatch_consumer::{
    ConsumerError, ConsumerSettings, FirstRecord, History, Monitor, Properties, Stretch, Taken,
    TopicIdentity,
};
use tillwatch_records::{Flags, Ticket, TopicPartition};
use tillwatch_sink::MemorySink;
use tillwatch_state_store::StateStore;

use crate::clock;
use crate::config::{Config, StorePlace, StoreSettings};
use crate::serve::lanes::slot::Slot;
use crate::serve::lanes::{Lanes, Shared, Spread};
use crate::serve::metrics::{Metrics, Origin};
use crate::serve::standing::Standings;
use crate::serve::state::Keeping;
use crate::serve::workspaces::Workspaces;
use crate::setup::Setup;
use crate::test_support::{self, Place};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// When records begin, in milliseconds since 1970.
const BEGIN_MS: i64 = 1_700_000_000_000;

/// Time that passes for the consumer in a turn.
const TURN: Duration = Duration::from_millis(10);

pub struct Rig {
    pub source: MemorySource,
    pub lanes: Arc<Lanes>,
    pub metrics: Arc<Metrics>,
    pub sink: Arc<MemorySink>,
    pub place: Place,
    log: Log,
}

/// Partitions, offsets and Kafka timestamps of all records.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(TopicPartition, FirstRecord)>>>);

/// The partition of tests that need one.
pub fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

impl Rig {
    /// With a directory of its own.
    pub fn new() -> Self {
        Self::at(Self::place())
    }

    /// A directory with everything that the configuration names.
    pub fn place() -> Place {
        let models = "[models]\nchampion = \"rules\"\n";
        let rules = test_support::rules("records_1h", &[("MANY", "records_1h >= 1", 0.6)]);
        Place::new(&[
            ("tillwatch.toml", &test_support::config(models)),
            ("catalog.toml", &test_support::catalog("records_1h", None)),
            ("rules/model.toml", &test_support::rules_model("1")),
            ("rules/rules.toml", &rules),
        ])
    }

    /// Another process with the same directory, and no records yet.
    pub fn again(self) -> Self {
        let Self { place, .. } = self;
        Self::at(place)
    }

    /// Another process with the same directory, log and committed offset.
    pub fn next(self) -> Self {
        let committed = self.source.committed(&partition());
        let Self { place, log, .. } = self;
        let mut next = Self::at(place);
        for (to, record) in log.0.lock().iter() {
            let time_ms = record.timestamp_ms.unwrap_or(BEGIN_MS);
            next.append_at(to, record.offset, (time_ms - BEGIN_MS) / 1_000);
        }
        if let Some(offset) = committed {
            next.source.store(&partition(), offset);
        }
        next
    }

    /// With this directory.
    pub fn at(place: Place) -> Self {
        let config = Config::load(&place.path("tillwatch.toml")).unwrap();
        let setup = Setup::load(&config).unwrap();
        let directory = place.path("kept");
        let store = StateStore::open(&directory.display().to_string(), []).unwrap();
        let settings = StoreSettings {
            place: StorePlace::Directory(directory),
            interval: Duration::from_millis(100),
            ..config.store.unwrap()
        };
        let nobody = Properties::of([("bootstrap.servers", "127.0.0.1:1")]);
        let consumer = ConsumerSettings::new(vec!["t".to_owned()], "g", nobody);
        let (metrics, sink) = (Arc::new(Metrics::default()), Arc::new(MemorySink::new()));
        let (counts, monitor) = (metrics.state(), Arc::<Monitor>::default());
        let group = consumer.group.clone();
        let keeping = Keeping::start(
            store,
            settings,
            group,
            &setup.assembly,
            2,
            &counts,
            &monitor,
        );
        let log = Log::default();
        let shared = Shared {
            keeping: Some(keeping.unwrap()),
            standings: Arc::new(Standings::default()),
            workspaces: Arc::new(Workspaces::new(2)),
            assembly: setup.assembly,
            sink: Arc::<MemorySink>::clone(&sink),
            letter_mask: setup.letter_mask,
            metrics: Arc::clone(&metrics),
            past: Box::new(log.clone()),
            spread: Spread::default(),
            pool: rayon::ThreadPoolBuilder::new()
                .num_threads(2)
                .build()
                .unwrap(),
            deadline: None,
        };
        let lanes = Arc::new(Lanes::new(Arc::new(shared)));
        Self {
            source: MemorySource::new(&consumer, Arc::<Lanes>::clone(&lanes)),
            lanes,
            metrics,
            sink,
            place,
            log,
        }
    }

    /// Appends a record a second of one terminal for each of `offsets`.
    pub fn append(&mut self, offsets: std::ops::Range<i64>) {
        for offset in offsets {
            self.append_at(&partition(), offset, offset);
        }
    }

    /// Appends a record of the same terminal that was sent so many seconds after the beginning.
    pub fn append_at(&mut self, to: &TopicPartition, offset: i64, second: i64) {
        let time_ms = BEGIN_MS + 1_000 * second;
        let json = format!(
            r#"{{"event_id":"{}{offset}","event_time":{time_ms},"acquirer_id":"a","merchant_id":"m",
                "terminal_id":"1","amount_minor":5,"currency":"EUR"}}"#,
            to.topic
        );
        let record = MemoryRecord {
            offset,
            timestamp_ms: Some(time_ms),
            payload: Some(json.into_bytes()),
            ..MemoryRecord::default()
        };
        let known = FirstRecord {
            offset,
            timestamp_ms: Some(time_ms),
        };
        self.log.0.lock().push((to.clone(), known));
        self.source.append(to, record);
    }

    /// Lets everything go on until `is_so`.
    pub fn go_on(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end: Instant = clock::now() + PATIENCE;
        while !is_so(self) {
            assert!(clock::now() < end, "waited in vain for {what}");
            self.source.pass(TURN);
            self.source.turn().unwrap();
            self.source.commit();
            self.lanes.look();
            clock::wait(Duration::from_millis(2));
        }
    }

    pub fn go_on_until_scored(&mut self, count: usize) {
        self.go_on_until(count, count as i64);
    }

    /// Lets everything go on until there are so many scores and this offset is committed.
    pub fn go_on_until(&mut self, scores: usize, committed: i64) {
        self.go_on("scores", |rig| rig.sink.scores().len() >= scores);
        self.go_on("the commit", |rig| {
            rig.source.committed(&partition()) == Some(committed)
        });
    }

    /// Lets brokers tell that the topic has so many partitions.
    pub fn describe(&mut self, partitions: usize) {
        self.source.set_clock(BEGIN_MS + 100_000);
        let id = Some("a".to_owned());
        let identity = TopicIdentity { partitions, id };
        self.source.describe("t", identity);
    }

    /// Holds up whatever brings lanes their state, until the senders are dropped.
    pub fn hold_restores(&self) -> Vec<Sender<()>> {
        hold(&self.lanes.shared.keeping.as_ref().unwrap().restores)
    }

    /// Appends records and takes them in place of the lane, which is lost then.
    pub fn lose_with_records(&mut self, offsets: std::ops::Range<i64>) -> Ticket {
        let held = hold(&self.lanes.shared.pool);
        let slot = self.slot();
        self.append(offsets);
        self.source.turn().unwrap();
        let Some(Taken::Live(_, ticket)) = slot.inlet.take() else {
            panic!("nothing waits");
        };
        self.source.lose(&[partition()]);
        drop(held);
        ticket
    }

    pub fn slot(&self) -> Arc<Slot> {
        Arc::clone(&self.lanes.slots.lock()[&partition()])
    }

    /// Lets the partition leave in order.
    pub fn leave(&mut self) {
        self.source.begin_to_revoke(&[partition()]);
        self.go_on("the end", |rig| rig.lanes.slots.lock().is_empty());
    }

    pub fn wait_for_cuts(&mut self, more: u64) {
        let before = self.cuts();
        self.go_on("cuts", |rig| rig.cuts() >= before + more);
    }

    pub fn cuts(&self) -> u64 {
        self.metrics.state().stored()
    }

    pub fn origins(&self) -> [u64; 4] {
        Origin::ALL.map(|origin| self.metrics.state().origin(origin))
    }

    /// The newest score.
    pub fn last_score(&self) -> Value {
        serde_json::from_str(self.sink.scores().last().unwrap()).unwrap()
    }

    /// Each score counts all records before it, and none is flagged.
    pub fn check_history(&self) {
        let scores = self.sink.scores();
        for (n, score) in (1..).zip(&scores) {
            let score: Value = serde_json::from_str(score).unwrap();
            assert_eq!(
                score["features"]["records_1h"].as_f64(),
                Some(f64::from(n)),
                "{score}"
            );
        }
        assert_eq!(self.metrics.flagged(Flags::WARMING), 0);
    }

    /// Files of the store whose path contains `part`, the newest last.
    pub fn files(&self, part: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.place.path("kept"), &mut found);
        found.retain(|path| path.display().to_string().contains(part));
        found.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        found
    }
}

/// Holds up a pool, until the senders are dropped.
fn hold(pool: &rayon::ThreadPool) -> Vec<Sender<()>> {
    let hold = |_| {
        let (held, waits) = mpsc::channel();
        pool.spawn_fifo(move || {
            // It ends when the sender is dropped.
            let _ = waits.recv();
        });
        held
    };
    (0..pool.current_num_threads()).map(hold).collect()
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, found),
            false => found.push(path),
        }
    }
}

impl Log {
    fn of(&self, source: &TopicPartition) -> Vec<FirstRecord> {
        let all = self.0.lock();
        let of_source = all.iter().filter(|(of, _)| of == source);
        of_source.map(|(_, record)| *record).collect()
    }
}

impl History for Log {
    fn newest_before(
        &self,
        source: &TopicPartition,
        offset: i64,
        first_ms: i64,
        _: Duration,
    ) -> Result<i64, ConsumerError> {
        let before = self.of(source).into_iter();
        let before = before.filter(|record| record.offset < offset);
        let newest_ms = before.filter_map(|record| record.timestamp_ms).max();
        Ok(newest_ms.max(Some(first_ms)).unwrap_or(first_ms))
    }

    fn first_at(
        &self,
        source: &TopicPartition,
        time_ms: i64,
        _: Duration,
    ) -> Result<Option<i64>, ConsumerError> {
        let all = self.of(source);
        let first = all
            .iter()
            .find(|record| record.timestamp_ms >= Some(time_ms));
        Ok(first.map(|record| record.offset))
    }

    fn first_records(
        &self,
        stretches: &[Stretch],
        _: Duration,
    ) -> Result<Vec<Option<FirstRecord>>, ConsumerError> {
        let first = |stretch: &Stretch| {
            let mut all = self.of(&stretch.source).into_iter();
            all.find(|record| (stretch.from..stretch.to).contains(&record.offset))
        };
        Ok(stretches.iter().map(first).collect())
    }
}
