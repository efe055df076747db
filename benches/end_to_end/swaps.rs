//! What changes of models do to latency: phases with and without them in one process.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use toml::{Table, Value};

use crate::latencies::Latencies;
use crate::load::{Load, Way};
use crate::place::{PARTITIONS, Place};
use crate::process::configuration;
use crate::running::Running;

/// Length of a phase, with changes or without.
const PHASE_SECONDS: u64 = 5;

/// Changes in a phase that has them: often, as one comes with some tenths of a second of one core's
/// work for loading, checking and trying models.
pub const PHASE_SWAPS: u64 = 5;

/// How long a change may take to be taken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Phases before those that are measured: the windows and caches of the terminals fill.
const WARM_UP_PHASES: u64 = 2;

/// Members of both line-ups: the shipped default.
const MEMBERS: [&str; 3] = ["terminal-rules", "terminal-gbdt", "terminal-hst"];

/// Changes models between two ensembles of the shipped members under load. Each is read, checked and
/// compiled anew. Returns pairs of phases, without and with changes.
pub fn measure(place: &Place) -> Vec<[Latencies; 2]> {
    let pairs = place.options.swaps.div_ceil(PHASE_SWAPS);
    let phases = WARM_UP_PHASES + 2 * pairs;
    let rate = place.options.swap_rate;
    let records = rate * PHASE_SECONDS * phases;
    let load = Load::new(&mut place.fleet(), records, PARTITIONS);
    let (from, to) = (place.topic("swaps"), place.topic("swaps-out"));
    place.topic("swaps-out-alerts");
    let files = TempDir::new().unwrap();
    write_models(files.path());
    promote(files.path(), 0);
    let mut config = configuration(place, "examples/tillwatch.toml", &from, &to);
    let lineup =
        "lineup = 'lineup.toml'\nreload = '20ms'\naudit = 'audit.jsonl'\nbacktest_rows = 10000";
    config.insert("models".to_owned(), lineup.parse::<Table>().unwrap().into());
    config["http"]["listen"] = Value::from("off");
    let mut running = Running::tillwatch(place.options.tillwatch.as_deref(), &config, files);
    let directory = running.files().to_owned();
    let promotions = |start: Instant| {
        let mut swaps = 0;
        for phase in (WARM_UP_PHASES..phases).filter(|phase| has_swaps(*phase)) {
            for swap in 0..PHASE_SWAPS {
                let due_ms = 1_000 * PHASE_SECONDS * (phase * PHASE_SWAPS + swap) / PHASE_SWAPS;
                let due = start + Duration::from_millis(due_ms);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                swaps += 1;
                promote(&directory, swaps);
                wait_until_taken(&directory, swaps);
            }
        }
    };
    let way = Way {
        brokers: &place.brokers,
        from: &from,
        to: &to,
        partitions: PARTITIONS,
    };
    let measured = load.run(way, &mut running, rate, promotions);
    let mut by_phase = vec![Vec::new(); phases as usize];
    for (number, ms) in measured {
        by_phase[number / (rate * PHASE_SECONDS) as usize].push(ms);
    }
    let taken = taken(running.files());
    assert_eq!(taken, pairs * PHASE_SWAPS, "every change was taken");
    let mut sides = [Vec::new(), Vec::new()];
    for (phase, ms) in by_phase
        .into_iter()
        .enumerate()
        .skip(WARM_UP_PHASES as usize)
    {
        let has_swaps = has_swaps(phase as u64);
        let latencies = Latencies::of(ms);
        println!(
            "{rate:6} records/s, {} changes/s: p50 {:6.2} ms, p99 {:6.2} ms, max {:6.1} ms",
            u64::from(has_swaps) * PHASE_SWAPS / PHASE_SECONDS,
            latencies.p50,
            latencies.p99,
            latencies.max
        );
        sides[usize::from(has_swaps)].push(latencies);
    }
    let [without, with] = sides;
    let both = without.into_iter().zip(with);
    both.map(|(without, with)| [without, with]).collect()
}

/// In the order without, with, with, without, so that what only grows with time comes to both.
fn has_swaps(phase: u64) -> bool {
    matches!((phase - WARM_UP_PHASES) % 4, 1 | 2)
}

/// Two ensembles of the shipped models that differ in how they combine.
fn write_models(directory: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for (number, method) in ["max", "noisy_or"].iter().enumerate() {
        let mut text = format!(
            "name = \"model-{number}\"\nversion = \"1\"\nkind = \"ensemble\"\n[ensemble]\n\
             method = \"{method}\"\n"
        );
        for member in MEMBERS {
            let member = shipped.join(member);
            text += &format!(
                "[[ensemble.member]]\nmodel = {:?}\n",
                member.display().to_string()
            );
        }
        let model = directory.join(format!("model-{number}"));
        fs::create_dir(&model).unwrap();
        fs::write(model.join("model.toml"), text).unwrap();
    }
}

/// Changes since the start.
fn taken(directory: &Path) -> u64 {
    let audit = fs::read_to_string(directory.join("audit.jsonl")).unwrap();
    // The first line is of the start.
    audit.matches("\"event\":\"in_force\"").count() as u64 - 1
}

fn wait_until_taken(directory: &Path, swaps: u64) {
    let deadline = Instant::now() + PATIENCE;
    while taken(directory) < swaps {
        assert!(Instant::now() < deadline, "change {swaps} is not taken");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn promote(directory: &Path, swap: u64) {
    let beside = directory.join("lineup.new");
    fs::write(&beside, format!("champion = \"model-{}\"\n", swap % 2)).unwrap();
    fs::rename(beside, directory.join("lineup.toml")).unwrap();
}
