//! Models that change under load.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tillwatch_testkit::broker::{RealBroker, TestRecord, read_all};

use super::{PARTITIONS, setup};
use crate::load::Load;
use crate::support::{Instance, Setup, json, wait_for};

/// Phases with changes of models, each after one without: what else the machine does meanwhile comes to
/// both.
const PHASES: usize = 8;

/// Changes in each phase that has them.
const SWAPS: usize = 15;

/// Every phase lasts so long.
const PHASE: Duration = Duration::from_secs(3);

/// Transactions a second: far from what the lanes can do, so that the latency is that of the work.
const RATE: u32 = 3_000;

/// Latencies below this differ by the resolution of timestamps.
const LATENCY_MIN_MS: i64 = 2;

/// Rows that a change is tried on: few, since there are five changes a second.
const TRIAL_ROWS: u64 = 250;

/// Where a lane would be said to stall, unless phases without changes are as slow. Broker, load and models
/// under test, which are not optimised, share the machine's cores: ratios are printed here, and measured by
/// the bench `end_to_end`.
const STALL_MS: i64 = 1_000;

/// The shipped models as members of two ensembles, one of which says otherwise.
fn write_models(setup: &Setup) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for (name, method) in [("one", "max"), ("two", "noisy_or")] {
        let directory = setup.directory.path().join(name);
        std::fs::create_dir(&directory).expect("a directory");
        let mut text = format!(
            "name = \"{name}\"\nversion = \"1\"\nkind = \"ensemble\"\n[ensemble]\nmethod = \"{method}\"\n"
        );
        for member in ["terminal-rules", "terminal-gbdt", "terminal-hst"] {
            let to = setup.directory.path().join(member);
            std::fs::create_dir_all(&to).expect("a directory");
            for entry in std::fs::read_dir(shipped.join(member)).expect("it is shipped") {
                let from = entry.expect("an entry").path();
                let file = to.join(from.file_name().unwrap_or_default());
                std::fs::copy(&from, file).expect("a file is copied");
            }
            text.push_str(&format!("[[ensemble.member]]\nmodel = \"../{member}\"\n"));
        }
        std::fs::write(directory.join("model.toml"), text).expect("a model is written");
    }
}

/// A configuration that takes its models from the line-up and looks at it again and again.
fn write_config(setup: &Setup) -> PathBuf {
    let config = setup.config("tillwatch.toml", "");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let written = text
        .lines()
        .map(|line| match line.starts_with("champion") {
            true => format!(
                "lineup = \"lineup.toml\"\nreload = \"20ms\"\naudit = \"audit.jsonl\"\n\
                 backtest_rows = {TRIAL_ROWS}"
            ),
            false => line.to_owned(),
        })
        .collect::<Vec<_>>();
    std::fs::write(&config, written.join("\n")).expect("it can be written again");
    config
}

fn promote(setup: &Setup, model: &str) {
    let path = setup.directory.path().join("lineup.toml");
    let beside = path.with_extension("new");
    std::fs::write(&beside, format!("champion = \"{model}\"\n")).expect("it is written");
    std::fs::rename(beside, path).expect("it takes the place of the one before");
}

/// The audit file, read on as it grows.
struct Audit {
    file: std::fs::File,
    text: String,
}

