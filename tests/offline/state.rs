//! State that outlives the process: what is scored after a stop or a crash is what an uninterrupted run
//! scores.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tillwatch_testkit::broker::Mock;

use crate::support::scores::{compare, config, live, uninterrupted};
use crate::support::{Instance, Scoring, Setup, check, json, tillwatch, wait_for};

const PARTITIONS: i32 = 2;

/// Cuts as often as is allowed, so that a test waits for none.
const OFTEN: &str = "[state]\ninterval = \"100ms\"\n";

fn setup(topic: &str) -> (Mock, Setup) {
    let names = Setup::new("", topic, PARTITIONS).topics();
    let topics: Vec<(&str, i32)> = names.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mock = Mock::start(1, &topics).expect("a broker");
    let setup = Setup::new(mock.brokers(), topic, PARTITIONS);
    (mock, setup)
}

#[test]
fn a_stop_and_a_start_forget_nothing() {
    let (_mock, setup) = setup("stopped");
    let config = config(&setup, "tillwatch.toml", OFTEN);
    for seed in 1..4 {
        setup.simulate(2_000, seed);
        let instance = Instance::start(&config);
        setup.wait_until_scored();
        assert!(instance.stop().0.success());
    }
    compare(&setup);
}

#[test]
fn a_crash_forgets_nothing_and_scores_nothing_otherwise() {
    let (_mock, setup) = setup("crashed");
    let config = config(&setup, "tillwatch.toml", OFTEN);
    for seed in 1..4 {
        let instance = Instance::start(&config);
        setup.simulate(2_000, seed);
        wait_for("a snapshot and scores", || {
            let cuts = instance.metric("tillwatch_snapshot_cuts_total");
            cuts.is_some_and(|cuts| cuts > 1.0)
        });
        instance.kill();
    }
    let last = Instance::start(&config);
    setup.wait_until_scored();
    assert!(last.stop().0.success());
    compare(&setup);
}

