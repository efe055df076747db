//! Lanes that are cut to a directory whose files are damaged meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use tillwatch_consumer::Monitor;
use tillwatch_engine::{Assembly, Lane};
use tillwatch_scoring::Effort;
use tillwatch_state_store::{Found, LaneId, LaneStore, Manifest, SourceMark, StateStore};

use super::uploads::Uploads;
use super::*;
use crate::clock;
use crate::config::Config;
use crate::serve::metrics::{CutGauges, StateCounts};
use crate::setup::Setup;
use crate::test_support::{self, Place, cut_head, score};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Terminals of the lane.
const TERMINALS: i64 = 200;

/// A lane whose cuts go to a directory.
struct Rig {
    place: Place,
    assembly: Arc<Assembly>,
    counts: Arc<StateCounts>,
    uploads: Uploads,
    store: LaneStore,
    lane: Lane,
    cutter: Cutter,
    /// The offset of the next record.
    next: i64,
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
        let assembly = Setup::load(&config).unwrap().assembly;
        let directory = place.path("kept");
        let id = LaneId {
            group: "g".to_owned(),
            topics: vec!["t".to_owned()],
            partition: 3,
        };
        let store = StateStore::open(&directory.display().to_string(), []).unwrap();
        let store = store.lane(&id);
        let counts = Arc::<StateCounts>::default();
        let uploads = Uploads::start(Arc::clone(&counts), Arc::<Monitor>::default()).unwrap();
        let mut lane = assembly.lane(0);
        lane.track();
        let gauges = Arc::<CutGauges>::default();
        let cuts = Arc::new(LaneCuts::new(id, store.clone(), None, gauges));
        let cutter = Cutter::new(cuts, &lane, Duration::from_millis(1), Duration::ZERO);
        Self {
            place,
            assembly,
            counts,
            uploads,
            store,
            lane,
            cutter,
            next: 0,
        }
    }

    /// Lets each terminal have a record.
    fn take(&mut self) {
        for terminal in 0..TERMINALS {
            let at = self.next;
            let terminal = terminal.to_string();
            score(&mut self.lane, at..at + 1, (&terminal, 5), Effort::Full);
            self.next += 1;
        }
    }

    /// Lets `work` do something for a cut of the lane.
    fn work<T>(&mut self, work: impl FnOnce(&mut Cutter, &mut Lane, &Slice<'_>) -> T) -> T {
        let head = cut_head(self.mark(), &self.lane.meaning());
        let slice = Slice {
            uploads: &self.uploads,
            counts: &self.counts,
            limit: Duration::from_millis(5),
            head: &|| head.clone(),
        };
        work(&mut self.cutter, &mut self.lane, &slice)
    }

    /// Lets `work` go on until one more cut is stored.
    fn cut_by(&mut self, work: impl Fn(&mut Cutter, &mut Lane, &Slice<'_>) -> Advance) {
        let (before, end) = (self.counts.stored(), clock::now() + PATIENCE);
        while self.counts.stored() == before {
            assert!(clock::now() < end, "waited in vain for a cut");
            self.work(&work);
            clock::wait(Duration::from_millis(1));
        }
    }

    fn cut(&mut self) {
        self.cut_by(Cutter::advance);
    }

    /// As it is cut when it leaves.
    fn cut_last(&mut self) {
        self.cut_by(|cutter, lane, slice| cutter.finish(lane, slice, &mut None));
    }

    /// Where the lane stands.
    fn mark(&self) -> SourceMark {
        SourceMark {
            topic: "t".to_owned(),
            offset: self.next,
            topic_id: None,
            partitions: None,
        }
    }

    fn wait_for(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = clock::now() + PATIENCE;
        while !is_so(self) {
            assert!(clock::now() < end, "waited in vain for {what}");
            clock::wait(Duration::from_millis(1));
        }
    }

    /// What a start would find.
    fn found(&self) -> Found {
        let found = self
            .store
            .newest_usable(&self.lane.meaning(), &[self.mark()]);
        found.unwrap()
    }

    /// The newest snapshot, which a start would take, and which is of where the lane stands.
    fn newest(&self) -> Manifest {
        let newest = self.found().manifest.expect("there is one");
        assert_eq!(newest.head().sources[0].offset, self.next);
        newest
    }

    /// The only file of this kind.
    fn only(&self, kind: &str) -> PathBuf {
        let directory = self.place.path("kept").join("g/t/3").join(kind);
        let files = fs::read_dir(&directory).unwrap();
        let files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
        let [file] = &files[..] else {
            panic!("{files:?}");
        };
        file.clone()
    }

    /// A lane that is restored from the newest snapshot holds all terminals, and scores what comes next as
    /// the lane that was cut does.
    fn check_restored(&mut self) {
        let mut other = self.assembly.lane(0);
        let attempt = restore(
            &mut other,
            &self.store,
            &self.newest(),
            |_| Ok(()),
            |_| true,
        )
        .unwrap();
        assert!(matches!(
            attempt,
            Attempt::Whole { entries, .. } if entries >= TERMINALS as u64
        ));
        for terminal in ["0", "7", "199"] {
            let offsets = self.next..self.next + 1;
            let scored = [&mut self.lane, &mut other]
                .map(|lane| score(lane, offsets.clone(), (terminal, 5), Effort::Full));
            assert_eq!(scored[0].features, scored[1].features);
            assert_eq!(scored[0].scores, scored[1].scores);
            assert_eq!(scored[0].flags, scored[1].flags);
            self.next += 1;
        }
    }

    /// As [`Rig::check_restored`], without a need for `run`.
    fn check_without(&mut self, run: &str) {
        let newest = self.newest();
        assert!(newest.runs().iter().all(|own| own.object != run));
        self.check_restored();
    }

    /// Two cuts, after the first of which its run is damaged: merging the two finds it out. Gives its name.
    fn with_damaged_run() -> (Self, String) {
        let mut rig = Self::new();
        rig.take();
        rig.cut();
        let run = rig.newest().runs()[0].object.clone();
        flip(&rig.only("runs"));
        rig.take();
        rig.cut();
        rig.wait_for("the merge", |rig| rig.counts.failures() > 0);
        assert_eq!(rig.counts.failures(), 1);
        // Both cuts name it.
        let found = rig.found();
        assert_eq!(found.manifest, None);
        let reasons: Vec<String> = found.passed_over.iter().map(ToString::to_string).collect();
        assert_eq!(reasons.len(), 2, "{reasons:?}");
        assert!(
            reasons.iter().all(|reason| reason.contains(&run)),
            "{reasons:?}"
        );
        (rig, run)
    }
}

/// Changes a bit of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_run_that_a_merge_finds_damaged_is_named_by_no_later_snapshot() {
    let (mut rig, run) = Rig::with_damaged_run();
    rig.take();
    rig.cut();
    rig.check_without(&run);
    // And all goes on from there.
    rig.take();
    rig.cut();
    rig.check_without(&run);
    assert_eq!(rig.counts.failures(), 1);
}