impl Audit {
    fn changes(&mut self) -> usize {
        self.file
            .read_to_string(&mut self.text)
            .expect("it can be read");
        self.text.matches("\"event\":\"in_force\"").count()
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// Changes the models again and again, or not at all, for a phase; begin and end of it.
fn phase(setup: &Setup, audit: &mut Audit, swaps: usize) -> (i64, i64) {
    let (began_ms, began) = (unix_ms(), Instant::now());
    for swap in 0..swaps {
        let before = audit.changes();
        // The first line of the audit is of the start, with the first model.
        promote(setup, ["one", "two"][before % 2]);
        wait_for("a change of models", || audit.changes() > before);
        let due = PHASE * (swap as u32 + 1) / swaps as u32;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
    }
    std::thread::sleep(PHASE.saturating_sub(began.elapsed()));
    (began_ms, unix_ms())
}

#[test]
#[ignore = "needs Java and Maven for a real Kafka"]
fn models_change_under_load_and_nothing_is_lost() {
    let broker = RealBroker::start().expect("a broker");
    let setup = setup(&broker, "swap");
    write_models(&setup);
    promote(&setup, "one");
    let instance = Instance::start(&write_config(&setup));
    instance.wait_until_ready();
    let file = std::fs::File::open(setup.directory.path().join("audit.jsonl"));
    let mut audit = Audit {
        file: file.expect("the audit began"),
        text: String::new(),
    };
    let load = Load::start(&setup, RATE, 1);
    // Connections, caches and the first records of every terminal.
    for _ in 0..PHASES / 2 {
        phase(&setup, &mut audit, 0);
    }
    let phases: Vec<[(i64, i64); 2]> = (0..PHASES)
        .map(|_| [0, SWAPS].map(|swaps| phase(&setup, &mut audit, swaps)))
        .collect();
    drop(load);
    setup.wait_until_scored();
    assert_eq!(audit.changes(), 1 + PHASES * SWAPS);
    assert_eq!(
        instance.metric("tillwatch_model_reloads_total{outcome=\"taken\"}"),
        Some((PHASES * SWAPS) as f64)
    );
    assert!(instance.stop().0.success());

    let scores = setup.scores();
    let expected = setup.expected_positions().len();
    assert_eq!(
        scores.len(),
        expected,
        "every record is scored exactly once"
    );
    check_versions(&scores, &audit.text);
    check_trial(&audit.text);
    let input = read_all(&setup.brokers, &setup.topic, PARTITIONS).expect("the input can be read");
    check_latencies(&latencies(&input, &scores), &phases, expected);
}

/// No lane stalls while models change: latencies of phases with changes are like those of phases without.
fn check_latencies(
    latencies: &BTreeMap<i64, Vec<i64>>,
    phases: &[[(i64, i64); 2]],
    expected: usize,
) {
    let quantiles = |side: usize| {
        let phases = phases.iter().map(|both| both[side]);
        let mut found = [0.5, 0.99].map(|quantile| {
            let each = phases.clone().map(|(from, to)| {
                let all = latencies.range(from..to).flat_map(|(_, all)| all);
                at(quantile, all.copied().collect())
            });
            each.collect::<Vec<i64>>()
        });
        found.iter_mut().for_each(|each| each.sort_unstable());
        found
    };
    let [without, with] = [quantiles(0), quantiles(1)];
    // The median of phases: one burst of other work on the machine decides nothing.
    let [p99_without, p99_with] = [&without[1], &with[1]].map(|each| at(0.5, each.clone()));
    let ratio = |with: i64, without: i64| {
        with.max(LATENCY_MIN_MS) as f64 / without.max(LATENCY_MIN_MS) as f64
    };
    eprintln!(
        "{expected} records scored exactly once, {} changes of models; latencies of {PHASES} phases, ms: \
         without changes p50 {:?}, p99 {:?}; with changes p50 {:?}, p99 {:?}; median p99 {p99_without} \
         without, {p99_with} with, ratio {:.2}",
        PHASES * SWAPS,
        without[0],
        without[1],
        with[0],
        with[1],
        ratio(p99_with, p99_without),
    );
    assert!(
        p99_with < STALL_MS.max(2 * p99_without),
        "p99 {p99_with} ms against {p99_without} ms"
    );
}

/// A quantile, 0 to 1; of nothing it is 0.
fn at(quantile: f64, mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    let position = (values.len() as f64 * quantile) as usize;
    values.get(position).copied().unwrap_or(0)
}

/// Every score is of the line-up that its lane had begun with by then, according to the audit.
fn check_versions(scores: &[TestRecord], audit: &str) {
    let mut begun: BTreeMap<(i64, i64), String> = BTreeMap::new();
    for line in audit.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        if line["event"] == "begun" {
            let number = |name: &str| line[name].as_i64().unwrap_or(-1);
            let model = line["to"]["champion"].as_str().unwrap_or_default();
            let place = (number("partition"), number("offset"));
            let twice = begun.insert(place, model.to_owned());
            assert_eq!(twice, None, "a lane begins once at {place:?}");
        }
    }
    let changes_of_lanes = begun.len();
    assert!(
        changes_of_lanes > SWAPS,
        "{changes_of_lanes} changes of lanes"
    );
    let mut seen = BTreeSet::new();
    for score in scores {
        let score = json(score);
        let number = |name: &str| score[name].as_i64().unwrap_or(-1);
        let place = (number("partition"), number("offset"));
        let (_, model) = begun.range(..=place).next_back().expect("a lane has begun");
        let text = |name: &str| score[name].as_str().unwrap_or_default().to_owned();
        let found = format!("{}+{}", text("model"), text("model_hash"));
        assert_eq!(&found, model, "at {place:?}");
        seen.insert(found);
    }
    assert_eq!(seen.len(), 2, "two models and nothing else: {seen:?}");
}

/// The last change was tried on the rows before it, though they came a few at a time.
fn check_trial(audit: &str) {
    let last = audit.lines().rfind(|line| line.contains("\"trial\""));
    let last: Value = serde_json::from_str(last.expect("a change was tried")).expect("it is JSON");
    let rows = last["trial"]["rows"].as_u64().unwrap_or(0);
    assert!(rows >= TRIAL_ROWS, "tried on {rows} rows of {TRIAL_ROWS}");
}

/// Milliseconds from each input record's timestamp to that of its score, by the former.
fn latencies(input: &[TestRecord], scores: &[TestRecord]) -> BTreeMap<i64, Vec<i64>> {
    let mut sent: BTreeMap<(i32, i64), i64> = BTreeMap::new();
    let mut offsets = vec![0; PARTITIONS as usize];
    for record in input {
        let offset = &mut offsets[record.partition as usize];
        sent.insert(
            (record.partition, *offset),
            record.timestamp_ms.unwrap_or(0),
        );
        *offset += 1;
    }
    let mut found: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for score in scores {
        let made = score.timestamp_ms.unwrap_or(0);
        let score = json(score);
        let number = |name: &str| score[name].as_i64().unwrap_or(-1);
        let sent = sent[&(number("partition") as i32, number("offset"))];
        found.entry(sent).or_default().push(made - sent);
    }
    found
}
