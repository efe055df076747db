//! State that is cut while records go on, stored, and read back goes on as if nothing had happened.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::units::ByteSize;
use tillwatch_records::{Entries, Entry, Space};
use tillwatch_testkit::oracle::{Case, OracleRow};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::{self, Event, StreamSettings};

use super::feature_lane::FeatureLane;
use super::tests::{bits, engine, fold_part, lane};
use crate::error::SnapshotError;
use crate::settings::EngineSettings;

/// The stage that lanes of these tests are.
const STAGE: u16 = 3;

/// Everything that a lane holds at one position.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Dump {
    pub(super) part: Vec<u8>,
    /// What is live, by space, hash and key.
    pub(super) live: BTreeMap<(Space, u64, Vec<u8>), Vec<u8>>,
}

impl Dump {
    /// Of a lane that makes no other cuts.
    pub(super) fn of(lane: &mut FeatureLane) -> Self {
        let mut dump = Self::default();
        let mut entries = Entries::default();
        lane.track(STAGE);
        assert!(lane.begin_cut(&mut dump.part));
        while !lane.continue_cut(&mut entries, 7) {}
        dump.merge(&entries);
        dump
    }

    /// Takes in what is newer; a key comes once at most.
    fn merge(&mut self, entries: &Entries) {
        let mut seen = std::collections::BTreeSet::new();
        for Entry {
            space,
            hash,
            key,
            image,
        } in entries.iter()
        {
            let name = (space, hash, key.to_vec());
            assert!(seen.insert(name.clone()), "{name:?} comes twice in one cut");
            match image {
                Some(image) => drop(self.live.insert(name, image.to_vec())),
                None => drop(self.live.remove(&name)),
            }
        }
    }

    /// Lets `lane`, which is new, go on from here.
    pub(super) fn restore(&self, lane: &mut FeatureLane) -> Result<(), SnapshotError> {
        lane.begin_restore(&self.part)?;
        for ((space, hash, key), image) in &self.live {
            lane.restore(&Entry {
                space: *space,
                hash: *hash,
                key,
                image: Some(image),
            })?;
        }
        lane.end_restore()
    }
}

/// One run: a lane that is cut, crashes and is restored at random beside one that is left alone.
struct Run {
    random: ChaCha8Rng,
    catalog: String,
    engine: EngineSettings,
    events: Vec<Event>,
    /// Never interrupted, what it gave, and where it stands.
    calm: FeatureLane,
    expected: Vec<OracleRow>,
    /// Rows that were given up to each record.
    given: Vec<usize>,
    /// The lane that is cut.
    lane: FeatureLane,
    /// What the lane's writer has merged.
    merged: Dump,
    /// The cut under way: what it has given, and what the calm lane held.
    under_way: Option<(Entries, Dump, usize)>,
    /// The newest cut that is whole, and where.
    whole: Option<(Dump, usize)>,
    seen: Seen,
}

/// What happened in runs.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    cuts: usize,
    restored: usize,
    given_up: usize,
    tombstones: usize,
    /// Cuts during which a key was imaged before its turn.
    ahead: usize,
    cohorts: usize,
}

impl Run {
    fn new(seed: u64, max_bytes: Option<u64>) -> Self {
        let case = Case::random(seed);
        let mut engine = engine(&case.settings);
        let mut settings = StreamSettings::random(seed);
        if let Some(max_bytes) = max_bytes {
            engine.state.max_bytes = ByteSize(max_bytes);
            (settings.keys, settings.events) = (300, 2_000);
        }
        let events = match max_bytes {
            Some(_) => stream::events(&settings),
            None => case.events.clone(),
        };
        let new = || lane(&case.catalog(), &engine, 0);
        let mut run = Self {
            random: ChaCha8Rng::seed_from_u64(seed ^ 0xc07),
            calm: new(),
            lane: new(),
            catalog: case.catalog(),
            engine,
            events,
            expected: Vec::new(),
            given: vec![0],
            merged: Dump::default(),
            under_way: None,
            whole: None,
            seen: Seen::default(),
        };
        run.lane.track(STAGE);
        run
    }

    fn all(mut self) -> Seen {
        let mut at = 0;
        while at < self.events.len() {
            let next = (at + self.random.random_range(1..10)).min(self.events.len());
            for record in at..next {
                let rows = fold_part(&mut self.calm, &self.events[record..=record], record as i64);
                self.expected.extend(rows);
                self.given.push(self.expected.len());
            }
            self.fold(at, next);
            at = next;
            self.meddle(at);
        }
        self.seen
    }

