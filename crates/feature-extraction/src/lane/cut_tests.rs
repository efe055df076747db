//! State that is cut while records go on, stored, and read back goes on as if nothing had happened.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tillwatch_records::units::ByteSize;
use tillwatch_records::{Entries, Entry, Space};
use tillwatch_testkit::oracle::{Case, OracleRow};
use tillwatch_testkit::seeds;
use tillwatch_testkit::stream::{self, Event, START_MS, StreamSettings};

use super::edited::Edited;
use super::feature_lane::FeatureLane;
use super::tests::{COUNT_1H, bits, engine, fold_part, lane, sale};
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
        self.restore_edited(lane).map(drop)
    }

    /// As [`Dump::restore`]; says what becomes of it under another catalog.
    pub(super) fn restore_edited(
        &self,
        lane: &mut FeatureLane,
    ) -> Result<Option<Edited>, SnapshotError> {
        let edited = lane.begin_restore(&self.part)?;
        for ((space, hash, key), image) in &self.live {
            lane.restore(&Entry {
                space: *space,
                hash: *hash,
                key,
                image: Some(image),
            })?;
        }
        lane.end_restore()?;
        Ok(edited)
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

/// A lane with room for few keys, and sales of new ones that make it evict.
fn small() -> (FeatureLane, impl FnMut(&mut FeatureLane, usize)) {
    let mut settings = EngineSettings::default();
    settings.state.max_bytes = ByteSize(64 * 1024);
    let mut lane = lane(COUNT_1H, &settings, 0);
    lane.track(STAGE);
    let mut number = 0;
    let flood = move |lane: &mut FeatureLane, count: usize| {
        for _ in 0..count {
            number += 1;
            let sale = sale(&format!("n{number}"), number, START_MS + number as i64);
            fold_part(lane, &[sale], number as i64);
        }
    };
    (lane, flood)
}

/// The keys of a cut and whether each has an image.
fn cut(lane: &mut FeatureLane) -> BTreeMap<String, bool> {
    let mut entries = Entries::default();
    assert!(lane.begin_cut(&mut Vec::new()));
    while !lane.continue_cut(&mut entries, 3) {}
    let entries = entries.iter();
    let names = entries.map(|e| {
        let key = String::from_utf8(e.key.to_vec()).unwrap();
        (key, e.image.is_some())
    });
    names.collect()
}

#[test]
fn nothing_is_cut_that_was_not_touched() {
    let (mut lane, mut flood) = small();
    assert!(cut(&mut lane).is_empty());
    flood(&mut lane, 5);
    assert_eq!(cut(&mut lane).len(), 5);
    assert!(cut(&mut lane).is_empty());
    let again = [sale("n3", 900, START_MS + 900)];
    fold_part(&mut lane, &again, 900);
    // One that is refused counts as well: its key was seen.
    fold_part(&mut lane, &[sale("n4", 4, START_MS + 4)], 901);
    assert!(cut(&mut lane).keys().eq(["n3", "n4"]));
}

#[test]
fn a_lane_that_is_not_tracked_makes_no_cut() {
    let mut lane = lane(COUNT_1H, &EngineSettings::default(), 0);
    fold_part(&mut lane, &[sale("a", 0, START_MS)], 0);
    assert!(!lane.begin_cut(&mut Vec::new()));
    assert!(lane.continue_cut(&mut Entries::default(), 9));
    lane.track(STAGE);
    assert_eq!(cut(&mut lane), [("a".to_owned(), true)].into());
    lane.track(STAGE);
    assert_eq!(cut(&mut lane).len(), 1, "all is to be cut again");
}

#[test]
fn evicted_keys_leave_a_tombstone_where_a_store_knows_them() {
    let (mut lane, mut flood) = small();
    flood(&mut lane, 10);
    let first = cut(&mut lane);
    assert_eq!(first.len(), 10);
    flood(&mut lane, 2_000);
    assert!(lane.stats().evicted_keys > 1_000);
    let second = cut(&mut lane);
    let gone: Vec<&String> = second.keys().filter(|key| !second[*key]).collect();
    assert!(
        gone.iter().eq(&first.keys().collect::<Vec<_>>()),
        "{gone:?}"
    );
    let live = second.values().filter(|is_live| **is_live).count();
    assert_eq!(live as u64, lane.stats().keys);
    assert!(cut(&mut lane).is_empty());
}

#[test]
fn a_key_that_was_evicted_and_is_back_has_an_image_alone() {
    let (mut lane, mut flood) = small();
    let back = |lane: &mut FeatureLane, number: usize| {
        let time_ms = START_MS + 100_000 + number as i64;
        fold_part(lane, &[sale("back", number, time_ms)], 9_000)
    };
    back(&mut lane, 0);
    assert!(cut(&mut lane)["back"]);
    flood(&mut lane, 2_000);
    back(&mut lane, 1);
    assert!(cut(&mut lane)["back"]);
    // Once more, and gone again before the next cut.
    flood(&mut lane, 2_000);
    back(&mut lane, 2);
    flood(&mut lane, 2_000);
    assert!(!cut(&mut lane)["back"]);
    flood(&mut lane, 2_000);
    assert!(
        !cut(&mut lane).contains_key("back"),
        "nobody knows it any more"
    );
}

#[test]
fn room_beyond_a_smaller_budget_is_not_taken_up() {
    let new = |max_bytes| {
        let mut settings = EngineSettings::default();
        settings.state.max_bytes = ByteSize(max_bytes);
        lane(COUNT_1H, &settings, 0)
    };
    let mut large = new(64 * 1024 * 1024);
    let sales = |keys: usize| {
        let of_key = |n: usize| sale(&format!("t{n}"), n, START_MS + n as i64);
        (0..keys).map(of_key).collect::<Vec<Event>>()
    };
    fold_part(&mut large, &sales(8_000), 0);
    let dump = Dump::of(&mut large);
    let mut small = new(256 * 1024);
    dump.restore(&mut small).unwrap();
    assert_eq!(small.stats().keys, 8_000);
    fold_part(&mut small, &sales(1), 8_000);
    let stats = small.stats();
    assert!(stats.evicted_keys > 5_000, "{stats:?}");
}
