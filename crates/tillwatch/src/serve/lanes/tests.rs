//! Lanes over partitions in memory: what they remember when partitions come and go.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use tillwatch_consumer::memory::{MemoryRecord, MemorySource};
use tillwatch_consumer::{ConsumerSettings, Monitor, Past, Properties};
use tillwatch_engine::{Input, Workspace};
use tillwatch_records::{Flags, RawBatch};
use tillwatch_sink::MemorySink;
use tillwatch_state_store::{CutHead, LaneId, SourceMark, StateStore};

use super::*;
use crate::config::{Config, StorePlace, StoreSettings};
use crate::serve::metrics::{Metrics, Origin};
use crate::serve::standing::Standings;
use crate::serve::state::{Advance, Cutter, Keeping, LaneCuts, Slice};
use crate::serve::workspaces::Workspaces;
use crate::setup::Setup;
use crate::test_support::{self, Place};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A consumer in memory with its lanes, whose state is kept in a directory.
struct Rig {
    source: MemorySource,
    lanes: Arc<Lanes>,
    metrics: Arc<Metrics>,
    sink: Arc<MemorySink>,
    place: Place,
}

impl Rig {
    fn new() -> Self {
        let models = "[models]\nchampion = \"rules\"\n";
        let rules = test_support::rules("records_1h", &[("MANY", "records_1h >= 1", 0.6)]);
        let place = Place::new(&[
            ("tillwatch.toml", &test_support::config(models)),
            ("catalog.toml", &test_support::catalog("records_1h", None)),
            ("rules/model.toml", &test_support::rules_model("1")),
            ("rules/rules.toml", &rules),
        ]);
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
        let shared = Shared {
            keeping: Some(keeping.unwrap()),
            standings: Arc::new(Standings::default()),
            workspaces: Arc::new(Workspaces::new(2)),
            assembly: setup.assembly,
            sink: Arc::<MemorySink>::clone(&sink),
            metrics: Arc::clone(&metrics),
            past: Past::new(&consumer).unwrap(),
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
        }
    }

    /// Appends a record a second of one terminal for each of `offsets`.
    fn append(&mut self, offsets: std::ops::Range<i64>) {
        for offset in offsets {
            let time_ms = 1_700_000_000_000 + 1_000 * offset;
            let json = format!(
                r#"{{"event_id":"e{offset}","event_time":{time_ms},"acquirer_id":"a","merchant_id":"m",
                    "terminal_id":"1","amount_minor":5,"currency":"EUR"}}"#
            );
            let record = MemoryRecord {
                offset,
                timestamp_ms: Some(time_ms),
                payload: Some(json.into_bytes()),
                ..MemoryRecord::default()
            };
            self.source.append(&partition(), record);
        }
    }

    /// Lets everything go on until `is_so`.
    fn go_on(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end: Instant = clock::now() + PATIENCE;
        while !is_so(self) {
            assert!(clock::now() < end, "waited in vain for {what}");
            self.source.turn().unwrap();
            self.source.commit();
            self.lanes.look();
            clock::wait(Duration::from_millis(2));
        }
    }

    fn go_on_until_scored(&mut self, count: usize) {
        self.go_on("scores", |rig| rig.sink.scores().len() >= count);
        let committed = count as i64;
        self.go_on("the commit", |rig| {
            rig.source.committed(&partition()) == Some(committed)
        });
    }

    /// Lets the partition leave in order.
    fn leave(&mut self) {
        self.source.begin_to_revoke(&[partition()]);
        self.go_on("the end", |rig| rig.lanes.slots.lock().is_empty());
    }

    fn wait_for_cuts(&mut self, more: u64) {
        let before = self.cuts();
        self.go_on("cuts", |rig| rig.cuts() >= before + more);
    }

    fn cuts(&self) -> u64 {
        self.metrics.state().stored()
    }

    fn origins(&self) -> [u64; 4] {
        Origin::ALL.map(|origin| self.metrics.state().origin(origin))
    }

    /// Each score counts all records before it, and none is flagged.
    fn check_history(&self) {
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
    fn files(&self, part: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.place.path("kept"), &mut found);
        found.retain(|path| path.display().to_string().contains(part));
        found.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        found
    }
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

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

#[test]
fn a_partition_that_moves_and_comes_back_is_restored_and_replays_nothing() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.leave();
    assert!(rig.cuts() >= 1);
    rig.append(20..25);
    rig.source.assign(&partition());
    rig.go_on_until_scored(25);
    rig.check_history();
    // Nothing had come before at first; then a snapshot held all.
    assert_eq!(rig.origins(), [1, 0, 0, 1]);
    assert_eq!(rig.metrics.state().replayed(), 0);
    // Nothing has changed since the last cut, once that is made.
    rig.wait_for_cuts(1);
    rig.leave();
    let cuts = rig.cuts();
    rig.source.assign(&partition());
    rig.go_on("the lane", |rig| {
        rig.lanes.shared.standings.all().is_empty()
    });
    rig.leave();
    assert_eq!(rig.cuts(), cuts);
}