#[test]
fn what_lies_in_the_store_can_be_listed_verified_shown_and_cleaned_up() {
    let (_mock, setup) = setup("looked");
    let config = config(&setup, "tillwatch.toml", OFTEN);
    setup.simulate(2_000, 1);
    let instance = Instance::start(&config);
    setup.wait_until_scored();
    assert!(instance.stop().0.success());
    let run = |arguments: &[&str]| {
        let mut command = tillwatch();
        let output = command
            .arg("snapshot")
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .output();
        let output = output.expect("the binary runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, listed) = run(&["list", "--json"]);
    assert_eq!(code, Some(0), "{listed}");
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("JSON");
    let of = |partition: i32| {
        let mut found = listed
            .iter()
            .filter(move |line| line["partition"] == partition);
        found.next().expect("a snapshot of each partition").clone()
    };
    let offsets: i64 = (0..PARTITIONS)
        .filter_map(|n| of(n)["offsets"][0].as_i64())
        .sum();
    assert_eq!(
        offsets, 2_000,
        "the last snapshot holds everything: {listed:#?}"
    );
    let (code, verified) = run(&["verify", "--all"]);
    assert_eq!(code, Some(0), "{verified}");
    assert_eq!(verified.lines().count(), listed.len());
    let key = json(&setup.scores()[0])["key"]
        .as_str()
        .expect("a key")
        .to_owned();
    let (code, shown) = run(&["show", &key]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("history of stage"), "{shown}");
    check_shown(&run(&["show", &key, "--json"]).1);
    assert_eq!(run(&["show", "nobody/has/this"]).0, Some(1));
    assert_eq!(run(&["gc"]).0, Some(0));

    let store = setup.directory.path().join("state");
    let mut damaged = 0;
    for run in files(&store)
        .iter()
        .filter(|path| path.to_string_lossy().contains("/runs/"))
    {
        let mut bytes = std::fs::read(run).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(run, bytes).expect("it can be written");
        damaged += 1;
    }
    assert!(damaged > 0);
    let (code, said) = run(&["verify"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("damaged"), "{said}");
}

/// Of a key that has records, and whose past is whole.
fn check_shown(shown: &str) {
    let lines: Vec<Value> = serde_json::from_str(shown).expect("JSON");
    let mut histories = lines.iter().filter(|line| line["stage"].is_string());
    let history = histories.next().expect("a stage remembers it");
    assert!(history["rows"].as_u64() > Some(0), "{history:#}");
    assert!(history["newest"].is_string(), "{history:#}");
    assert_eq!(history["flags"], serde_json::json!([]), "{history:#}");
}

#[test]
fn check_says_what_a_start_restores_and_what_it_does_not() {
    let (_mock, setup) = setup("checked");
    let config = config(&setup, "tillwatch.toml", OFTEN);
    let store = setup.directory.path().join("state");
    let (_, said) = check(&config);
    assert!(
        said.contains("state is kept in") && said.contains("no snapshots yet"),
        "{said}"
    );
    assert!(!store.exists(), "trying it leaves nothing");
    setup.simulate(500, 1);
    let instance = Instance::start(&config);
    setup.wait_until_scored();
    assert!(instance.stop().0.success());
    let (_, said) = check(&config);
    assert!(
        said.contains("snapshots that a start restores: of partitions 0, 1"),
        "{said}"
    );
    let text = std::fs::read_to_string(&config).expect("it was written");
    std::fs::write(
        &config,
        format!("{text}[time]\nallowed_lateness = \"1m\"\n"),
    )
    .expect("written");
    let (_, said) = check(&config);
    assert!(
        said.contains("of partitions 0, 1 were made under another key"),
        "{said}"
    );
    std::fs::remove_dir_all(&store).expect("it was there");
    std::fs::write(&store, "in the way").expect("written");
    let (output, said) = check(&config);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("[state] store"), "{said}");
}

#[cfg(not(feature = "cloud"))]
#[test]
fn a_bucket_is_refused_by_a_program_that_was_built_without_them() {
    let (_mock, setup) = setup("bucket");
    let bucket = "[state]\nstore = \"s3://bucket/x\"\n";
    let config = config(&setup, "tillwatch.toml", bucket);
    for command in ["check", "run"] {
        let output = tillwatch()
            .args([command, "--config"])
            .arg(&config)
            .output();
        let output = output.expect("the binary runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(3), "{command}: {said}");
        assert!(said.contains("--features cloud"), "{command}: {said}");
    }
}

#[test]
fn an_edited_catalog_keeps_what_did_not_change() {
    let (_mock, setup) = setup("edited");
    let shipped = Scoring::shipped();
    let catalog = setup.directory.path().join("catalog.toml");
    let text = std::fs::read_to_string(&shipped.catalog).expect("it is there");
    std::fs::write(&catalog, &text).expect("written");
    let scoring = Scoring {
        catalog: catalog.clone(),
        with_features: true,
        ..shipped
    };
    let config = setup.config_of("tillwatch.toml", &scoring, OFTEN);
    let run = |seed: u64| {
        setup.simulate(2_000, seed);
        let instance = Instance::start(&config);
        setup.wait_until_scored();
        let log = instance.log();
        assert!(instance.stop().0.success());
        log
    };
    run(1);
    let more = "[[feature]]\nname = \"stans_30m\"\naggregate = \"sum\"\ncolumn = \"stan\"\n\
                window = \"30m\"\n";
    std::fs::write(&catalog, format!("{text}\n{more}")).expect("written");
    let (_, said) = check(&config);
    for part in [
        "of partitions 0, 1 were made under another catalog",
        "transactions_5m, transactions_1h",
        "rebuilds stans_30m (whole after 30m)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let log = run(2);
    assert!(log.contains("the catalog was edited"), "{log}");
    assert!(
        check(&config)
            .1
            .contains("snapshots that a start restores: of partitions 0, 1")
    );
    // What was there before is what it would have been.
    let (live, whole) = (live(&setup), uninterrupted(&setup));
    assert_eq!(live.len(), whole.len());
    let mut compared = 0;
    for (id, score) in &whole {
        let features = score["features"].as_object().expect("features are written");
        for (name, value) in features {
            assert_eq!(&live[id]["features"][name], value, "{name} of {id}");
            compared += 1;
        }
    }
    assert!(compared > 100_000, "{compared}");
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}
