//! What fails around a process that runs: its store, leaders of partitions, every record that comes.

use std::path::Path;
use std::process::Command;

use tillwatch_testkit::broker::{Mock, TestRecord, committed, produce};

use crate::support::scores::{compare, config};
use crate::support::{Instance, Setup, header, score_ids, wait_for};

const PARTITIONS: i32 = 2;

/// Cuts as often as is allowed, so that a test waits for none.
const OFTEN: &str = "[state]\ninterval = \"100ms\"\n";

/// The longest file that the process may write while its store is short of room, in bytes: its log fits, a
/// snapshot does not.
const FILE_BYTES_MAX: u32 = 32_768;

/// More than a batch of each partition.
const POISONED: usize = 3_000;

/// A cluster of so many brokers with the topics of a site.
pub fn setup(topic: &str, partitions: i32, brokers: u16) -> (Mock, Setup) {
    let names = Setup::new("", topic, partitions).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(brokers, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), topic, partitions);
    (mock, setup)
}

/// An instance that may write no file longer than [`FILE_BYTES_MAX`], as if there were no room for it.
fn start_without_room(config: &Path) -> Instance {
    // The signal that comes with the limit ends a process that does not ignore it.
    let limited = format!("trap '' XFSZ; exec prlimit --fsize={FILE_BYTES_MAX}:unlimited \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_tillwatch")]);
    command.args(["run", "--config"]).arg(config);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    Instance::spawn(&mut command, config)
}

fn wait_until_committed(setup: &Setup, records: usize) {
    let group = format!("{}-group", setup.topic);
    wait_for("all offsets to be committed", || {
        let offsets = committed(&setup.brokers, &group, &setup.topic, setup.partitions);
        offsets.expect("offsets").iter().flatten().sum::<i64>() == records as i64
    });
}

#[test]
fn a_store_that_takes_nothing_stops_no_score_and_is_written_again_when_it_can_be() {
    let (_mock, setup) = setup("room", 1, 1);
    let config = config(&setup, "tillwatch.toml", OFTEN);
    setup.simulate(3_000, 1);
    let first = start_without_room(&config);
    let said = |words: &str| first.log().matches(words).count();
    let failures = || {
        let cause = "tillwatch_snapshot_failures_total{cause=\"unavailable\"}";
        first.metric(cause).unwrap_or(0.0)
    };
    setup.wait_until_scored();
    wait_for("a failure to be counted", || failures() > 0.0);
    let (failed, told) = (failures(), said("cannot write a snapshot"));
    setup.simulate(3_000, 2);
    setup.wait_until_scored();
    wait_for("another attempt", || failures() > failed);
    assert_eq!(said("cannot write a snapshot"), told, "said once for all");
    assert_eq!(first.get("/readyz").0, 200, "scores need no store");
    wait_until_committed(&setup, 6_000);

    let told = said("snapshots are written again");
    let roomy = ["--fsize=unlimited:unlimited", "--pid", &first.pid()];
    let changed = Command::new("prlimit").args(roomy).status();
    assert!(changed.is_ok_and(|status| status.success()));
    wait_for("a snapshot", || said("snapshots are written again") > told);
    first.kill();
    setup.simulate(1_000, 3);
    let second = Instance::start(&config);
    setup.wait_until_scored();
    let restored = second.metric("tillwatch_restores_total{origin=\"snapshot\"}");
    assert_eq!(restored, Some(1.0), "{}", second.log());
    assert!(second.stop().0.success());
    compare(&setup);
}

#[test]
fn batches_of_nothing_but_poison_hold_nobody_up() {
    let (_mock, setup) = setup("poisoned", PARTITIONS, 1);
    let config = setup.config("tillwatch.toml", "");
    let poison = (0..POISONED).map(|n| TestRecord {
        partition: n as i32 % PARTITIONS,
        payload: Some(format!("{{\"event_id\": {n}").into_bytes()),
        ..TestRecord::default()
    });
    produce(&setup.brokers, &setup.topic, poison).expect("records can be sent");
    setup.simulate(1_000, 1);
    let instance = Instance::start(&config);
    setup.wait_until_scored();
    assert_eq!(score_ids(&setup.scores()).len(), 1_000);
    wait_until_committed(&setup, POISONED + 1_000);
    let letters = setup.dead_letters();
    assert_eq!(letters.len(), POISONED);
    let mut places: Vec<_> = letters
        .iter()
        .map(|letter| ["tillwatch.partition", "tillwatch.offset"].map(|name| header(letter, name)))
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), POISONED, "each has one letter");
    // The 1st, 2nd, 4th, 8th … are said: a flood leaves the log readable.
    let said = instance
        .log()
        .matches("record refused and dead-lettered")
        .count();
    assert!((10..=12).contains(&said), "{said}");
    assert!(instance.stop().0.success());
}

#[test]
fn leaders_and_coordinators_that_move_cost_no_record() {
    const BROKERS: u16 = 3;
    let (mock, setup) = setup("moving", PARTITIONS, BROKERS);
    let config = config(&setup, "tillwatch.toml", OFTEN);
    let instance = Instance::start(&config);
    instance.wait_until_ready();
    for (round, seed) in (0..6).zip(1..) {
        setup.simulate(500, seed);
        for (topic, partitions) in setup.topics() {
            for partition in 0..partitions {
                let broker = 1 + (round + partition) % i32::from(BROKERS);
                let moved = mock.move_leader(&topic, partition, broker);
                moved.expect("a leader can be moved");
            }
        }
        let moved = mock.move_coordinator("moving-group", 1 + round % i32::from(BROKERS));
        moved.expect("a coordinator can be moved");
    }
    setup.wait_until_scored();
    wait_until_committed(&setup, 3_000);
    assert!(instance.stop().0.success());
    compare(&setup);
}
