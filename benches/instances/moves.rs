//! An instance joins, leaves in order, joins again and is killed, while records come.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tillwatch_testkit::load::{Sender, Watch};
use toml::{Table, Value};

use crate::backlog;
use crate::example::{add_properties, example, group};
use crate::load::{Load, Way, due};
use crate::place::{Place, fleet};
use crate::running::Running;
use crate::second::{Lane, Second};

/// Of every topic: one moves, two stay.
const PARTITIONS: i32 = 3;

/// More terminals than keys are wanted, since some send nothing for hours: one more for so many.
const SPARE: u32 = 3;

/// Records of each terminal before records come at a rate, on average.
const RECORDS_BEFORE: u64 = 5;

/// How long a session lasts: the shortest that brokers allow unless told otherwise.
pub const SESSION: Duration = Duration::from_secs(6);

/// How long each instance is left alone.
const QUIET: Duration = Duration::from_secs(5);
const SETTLED: Duration = Duration::from_secs(8);
const AFTER_KILL: Duration = Duration::from_secs(16);

/// Records that are due so shortly before something happens may already wait for it.
const BEFORE: Duration = Duration::from_secs(1);

/// How long the first snapshots may take to come: twice `[state] interval`.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Nothing,
    Join,
    Leave,
    Kill,
}

/// What happened, and how long records waited then.
pub struct Moment {
    pub what: What,
    /// After the first record.
    at: Duration,
    lasts: Duration,
    /// Lanes that the second instance has, or had.
    pub moved: Vec<Lane>,
    /// Longest wait for a score in milliseconds: on lanes that moved, and on those that stayed.
    pub moved_ms: f64,
    pub stayed_ms: f64,
    /// Until each of the lanes that moved had a score of a record that came afterwards, in milliseconds.
    pub first_score_ms: f64,
}

/// Round after round.
pub fn measure(place: &Place) -> Vec<Moment> {
    let (from, to) = (
        place.topic("moves", PARTITIONS),
        place.topic("moves-out", PARTITIONS),
    );
    let terminals = place.options.keys * PARTITIONS.unsigned_abs();
    let terminals = terminals + terminals / SPARE;
    let mut fleet = fleet(terminals);
    let store = TempDir::new().unwrap();
    let config = configuration(place, &from, &to, store.path());
    let program = place.options.tillwatch.as_deref();
    let before = u64::from(terminals) * RECORDS_BEFORE;
    let sender = Sender::new(&place.brokers, &from, &[]).unwrap();
    backlog::send(&sender, &mut fleet, before, PARTITIONS);
    let watch = Watch::new(&place.brokers, &to, PARTITIONS).unwrap();
    let mut first = Running::tillwatch(program, &config, TempDir::new().unwrap());
    backlog::run(&watch, &mut first, before);
    wait_for_snapshots(&mut first, &store.path().join(group(&to)).join(&from));

    let rate = place.options.rate;
    let lasts = (QUIET + 3 * SETTLED + AFTER_KILL) * place.options.rounds as u32;
    let load = Load::new(&mut fleet, rate * lasts.as_secs(), PARTITIONS);
    let mut moments = Vec::new();
    let happens = |start: Instant| {
        for round in 0..place.options.rounds as u32 {
            let at = start + lasts / place.options.rounds as u32 * round;
            moments.extend(round_at(place, &config, start, at));
        }
    };
    let way = Way {
        brokers: &place.brokers,
        from: &from,
        to: &to,
        partitions: PARTITIONS,
    };
    let waits = load.run(way, &mut first, rate, happens);
    first.check();
    for moment in &mut moments {
        moment.judge(&load, rate, &waits);
    }
    moments
}

/// Job W with snapshots in `store` and sessions that end soon.
fn configuration(place: &Place, from: &str, to: &str, store: &Path) -> Table {
    let mut config = example("examples/job-w/tillwatch.toml", &place.brokers, from, to);
    let store = Value::from(store.to_str().unwrap());
    let state = Table::from_iter([("store".to_owned(), store)]);
    config.insert("state".to_owned(), state.into());
    let session = SESSION.as_millis().to_string();
    add_properties(
        &mut config["consumer"],
        &[("session.timeout.ms".to_owned(), session)],
    );
    config
}

/// Waits until each partition has a snapshot: an instance that has run for a while has them.
fn wait_for_snapshots(running: &mut Running, lanes: &Path) {
    let began = Instant::now();
    let has_any = |partition: i32| {
        let cuts = fs::read_dir(lanes.join(partition.to_string()).join("cuts"));
        cuts.is_ok_and(|mut cuts| cuts.next().is_some())
    };
    while !(0..PARTITIONS).all(has_any) {
        running.check();
        if began.elapsed() > PATIENCE {
            running.give_up("no snapshots are written");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Everything that happens in a round which begins at `at`.
fn round_at(place: &Place, config: &Table, start: Instant, at: Instant) -> [Moment; 5] {
    let moment = |what, lasts, moved| Moment {
        what,
        at: start.elapsed(),
        lasts,
        moved,
        moved_ms: 0.0,
        stayed_ms: 0.0,
        first_score_ms: 0.0,
    };
    let wait = |until: Duration| {
        std::thread::sleep((at + until).saturating_duration_since(Instant::now()));
    };
    wait(Duration::ZERO);
    let nothing = moment(What::Nothing, QUIET, Vec::new());
    let joins = |from: Duration| {
        wait(from);
        let mut join = moment(What::Join, SETTLED, Vec::new());
        let mut second = Second::start(place, config);
        wait(from + SETTLED);
        join.moved = second.lanes();
        (join, second)
    };
    let (join, second) = joins(QUIET);
    let leave = moment(What::Leave, SETTLED, join.moved.clone());
    second.leave();
    wait(QUIET + 2 * SETTLED);
    drop(second);
    let (again, second) = joins(QUIET + 2 * SETTLED);
    let kill = moment(What::Kill, AFTER_KILL, again.moved.clone());
    drop(second);
    [nothing, join, leave, again, kill]
}

impl Moment {
    /// Looks how long records waited whose time came in this moment.
    fn judge(&mut self, load: &Load, rate: u64, waits: &[(usize, f64)]) {
        let until = self.at + self.lasts - BEFORE;
        let mut first = vec![f64::INFINITY; self.moved.len()];
        for (number, ms) in waits {
            let due = due(*number, rate);
            if due < self.at || due >= until {
                continue;
            }
            let partition = load.partition(*number);
            let lane = self
                .moved
                .iter()
                .position(|lane| lane.partition == partition);
            let Some(lane) = lane else {
                self.stayed_ms = self.stayed_ms.max(*ms);
                continue;
            };
            self.moved_ms = self.moved_ms.max(*ms);
            let after_ms = (due - self.at).as_secs_f64() * 1e3 + ms;
            first[lane] = first[lane].min(after_ms);
        }
        self.first_score_ms = first.into_iter().fold(0.0, f64::max);
    }
}