#[test]
fn a_lane_whose_partition_was_lost_goes_on_from_memory() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.source.lose(&[partition()]);
    rig.lanes.look();
    rig.append(20..25);
    rig.source.assign(&partition());
    // Taken away again before it went on.
    rig.lanes.look();
    rig.source.lose(&[partition()]);
    rig.lanes.look();
    rig.source.assign(&partition());
    rig.lanes.look();
    rig.go_on_until_scored(25);
    rig.check_history();
    assert_eq!(rig.origins(), [0, 1, 0, 1]);
    // It goes on to be cut, and what is cut is whole.
    rig.wait_for_cuts(1);
    rig.leave();
    rig.append(25..30);
    rig.source.assign(&partition());
    rig.go_on_until_scored(30);
    rig.check_history();
    assert_eq!(rig.origins(), [1, 1, 0, 1]);
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_an_older_one_and_a_replay() {
    let mut rig = Rig::new();
    rig.source.assign(&partition());
    rig.append(0..20);
    rig.go_on_until_scored(20);
    rig.wait_for_cuts(1);
    rig.append(20..25);
    rig.go_on_until_scored(25);
    rig.leave();
    let manifests = rig.files("/cuts/");
    assert!(manifests.len() >= 2, "{manifests:?}");
    let newest = manifests.last().unwrap();
    let mut bytes = fs::read(newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(newest, bytes).unwrap();
    rig.append(25..30);
    rig.source.assign(&partition());
    rig.go_on_until_scored(30);
    rig.check_history();
    assert_eq!(rig.origins(), [1, 0, 0, 1]);
    assert!((1..=25).contains(&rig.metrics.state().replayed()));
}

#[test]
fn a_store_that_fails_is_tried_again_and_holds_up_nothing() {
    let mut rig = Rig::new();
    let kept = rig.place.path("kept");
    fs::remove_dir_all(&kept).unwrap();
    // Not a directory: nothing can be written below it.
    fs::write(&kept, "in the way").unwrap();
    rig.source.assign(&partition());
    rig.append(0..20);
    rig.go_on("a failure", |rig| rig.metrics.state().failures() > 0);
    rig.go_on_until_scored(20);
    assert_eq!(rig.cuts(), 0);
    let lane = rig.metrics.lane(&partition());
    assert_ne!(lane.cuts.waiting_bytes(), 0);
    fs::remove_file(&kept).unwrap();
    rig.append(20..25);
    rig.go_on_until_scored(25);
    rig.wait_for_cuts(1);
    rig.go_on("room", |_| lane.cuts.waiting_bytes() == 0);
    rig.leave();
    rig.append(25..30);
    rig.source.assign(&partition());
    rig.go_on_until_scored(30);
    rig.check_history();
}

#[test]
fn a_cut_that_the_lane_gives_up_is_made_anew() {
    let rig = Rig::new();
    let shared = &rig.lanes.shared;
    let keeping = shared.keeping.as_ref().unwrap();
    let mut lane = shared.assembly.lane(0);
    lane.track();
    let mut raw = RawBatch::new(partition());
    let json = br#"{"event_id":"e","event_time":1700000000000,"acquirer_id":"a","merchant_id":"m",
        "terminal_id":"1","amount_minor":5,"currency":"EUR"}"#;
    raw.push(0, None, None, Some(json), []);
    let mut workspace = Workspace::default();
    lane.process(Input::Raw(&raw), &mut workspace, &mut ())
        .unwrap();
    let id = LaneId {
        group: "g".to_owned(),
        topics: vec!["t".to_owned()],
        partition: 7,
    };
    let store = keeping.lane_store(&id);
    let gauges = shared.metrics.lane(&partition());
    let cuts = LaneCuts::new(id, store.clone(), None, Arc::clone(&gauges.cuts));
    let interval = Duration::from_millis(1);
    let mut cutter = Cutter::new(Arc::new(cuts), &lane, interval, Duration::ZERO);
    let head = || CutHead {
        sources: vec![SourceMark {
            topic: "t".to_owned(),
            offset: 1,
            topic_id: None,
            partitions: None,
        }],
        meaning: keeping.meaning.clone(),
        models: "rules".to_owned(),
        made_by: "a test".to_owned(),
        made_at_ms: 0,
    };
    let slice = Slice {
        uploads: &keeping.uploads,
        counts: &keeping.counts,
        limit: Duration::ZERO,
        head: &head,
    };
    assert_eq!(cutter.advance(&mut lane, &slice), Advance::More);
    // As a lane does whose cut holds too much that nobody takes.
    assert!(lane.is_cutting());
    lane.abandon_cut();
    let end = clock::now() + PATIENCE;
    while rig.cuts() == 0 {
        assert!(clock::now() < end, "waited in vain for a cut");
        cutter.advance(&mut lane, &slice);
        clock::wait(Duration::from_millis(1));
    }
    let (manifests, refused) = store.manifests().unwrap();
    assert_eq!((manifests.len(), refused.len()), (1, 0));
    assert!(!store.parts(&manifests[0]).unwrap().is_empty());
}

#[test]
fn what_was_deleted_before_it_was_read_is_flagged() {
    let mut rig = Rig::new();
    rig.append(0..20);
    rig.source.assign(&partition());
    rig.go_on_until_scored(20);
    rig.leave();
    rig.append(20..40);
    rig.source.forget_before(&partition(), 30);
    rig.source.assign(&partition());
    rig.go_on("scores", |rig| rig.sink.scores().len() == 30);
    assert_eq!(rig.metrics.flagged(Flags::WARMING), 10);
    let last: Value = serde_json::from_str(rig.sink.scores().last().unwrap()).unwrap();
    assert_eq!(last["features"]["records_1h"].as_f64(), Some(30.0));
}