#[test]
fn a_lane_that_takes_nothing_more_replaces_its_damaged_snapshot() {
    let (mut rig, run) = Rig::with_damaged_run();
    rig.cut();
    rig.check_without(&run);
}

#[test]
fn a_lane_that_leaves_replaces_its_damaged_snapshot() {
    let (mut rig, run) = Rig::with_damaged_run();
    let cuts = Arc::clone(rig.cutter.cuts());
    let (begun, wait) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        // As the threads do that write, merge and clean up.
        scope.spawn(|| {
            cuts.write(cuts.generation(), |_| {
                begun.wait();
                wait.wait();
            });
        });
        begun.wait();
        let advance = rig.work(|cutter, lane, slice| cutter.finish(lane, slice, &mut None));
        wait.wait();
        assert_eq!(advance, Advance::Full, "it is looked at again");
    });
    rig.cut_last();
    rig.check_without(&run);
}

#[test]
fn what_has_vanished_is_needed_by_no_later_snapshot() {
    for kind in ["runs", "parts", "cuts"] {
        let mut rig = Rig::new();
        rig.take();
        rig.cut();
        fs::remove_file(rig.only(kind)).unwrap();
        rig.take();
        rig.cut();
        rig.check_restored();
        // Only runs are needed by the next snapshot.
        assert_eq!(rig.counts.failures(), u64::from(kind == "runs"), "{kind}");
    }
}

#[test]
fn a_damaged_manifest_or_part_is_needed_by_no_later_snapshot() {
    for kind in ["parts", "cuts"] {
        let mut rig = Rig::new();
        rig.take();
        rig.cut();
        flip(&rig.only(kind));
        rig.take();
        rig.cut();
        rig.check_restored();
        assert_eq!(rig.counts.failures(), 0, "{kind}");
    }
}