    /// Lets the lane take the records of a range, which gives what the calm one gave.
    fn fold(&mut self, from: usize, to: usize) {
        let rows = fold_part(&mut self.lane, &self.events[from..to], from as i64);
        let expected = &self.expected[self.given[from]..self.given[to]];
        assert_eq!(rows.len(), expected.len());
        for (got, expected) in rows.iter().zip(expected) {
            assert_eq!(bits(got), bits(expected), "records {from}..{to}");
            assert_eq!(got.flags, expected.flags, "records {from}..{to}");
        }
        let bytes = [&self.lane, &self.calm].map(|lane| lane.stats().state_bytes);
        assert_eq!(bytes[0], bytes[1]);
    }

    /// Between two batches.
    fn meddle(&mut self, at: usize) {
        match self.random.random_range(0..20) {
            0 => self.crash(at),
            1 => self.give_up(),
            2..6 if self.under_way.is_none() => self.begin(at),
            6..16 => self.go_on(),
            _ => {}
        }
    }

    fn begin(&mut self, at: usize) {
        let mut part = Vec::new();
        assert!(self.lane.begin_cut(&mut part));
        assert!(!self.lane.begin_cut(&mut part), "one cut at a time");
        let held = Dump::of(&mut self.calm);
        assert!(part == held.part, "parts at {at}");
        self.under_way = Some((Entries::default(), held, at));
    }

    fn go_on(&mut self) {
        let keys_max = [0, 1, 5, 1_000][self.random.random_range(0..4)];
        let Some((entries, _, _)) = &mut self.under_way else {
            return assert!(self.lane.continue_cut(&mut Entries::default(), keys_max));
        };
        let waiting = self.lane.waiting_bytes();
        self.seen.ahead += usize::from(waiting > 0);
        let before = (entries.len(), entries.bytes());
        let is_whole = self.lane.continue_cut(entries, keys_max);
        assert!(entries.bytes() >= before.1 + waiting);
        assert!(waiting > 0 || entries.len() <= before.0 + keys_max);
        if is_whole && let Some((entries, held, at)) = self.under_way.take() {
            self.merged.merge(&entries);
            assert!(self.merged.live == held.live, "what is merged up to {at}");
            self.seen.cuts += 1;
            self.seen.tombstones += entries.iter().filter(|e| e.image.is_none()).count();
            let cohorts = entries.iter().filter(|e| e.space == Space::cohorts(STAGE));
            self.seen.cohorts += cohorts.count();
            self.merged.part = held.part;
            self.whole = Some((self.merged.clone(), at));
        }
    }

    /// Gives a cut up; what it has given is merged all the same.
    fn give_up(&mut self) {
        let Some((entries, _, _)) = self.under_way.take() else {
            return self.lane.abandon_cut();
        };
        self.seen.given_up += 1;
        self.merged.merge(&entries);
        self.lane.abandon_cut();
        assert_eq!(self.lane.waiting_bytes(), 0);
        let mut none = Entries::default();
        while !self.lane.continue_cut(&mut none, 2) {
            assert!(!self.lane.begin_cut(&mut Vec::new()));
        }
        assert!(none.is_empty());
    }

    /// Puts another lane in the place of this one, which takes all from the newest cut on.
    fn crash(&mut self, at: usize) {
        let Some((dump, from)) = self.whole.clone() else {
            return;
        };
        self.under_way = None;
        self.lane = lane(&self.catalog, &self.engine, 1);
        self.lane.track(STAGE);
        dump.restore(&mut self.lane).unwrap();
        self.merged = dump;
        self.seen.restored += 1;
        self.fold(from, at);
    }
}

fn run_all(seeds: std::ops::Range<u64>, max_bytes: Option<u64>) -> Seen {
    let mut all = Seen::default();
    for seed in seeds {
        let seen = Run::new(seed, max_bytes).all();
        all.cuts += seen.cuts;
        all.restored += seen.restored;
        all.given_up += seen.given_up;
        all.tombstones += seen.tombstones;
        all.ahead += seen.ahead;
        all.cohorts += seen.cohorts;
    }
    all
}

/// Seeds as for `equals_the_definition`.
#[test]
fn an_interruption_changes_nothing() {
    let seen = run_all(seeds(0..200), None);
    let least = [seen.cuts, seen.restored, seen.given_up, seen.ahead];
    assert!(least.iter().all(|n| *n > 30), "{seen:?}");
    assert!(seen.cohorts > 30, "{seen:?}");
}

#[test]
fn an_interruption_changes_no_eviction() {
    let seen = run_all(0..12, Some(96 * 1024));
    let least = [seen.cuts, seen.restored, seen.given_up, seen.ahead];
    assert!(least.iter().all(|n| *n > 10), "{seen:?}");
    assert!(seen.tombstones > 100, "{seen:?}");
}
