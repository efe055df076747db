//! Instances under load that are killed, added and removed, and whose broker restarts: together they score
//! what one uninterrupted `tillwatch score` scores over each partition's log.

mod judge;
mod members;

use std::time::Duration;

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tillwatch_testkit::broker::{RealBroker, committed, read_all};
use tillwatch_testkit::seeds;

use crate::load::Load;
use crate::support::{Setup, wait_for};
use crate::{PARTITIONS, poison, setup};
use members::Fleet;

/// Instances at the start. One more comes, and one leaves.
const NAMES: [&str; 3] = ["a", "b", "c"];
const ADDED: &str = "d";

/// Instances that are killed while records come, one after the other.
const KILLS: usize = 4;

/// Transactions a second: what lanes that are not optimised can score several times over, so that a backlog
/// is soon made up for.
const RATE: u32 = 1_000;

/// Before each event, and before what was killed is started again, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 300..3_500;
const DOWN_MS: std::ops::Range<u64> = 0..800;

/// How a fleet runs.
#[derive(Clone, Copy)]
struct Way {
    topic: &'static str,
    /// Of what happens, and of the transactions.
    seed: u64,
    /// Outputs are written in transactions, and only what has committed is looked at.
    is_exactly_once: bool,
    /// Each instance keeps its snapshots in a directory that no other sees.
    has_own_stores: bool,
    /// Members have names that they keep over a restart, so that it moves no partition.
    has_names: bool,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Kill,
    Add,
    Remove,
    RestartBroker,
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn instances_that_share_a_store_score_what_one_scores_whatever_happens_to_them() {
    run(Way {
        topic: "fleet-shared",
        seed: 1,
        is_exactly_once: false,
        has_own_stores: false,
        has_names: false,
    });
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn instances_with_a_store_each_score_what_one_scores_whatever_happens_to_them() {
    run(Way {
        topic: "fleet-own",
        seed: 2,
        is_exactly_once: false,
        has_own_stores: true,
        has_names: true,
    });
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn a_reader_of_committed_records_sees_each_score_of_instances_once_whatever_happens_to_them() {
    run(Way {
        topic: "fleet-once",
        seed: 3,
        is_exactly_once: true,
        has_own_stores: true,
        has_names: false,
    });
}

/// Plays with the way's seed, or with those of `TILLWATCH_SEED` and `TILLWATCH_CASES`.
fn run(way: Way) {
    for seed in seeds(way.seed..way.seed + 1) {
        eprintln!("{}: TILLWATCH_SEED={seed}", way.topic);
        play(way, seed);
    }
}

fn play(way: Way, seed: u64) {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, way.topic);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    poison(&setup, 5);
    let load = Load::start(&setup, RATE, seed);
    let mut fleet = Fleet::new(&setup, way);
    for name in NAMES {
        fleet.start(name);
    }
    fleet.wait_until_each_scores();
    for event in plan(&mut random) {
        pause(&mut random, PAUSE_MS);
        eprintln!("{}: {event:?}", way.topic);
        meet(event, &mut fleet, &broker, &mut random);
    }
    pause(&mut random, PAUSE_MS);
    drop(load);
    poison(&setup, 5);
    let input = read_all(&setup.brokers, &setup.topic, PARTITIONS).expect("the input");
    wait_until_committed(&setup, input.len());
    let brought_back = fleet.brought_back();
    fleet.stop();
    let found = judge::judge(&setup, way, &input);
    let [restored, replayed, kept] = brought_back;
    eprintln!(
        "{}: TILLWATCH_SEED={seed}: {found}; lanes: {restored} restored, {replayed} read the log again, \
         {kept} went on",
        way.topic
    );
    // Alone with its store, an instance may only get partitions that it has no snapshot of.
    let is_enough = match way.has_own_stores && !way.has_names {
        true => restored + replayed > 0,
        false => restored > 0,
    };
    assert!(is_enough, "no lane had a past to bring back");
}

/// What happens, in which order.
fn plan(random: &mut ChaCha8Rng) -> Vec<Event> {
    let mut events = vec![Event::Kill; KILLS];
    events.extend([Event::Add, Event::Remove, Event::RestartBroker]);
    events.shuffle(random);
    events
}

fn meet(event: Event, fleet: &mut Fleet<'_>, broker: &RealBroker, random: &mut ChaCha8Rng) {
    match event {
        Event::Kill => {
            let name = any(fleet, random);
            fleet.kill(name);
            pause(random, DOWN_MS);
            fleet.start(name);
        }
        Event::Add => fleet.start(ADDED),
        Event::Remove => {
            let name = any(fleet, random);
            fleet.remove(name);
        }
        Event::RestartBroker => {
            broker.stop().expect("the broker stops");
            broker.resume().expect("the broker comes back");
        }
    }
}

/// One of those that run.
fn any(fleet: &Fleet<'_>, random: &mut ChaCha8Rng) -> &'static str {
    let names = fleet.names();
    names[random.random_range(0..names.len())]
}

fn pause(random: &mut ChaCha8Rng, range_ms: std::ops::Range<u64>) {
    std::thread::sleep(Duration::from_millis(random.random_range(range_ms)));
}

/// Waits until all records are committed, and so everything that was made of them is delivered.
fn wait_until_committed(setup: &Setup, records: usize) {
    let group = format!("{}-group", setup.topic);
    wait_for("all offsets to be committed", || {
        let offsets = committed(&setup.brokers, &group, &setup.topic, PARTITIONS);
        // The coordinator may be at a rebalance.
        offsets.is_ok_and(|offsets| offsets.iter().flatten().sum::<i64>() == records as i64)
    });
}
